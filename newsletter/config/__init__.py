"""`newsletter.toml` and the environment become one frozen `Config`; unknown keys are errors."""

from newsletter.config.kinds import is_loopback
from newsletter.config.load import ENV_PREFIX, FILE_NAME, Origins, load, parse, settable, variable_for
from newsletter.config.model import (
    SAMPLE_POSTAL_ADDRESS,
    Config,
    FieldConfig,
    ListConfig,
    SmtpConfig,
)

__all__ = [
    "ENV_PREFIX",
    "FILE_NAME",
    "SAMPLE_POSTAL_ADDRESS",
    "Config",
    "FieldConfig",
    "ListConfig",
    "Origins",
    "SmtpConfig",
    "is_loopback",
    "load",
    "parse",
    "settable",
    "variable_for",
]

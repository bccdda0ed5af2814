"""Reading `.env`: a line that cannot be understood is an error, and a password others can read is told.

python-dotenv skips what it cannot parse with a warning of its own, so a password would be missing
and nobody would know why. Its parser is used, its leniency is not.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from dotenv.parser import parse_stream

from newsletter.errors import ConfigError

NAME = ".env"


def read_dotenv(path: Path) -> dict[str, str]:
    """Variables and their values, taken literally; {} without the file. `ConfigError` names file and line."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            bindings = list(parse_stream(file))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror}.", hint="Let the user who runs this command read it."
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text.", hint="Save it in the encoding UTF-8.") from error
    found = {}
    for binding in bindings:
        if binding.error:
            skipped = len(binding.original.string) - len(binding.original.string.lstrip())
            line = binding.original.line + binding.original.string[:skipped].count("\n")
            raise ConfigError(
                f"{path}, line {line} cannot be understood.",
                hint="Write NAME=value on each line, and close every quote; comments begin with #.",
            )
        if binding.key is not None:
            found[binding.key] = binding.value or ""
    return found


def exposed(path: Path, variables: dict[str, str]) -> str:
    """A warning when others on this machine can read a password in `.env`, else ""."""
    holds_secret = any("PASSWORD" in name.upper() and value for name, value in variables.items())
    if not holds_secret or os.name != "posix" or not path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        return ""
    return f"{path} holds a password and can be read by others. Run `chmod 600 {path}`."

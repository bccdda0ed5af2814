"""Where the packaged defaults are: the theme, the example issues and the commented configuration.

There is one copy of them. In a checkout they are the top-level `templates/`, `issues/` and
`newsletter.toml`, because the repository is itself a Site; the wheel carries the same files below
this package. Only this module knows the difference.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path


def _root() -> Path:
    here = Path(str(resources.files(__package__)))
    return here if (here / "templates").is_dir() else here.parent.parent


def templates() -> Path:
    """The default theme."""
    return _root() / "templates"


def issues() -> Path:
    """The example issues."""
    return _root() / "issues"


def configuration() -> Path:
    """The commented `newsletter.toml` of the example Site."""
    return _root() / "newsletter.toml"

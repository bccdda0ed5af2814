"""Where the packaged defaults are: the theme, the example issues and the commented configuration.

There is one copy of theme and issues. In a checkout they are the top-level `templates/` and `issues/`,
because the repository is itself a Site; the wheel carries the same files below this package. Only this
module knows the difference. The commented configuration lies here; the repository's own is the same
file (a test says so), because build tools can move folders into a package, but not single files.
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
    return Path(str(resources.files(__package__))) / "newsletter.toml"

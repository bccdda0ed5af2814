"""An opened Site: the one place where configuration, database, templates and transports are wired together.

Everything below is handed what it needs; everything above asks the Site for it. `folder` is what lies there,
`authoring` what is done with issues, `sending` how mail leaves, `serial` what comes after days, `telling` what
the editor hears, `erasing` how somebody is forgotten.
"""

from __future__ import annotations

from newsletter.site.authoring import Checked
from newsletter.site.erasing import Erasing
from newsletter.site.folder import find_root
from newsletter.site.serial import Serial
from newsletter.site.telling import Telling

__all__ = ["Checked", "Site", "find_root"]


class Site(Serial, Telling, Erasing):
    """A folder with `newsletter.toml`, `templates/` and `issues/`."""

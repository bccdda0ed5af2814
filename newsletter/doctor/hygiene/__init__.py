"""The guard of the repository: neither readers' addresses nor secrets get into what git would commit.

`tracked` knows which files those are, `leaks` what must not be in them, `allowed` what the Site lets pass.
"""

from newsletter.doctor.hygiene.allowed import FILE_NAME, Allowed
from newsletter.doctor.hygiene.leaks import REMEDIES, Leak, look
from newsletter.doctor.hygiene.tracked import Source, sources

__all__ = ["FILE_NAME", "REMEDIES", "Allowed", "Leak", "Source", "look", "sources"]

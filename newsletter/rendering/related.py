"""Pictures that travel inside the mail: `cid:` addresses and the parts of multipart/related they mean (RFC 2387).

For Sites whose pages readers cannot reach, and for readers whose programs load nothing from outside. Every
copy then carries every picture, so it is done on request only.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping

from newsletter.errors import RenderError

Media = Mapping[str, tuple[str, bytes]]
"""Media type and bytes of pictures by the name they have under `/media/`."""

_ADDRESS = re.compile(r"(?<=[\"'])cid:(([0-9a-f]{64}\.[a-z]{3,4})@[A-Za-z0-9.-]+)(?=[\"'])")


def embedded_address(name: str, domain: str) -> str:
    """The address of a picture inside the mail (RFC 2392); its name is its hash, so no other can have it."""
    return f"cid:{name}@{domain}"


def embeds(html: str) -> bool:
    """Whether this HTML shows pictures from inside the mail."""
    return _ADDRESS.search(html) is not None


def head(boundary: bytes) -> bytes:
    """The header of the part that holds the HTML and its pictures, blank line included."""
    return b'Content-Type: multipart/related; type="text/html";\r\n boundary="' + boundary + b'"\r\n\r\n'


def parts(html: str, media: Media, boundary: bytes) -> bytes:
    """Every picture that `html` shows from inside the mail, once, behind delimiters; empty when there is none.

    Whole lines, the last one open, as a closing delimiter begins with a line end (RFC 2046 §5.1.1). Raises
    `RenderError` when a picture is not among `media`.
    """
    pieces = []
    for content_id, name in dict.fromkeys(_ADDRESS.findall(html)):
        if name not in media:
            raise RenderError(f"The picture {name} is not there to be embedded.", hint="Launch the issue again.")
        media_type, data = media[name]
        shown_name = name[:8] + name[64:]
        lines = (
            f"\r\n--{boundary.decode()}",
            f'Content-Type: {media_type}; name="{shown_name}"',
            "Content-Transfer-Encoding: base64",
            f"Content-ID: <{content_id}>",
            f'Content-Disposition: inline; filename="{shown_name}"',
            "",
            "",
        )
        encoded = base64.encodebytes(data).replace(b"\n", b"\r\n").removesuffix(b"\r\n")
        pieces.append("\r\n".join(lines).encode("ascii") + encoded)
    return b"".join(pieces)

"""A picture's file without anything that is not picture: no EXIF, GPS, XMP, comments or thumbnails.

Photographs tell where and when they were taken, and with what. What needs no other change keeps the very
pixels its author saved, so the file is taken apart and put together again instead of being encoded anew.
"""

from __future__ import annotations

import re

_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")
"""The end of entropy-coded JPEG data: any marker but a restart (ITU-T T.81 §B.1.1)."""
_SOS, _EOI, _COM = 0xDA, 0xD9, 0xFE
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_GIF_LOOPS = frozenset({b"NETSCAPE2.0", b"ANIMEXTS1.0"})


def without_metadata(data: bytes) -> bytes | None:
    """A JPEG, PNG or GIF with the same pixels and nothing else; None when it is built in no way we know.

    What follows the end of the picture (a second picture, a film, what a crop left behind) goes as well.
    A colour profile is dropped, not applied; an animated PNG becomes its first frame.
    """
    try:
        if data.startswith(b"\xff\xd8"):
            return _jpeg(data)
        if data.startswith(_PNG):
            return _png(data)
        if data.startswith((b"GIF87a", b"GIF89a")):
            return _gif(data)
    except (IndexError, ValueError):
        pass
    return None


def _jpeg(data: bytes) -> bytes:
    """Segments and scans up to the end of the first image (ITU-T T.81 §B.1)."""
    kept = [data[:2]]
    at = 2
    while True:
        if data[at] != 0xFF:
            raise ValueError("no marker")
        while data[at] == 0xFF:  # any number of them may stand before a marker
            at += 1
        start, marker = at - 1, data[at]
        if marker == _EOI:
            return b"".join([*kept, b"\xff\xd9"])
        at += 1 + _number(data, at + 1, 2)
        if marker == _SOS:
            following = _MARKER.search(data, at)
            if following is None:
                raise ValueError("no end")
            at = following.start()
        if _belongs(marker, data[start:at]):
            kept.append(data[start:at])


def _belongs(marker: int, segment: bytes) -> bool:
    """Whether a segment of a JPEG says how to read the pixels."""
    if marker == 0xE0:
        return len(segment) == 18 and segment[4:9] == b"JFIF\0"  # longer ones hold a thumbnail
    if marker == 0xEE:
        return segment[4:9] == b"Adobe"  # which colours the components are
    return not (0xE0 <= marker <= 0xEF or marker == _COM)


def _png(data: bytes) -> bytes:
    """Critical chunks and transparency (PNG 3rd edition §5.3)."""
    kept = [_PNG]
    at = len(_PNG)
    while True:
        end = at + 12 + _number(data, at, 4)
        kind = data[at + 4 : at + 8]
        if end > len(data):
            raise ValueError("no end")
        if kind in _PNG_KEPT:
            kept.append(data[at:end])
        elif not kind[0] & 0x20:
            raise ValueError("a critical chunk we do not know")
        if kind == b"IEND":
            return b"".join(kept)
        at = end


def _gif(data: bytes) -> bytes:
    """Frames, their timing and the loop (GIF89a §§17-27)."""
    at = 13 + _table(data[10])
    kept = [data[:at]]
    while data[at] != 0x3B:
        start = at
        if data[at] == 0x2C:
            at += 10 + _table(data[at + 9]) + 1
            keep = True
        elif data[at] == 0x21:
            keep = data[at + 1] == 0xF9 or (data[at + 1] == 0xFF and data[at + 3 : at + 14] in _GIF_LOOPS)
            at += 2
        else:
            raise ValueError("a block we do not know")
        while data[at]:
            at += data[at] + 1
        at += 1
        if keep:
            kept.append(data[start:at])
    return b"".join([*kept, b";"])


def _table(flags: int) -> int:
    """Bytes of a GIF's colour table."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _number(data: bytes, at: int, size: int) -> int:
    if at + size > len(data):
        raise ValueError("no end")
    return int.from_bytes(data[at : at + size], "big")

"""Pictures: opened, proved whole and measured before anything refers to them.

A truncated picture shows as a grey block in somebody's mail and a decompression bomb takes the sender
down, so both are refused while the editor is still at the desk.
"""

from __future__ import annotations

import hashlib
import io
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import PIL.Image

from newsletter.content.values import Image
from newsletter.errors import ContentError

MAX_BYTES = 20_000_000
MAX_PIXELS = {"JPEG": 50_000_000, "MPO": 50_000_000}
MAX_UNPACKED_PIXELS = 25_000_000
"""Of other formats, which can only be unpacked whole, with some ten bytes a pixel."""
SIDEWAYS = (5, 6, 7, 8)
"""EXIF 2.32 §4.6.4: orientations that exchange rows and columns."""

_FORMATS = {
    "JPEG": ("image/jpeg", "jpg"),
    "MPO": ("image/jpeg", "jpg"),  # a JPEG with further pictures behind it, as some cameras write
    "PNG": ("image/png", "png"),
    "GIF": ("image/gif", "gif"),
    "WEBP": ("image/webp", "webp"),
}
_ORIENTATION = 0x0112
_REMEMBERED = 500

_Measure = tuple[int, int, str, str]
"""Width and height as shown, media type and suffix."""

_warnings_lock = threading.Lock()
"""`catch_warnings` changes the whole process, and previews are loaded by several threads."""
_measured: dict[str, _Measure] = {}
"""What was found in bytes of that digest: a preview loads the same photographs again with every word typed."""


def open_image(path: Path, *, named_in: Path, line: int) -> Image:
    """Measure the picture at `path`; errors are reported at the place that names it.

    Raises ContentError when the file is missing, over 20 MB or 50 megapixels (25 if it is no JPEG), not
    JPEG, PNG, GIF or WebP, or damaged. Width and height are as shown, with the EXIF orientation applied.
    """

    def refuse(what: str, hint: str) -> ContentError:
        return ContentError(f'The picture "{path.name}" {what}.', path=named_in, line=line, hint=hint)

    if not path.is_file():
        raise refuse("does not exist", "Put the file there or correct the path; capital letters count.")
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise refuse(f"cannot be read ({error.strerror})", "Make the file readable.") from error
    if len(data) > MAX_BYTES:
        raise refuse(f"is larger than {MAX_BYTES // 1_000_000} MB", "Save it smaller; 1200 pixels wide is plenty.")
    digest = hashlib.sha256(data).hexdigest()
    try:
        width, height, media_type, suffix = _measured.get(digest) or _remember(digest, _measure(data))
    except (PIL.Image.DecompressionBombWarning, PIL.Image.DecompressionBombError) as error:
        hint = "Save it with fewer: a JPEG may have 50 megapixels, others 25."
        raise refuse("has too many megapixels", hint) from error
    except PIL.UnidentifiedImageError as error:
        raise refuse("is not a JPEG, PNG, GIF or WebP file", "Save it as JPEG or PNG.") from error
    # Pillow's plugins meet damaged files with whatever exception their parsing runs into.
    except Exception as error:
        raise refuse("is damaged or incomplete", "Export or copy it again.") from error
    return Image(path=path, width=width, height=height, media_type=media_type, digest=digest, suffix=suffix)


@contextmanager
def opened(data: bytes) -> Iterator[PIL.Image.Image]:
    """The picture in `data`, its pixels not read yet.

    Pillow's warnings are silent inside, and no other thread decodes meanwhile. Raises DecompressionBombError
    when it has too many, UnidentifiedImageError when it is none of our formats, and for what is damaged
    whatever Pillow raises.
    """
    with _warnings_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", PIL.Image.DecompressionBombWarning)
        with PIL.Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "GIF", "WEBP")) as picture:
            if picture.width * picture.height > MAX_PIXELS.get(picture.format or "", MAX_UNPACKED_PIXELS):
                raise PIL.Image.DecompressionBombError
            yield picture


def orientation(picture: PIL.Image.Image) -> int:
    """How an opened picture has to be turned, 1 to 8 (EXIF 2.32 §4.6.4); 1 is upright."""
    # Where it does not stand in front, asking a PNG for EXIF would unpack all of it.
    if picture.format == "PNG" and "exif" not in picture.info:
        return 1
    found = picture.getexif().get(_ORIENTATION)
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def _measure(data: bytes) -> _Measure:
    with opened(data) as picture:
        media_type, suffix = _FORMATS[picture.format or ""]
        width, height = picture.size
        if orientation(picture) in SIDEWAYS:
            width, height = height, width
        if not _is_whole(picture, data):
            raise ValueError("the end is missing")
    return width, height, media_type, suffix


def _remember(digest: str, measure: _Measure) -> _Measure:
    if len(_measured) >= _REMEMBERED:
        _measured.clear()
    _measured[digest] = measure
    return measure


def _is_whole(picture: PIL.Image.Image, data: bytes) -> bool:
    """Read to the end of the file as cheaply as its format allows; may raise what Pillow raises."""
    if picture.format == "PNG":
        picture.verify()  # walks all chunks and their checksums, without inflating the pixels
        return data.rstrip(b"\0").rfind(b"IEND") > 0
    if picture.format in {"JPEG", "MPO"}:
        picture.draft("L", (max(1, picture.width // 8), max(1, picture.height // 8)))  # decodes an eighth
    picture.load()
    return picture.format != "GIF" or data.rstrip(b"\0").endswith(b";")

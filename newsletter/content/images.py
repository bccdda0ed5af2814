"""Pictures: opened, proved whole and measured before anything refers to them.

A truncated picture shows as a grey block in somebody's mail and a decompression bomb takes the sender
down, so both are refused while the editor is still at the desk.
"""

from __future__ import annotations

import hashlib
import io
import threading
import warnings
from pathlib import Path

import PIL.Image

from newsletter.content.values import Image
from newsletter.errors import ContentError

MAX_BYTES = 10_000_000
MAX_PIXELS = 50_000_000

_FORMATS = {
    "JPEG": ("image/jpeg", "jpg"),
    "MPO": ("image/jpeg", "jpg"),  # a JPEG with further pictures behind it, as some cameras write
    "PNG": ("image/png", "png"),
    "GIF": ("image/gif", "gif"),
    "WEBP": ("image/webp", "webp"),
}
_ORIENTATION = 0x0112
_SIDEWAYS = (5, 6, 7, 8)  # EXIF 2.32 §4.6.4: orientations that exchange rows and columns

_warnings_lock = threading.Lock()
"""`catch_warnings` changes the whole process, and previews are loaded by several threads."""


def open_image(path: Path, *, named_in: Path, line: int) -> Image:
    """Measure the picture at `path`; errors are reported at the place that names it.

    Raises ContentError when the file is missing, over 10 MB or 50 megapixels, not JPEG, PNG, GIF or
    WebP, or damaged. Width and height are as shown, with the EXIF orientation applied.
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
        raise refuse(f"is larger than {MAX_BYTES // 1_000_000} MB", "Save it smaller; 1072 pixels wide is plenty.")
    too_big = refuse(f"has more than {MAX_PIXELS // 1_000_000} megapixels", "Save it with fewer pixels.")
    try:
        with _warnings_lock, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", PIL.Image.DecompressionBombWarning)
            picture = PIL.Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "GIF", "WEBP"))
            if picture.width * picture.height > MAX_PIXELS:
                raise too_big
            media_type, suffix = _FORMATS[picture.format or ""]
            width, height = picture.size
            # Asking a PNG for EXIF would unpack all of it; cameras do not write PNG.
            if picture.format != "PNG" and picture.getexif().get(_ORIENTATION) in _SIDEWAYS:
                width, height = height, width
            whole = _is_whole(picture, data)
    except (PIL.Image.DecompressionBombWarning, PIL.Image.DecompressionBombError) as error:
        raise too_big from error
    except PIL.UnidentifiedImageError as error:
        raise refuse("is not a JPEG, PNG, GIF or WebP file", "Save it as JPEG or PNG.") from error
    # Pillow's plugins meet damaged files with whatever exception their parsing runs into.
    except (OSError, ValueError, SyntaxError, KeyError, IndexError, EOFError, OverflowError) as error:
        raise refuse("is damaged or incomplete", "Export or copy it again.") from error
    if not whole:
        raise refuse("is damaged or incomplete", "Export or copy it again.")
    digest = hashlib.sha256(data).hexdigest()
    return Image(path=path, width=width, height=height, media_type=media_type, digest=digest, suffix=suffix)


def _is_whole(picture: PIL.Image.Image, data: bytes) -> bool:
    """Read to the end of the file as cheaply as its format allows; may raise what Pillow raises."""
    if picture.format == "PNG":
        picture.verify()  # walks all chunks and their checksums, without inflating the pixels
        return data.rstrip(b"\0").rfind(b"IEND") > 0
    if picture.format in {"JPEG", "MPO"}:
        picture.draft("L", (max(1, picture.width // 8), max(1, picture.height // 8)))  # decodes an eighth
    picture.load()
    return picture.format != "GIF" or data.rstrip(b"\0").endswith(b";")

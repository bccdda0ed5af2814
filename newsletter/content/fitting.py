"""Pictures made for their place: shown width × 2, upright, in sRGB, light, and nothing in them but the picture.

An editor puts the photograph into the folder as the camera wrote it. Readers get a file of a fiftieth of its
size that does not tell where it was taken, and that every mail program shows.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass

import PIL
import PIL.Image

from newsletter.content.cache import Cache
from newsletter.content.images import SIDEWAYS, opened, orientation
from newsletter.content.metadata import without_metadata
from newsletter.content.values import Fitted, Image
from newsletter.errors import ContentError

DENSITY = 2
"""Pixels of the file for each pixel shown: screens have two or three."""
WIDEST = 1200
"""No file is wider: a mail has 600 pixels, and on a web page more are not seen."""
TALLEST = 8192
BUDGET = 200 * 1024
"""Bytes of one picture; over that it loses quality, as far as it may."""
ISSUE_BUDGET = 1024 * 1024
"""Bytes of all pictures of a mail together. Nothing is made worse for it: the editor is told."""

_RECIPE = f"1-{PIL.__version__}"
"""Part of every key of the cache: another version may make other bytes."""
_LIGHT = 0.15
"""Bytes a pixel: what is as light as that already stays as its author saved it."""
_WORTH_IT = 0.9
"""What is already right is encoded anew only if that leaves less than this part of it."""
_FEW = 256
"""Colours of a drawing, at the most."""
_STEP, _STEPS = 10, 4
_TURNS = {
    2: PIL.Image.Transpose.FLIP_LEFT_RIGHT,
    3: PIL.Image.Transpose.ROTATE_180,
    4: PIL.Image.Transpose.FLIP_TOP_BOTTOM,
    5: PIL.Image.Transpose.TRANSPOSE,
    6: PIL.Image.Transpose.ROTATE_270,
    7: PIL.Image.Transpose.TRANSVERSE,
    8: PIL.Image.Transpose.ROTATE_90,
}
_TYPES = {"jpg": "image/jpeg", "png": "image/png", "gif": "image/gif"}


@dataclass(frozen=True)
class _File:
    """A picture file that was made."""

    data: bytes
    suffix: str
    width: int
    height: int


class Fitter:
    """Makes pictures fit; safe to share between threads."""

    def __init__(self, cache: Cache | None = None, quality: int = 80) -> None:
        """`quality` is that of JPEG (1 to 95); what was made stays in `cache`, if there is one."""
        self._cache = cache
        self._quality = quality

    def fit(self, image: Image, width: int) -> Fitted:
        """`image` for a place in which it is shown `width` CSS pixels wide.

        JPEG, PNG or GIF; never larger than the original, and wider than `width` × 2 only where a moving GIF stays
        as it is. The bytes follow from the original's, the width, the quality and the version of Pillow.
        Raises ContentError when the file has changed since it was opened, or cannot be decoded.
        """
        columns, rows = size_for(image, width)
        key = f"{image.digest}-{columns}-q{self._quality}-{_RECIPE}"
        file = self._kept(key)
        if file is None:
            file = _made(image, _original(image), columns, rows, self._quality)
            if self._cache is not None:
                head = f"{file.suffix} {file.width} {file.height}\n"
                self._cache.put(key, head.encode("ascii") + file.data)
        return Fitted(
            path=image.path,
            width=file.width,
            height=file.height,
            media_type=_TYPES[file.suffix],
            digest=hashlib.sha256(file.data).hexdigest(),
            suffix=file.suffix,
            data=file.data,
        )

    def _kept(self, key: str) -> _File | None:
        entry = self._cache.get(key) if self._cache is not None else None
        if entry is None:
            return None
        head, _, data = entry.partition(b"\n")
        suffix, width, height = head.decode("ascii").split(" ")
        return _File(data, suffix, int(width), int(height))


def size_for(image: Image, width: int) -> tuple[int, int]:
    """Columns and rows of the file for a place `width` CSS pixels wide."""
    columns = min(DENSITY * max(1, width), WIDEST, image.width)
    if image.height * columns > TALLEST * image.width:
        columns = max(1, TALLEST * image.width // image.height)
    return columns, min(image.height, max(1, round(image.height * columns / image.width)))


def _original(image: Image) -> bytes:
    """The author's file, if it is still the one that was looked at."""
    try:
        data = image.path.read_bytes()
    except OSError as error:
        raise ContentError(
            f"The picture cannot be read any more ({error.strerror}).", path=image.path, hint="Put it back."
        ) from error
    if hashlib.sha256(data).hexdigest() != image.digest:
        raise ContentError(
            "The picture was changed while it was being read.", path=image.path, hint="Run the command again."
        )
    return data


def _made(image: Image, data: bytes, columns: int, rows: int, quality: int) -> _File:
    try:
        with opened(data) as picture:
            return _fitted(picture, image, data, (columns, rows), quality)
    except (PIL.Image.DecompressionBombWarning, PIL.Image.DecompressionBombError) as error:
        raise ContentError("The picture has too many pixels.", path=image.path, hint="Save it smaller.") from error
    # Whatever Pillow's plugins run into in a damaged file that looked whole from outside.
    except Exception as error:
        raise ContentError("The picture is damaged.", path=image.path, hint="Export or copy it again.") from error


def _fitted(picture: PIL.Image.Image, image: Image, data: bytes, size: tuple[int, int], quality: int) -> _File:
    bare = without_metadata(data)
    if picture.format == "GIF" and getattr(picture, "is_animated", False):
        return _File(bare or data, "gif", image.width, image.height)
    turn, profile = orientation(picture), picture.info.get("icc_profile")
    is_photograph = picture.format in {"JPEG", "MPO"}
    is_right = size == (image.width, image.height) and turn == 1 and not profile and picture.mode != "CMYK"
    as_saved = _File(bare, image.suffix, *size) if bare is not None and is_right else None
    if as_saved is not None and len(as_saved.data) <= _LIGHT * size[0] * size[1]:
        return as_saved
    across = size[::-1] if turn in SIDEWAYS else size
    if is_photograph:
        picture.draft(None, (2 * across[0], 2 * across[1]))  # decodes no more of it than needed
    shown = _plain(picture)
    is_drawing = not is_photograph and shown.getcolors(_FEW) is not None
    if shown.size != across:
        shown = shown.resize(across, PIL.Image.Resampling.LANCZOS, reducing_gap=3.0)
    if turn in _TURNS:
        shown = shown.transpose(_TURNS[turn])
    shown = _in_srgb(shown, profile)
    shown.info = {}  # comments and profiles would be written again
    made = _encoded(shown, quality, is_photograph=is_photograph, is_drawing=is_drawing)
    if as_saved is not None and _WORTH_IT * len(as_saved.data) <= len(made.data):
        return as_saved
    return made


def _plain(picture: PIL.Image.Image) -> PIL.Image.Image:
    """In mode L, RGB, RGBA where something shows through, or CMYK; eight bits a channel."""
    if picture.mode.startswith("I"):  # sixteen bits of grey, which `convert` would cut off at 255
        return picture.convert("I").point(lambda value: value / 256).convert("L")
    if picture.mode in {"RGBA", "LA", "PA"} or "transparency" in picture.info:
        clear = picture.convert("RGBA")
        lightest = clear.getchannel("A").getextrema()[0]
        return clear.convert("RGB") if lightest == 255 else clear
    if picture.mode in {"L", "RGB", "CMYK"}:
        picture.load()
        return picture
    return picture.convert("L" if picture.mode == "1" else "RGB")


def _in_srgb(picture: PIL.Image.Image, profile: bytes | None) -> PIL.Image.Image:
    """With the colours that `profile` means; a broken one, or one for other channels, means nothing."""
    if profile:
        from PIL import ImageCms

        colours = picture.convert("RGB") if picture.mode == "RGBA" else picture
        try:
            meant = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(colours, meant, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            converted = None
        if converted is not None:
            if picture.mode == "RGBA":
                converted.putalpha(picture.getchannel("A"))
            return converted
    return picture.convert("RGB") if picture.mode == "CMYK" else picture


def _encoded(picture: PIL.Image.Image, quality: int, *, is_photograph: bool, is_drawing: bool) -> _File:
    """PNG for what shows through and for drawings, unless that costs twice as much; JPEG for the rest."""
    if picture.mode == "RGBA":
        return _png(picture)
    jpeg = _jpeg(picture, quality, subsampling="4:2:0" if is_photograph else "4:4:4")
    if not is_drawing:
        return jpeg
    png = _png(picture)
    return png if len(png.data) <= 2 * len(jpeg.data) else jpeg


def _jpeg(picture: PIL.Image.Image, quality: int, subsampling: str) -> _File:
    """Progressive, of the first quality downwards that keeps to the budget."""
    out = io.BytesIO()
    for step in range(_STEPS):
        out = io.BytesIO()
        lower = max(1, quality - step * _STEP)
        picture.save(out, "JPEG", quality=lower, subsampling=subsampling, progressive=True, optimize=True)
        if out.tell() <= BUDGET:
            break
    return _File(out.getvalue(), "jpg", *picture.size)


def _png(picture: PIL.Image.Image) -> _File:
    """With all its colours, or with 256 where those break the budget."""
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True)
    if out.tell() > BUDGET:
        out = io.BytesIO()
        way = PIL.Image.Quantize.FASTOCTREE if picture.mode == "RGBA" else PIL.Image.Quantize.MEDIANCUT
        picture.quantize(_FEW, way).save(out, "PNG", optimize=True)
    return _File(out.getvalue(), "png", *picture.size)

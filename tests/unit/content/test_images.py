"""A picture that would look broken in a mail is refused at the desk."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from pathlib import Path

import PIL.Image
import pytest

from newsletter.content.images import MAX_BYTES, open_image
from newsletter.content.values import Image
from newsletter.errors import ContentError

NAMED_IN = Path("issues/a/01-b.md")


def encoded(kind: str, size: tuple[int, int] = (120, 80), **options: object) -> bytes:
    out = io.BytesIO()
    PIL.Image.effect_noise(size, 90).convert("RGB").save(out, kind, **options)
    return out.getvalue()


def opened(path: Path, data: bytes) -> Image:
    path.write_bytes(data)
    return open_image(path, named_in=NAMED_IN, line=7)


def refused(path: Path, data: bytes) -> ContentError:
    with pytest.raises(ContentError) as caught:
        opened(path, data)
    assert (caught.value.path, caught.value.line) == (NAMED_IN, 7)
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize(("kind", "suffix"), [("JPEG", "jpg"), ("PNG", "png"), ("GIF", "gif"), ("WEBP", "webp")])
def test_picture_is_measured_by_its_content_not_its_name(tmp_path: Path, kind: str, suffix: str) -> None:
    data = encoded(kind)
    image = opened(tmp_path / "picture.jpg", data)
    assert (image.width, image.height, image.suffix) == (120, 80, suffix)
    assert image.media_type == f"image/{kind.lower()}"
    assert image.digest == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP"])
@pytest.mark.parametrize("keep", [0.3, 0.6, 0.99])
def test_truncated_picture_is_refused(tmp_path: Path, kind: str, keep: float) -> None:
    data = encoded(kind)
    assert "damaged" in refused(tmp_path / "p", data[: int(len(data) * keep)]).message


def test_turned_photograph_is_measured_as_shown(tmp_path: Path) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    image = opened(tmp_path / "p.jpg", encoded("JPEG", exif=exif))
    assert (image.width, image.height) == (80, 120)


@pytest.mark.parametrize("kind", ["BMP", "TIFF"])
def test_other_formats_are_refused(tmp_path: Path, kind: str) -> None:
    assert "JPEG" in refused(tmp_path / "p.jpg", encoded(kind)).message


@pytest.mark.parametrize("data", [b"", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"GIF89a", b"\x89PNG\r\n\x1a\n"])
def test_things_that_are_no_pictures_are_refused(tmp_path: Path, data: bytes) -> None:
    refused(tmp_path / "p.png", data)


@pytest.mark.parametrize("side", [7_500, 9_700, 14_000, 60_000])
def test_decompression_bomb_is_refused_without_being_unpacked(tmp_path: Path, side: int) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0))
    bomb = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    assert "megapixels" in refused(tmp_path / "p.png", bomb).message


def test_heavy_file_is_refused(tmp_path: Path) -> None:
    assert "20 MB" in refused(tmp_path / "p.jpg", encoded("JPEG") + b"\0" * MAX_BYTES).message


def test_missing_picture_and_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.jpg", tmp_path):
        with pytest.raises(ContentError, match="does not exist"):
            open_image(path, named_in=NAMED_IN, line=1)

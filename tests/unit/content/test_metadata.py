"""A file is taken apart and put together again: the same pixels, and nothing that tells of anything else."""

from __future__ import annotations

import io

import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.content.photographs import CAMERA, drawing, encoded, scene, where_it_was

from newsletter.content.metadata import without_metadata

SECRET = b"GPS 52.5 N 13.4 E"


def pixels(data: bytes) -> bytes:
    return PIL.Image.open(io.BytesIO(data)).convert("RGBA").tobytes()


def bare(data: bytes) -> bytes:
    found = without_metadata(data)
    assert found is not None
    assert pixels(found) == pixels(data)
    assert without_metadata(found) == found
    return found


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 4}, {"keep_rgb": True}])
def test_jpeg_keeps_what_its_pixels_need(options: dict[str, object]) -> None:
    picture = scene((160, 120))
    plain = encoded(picture, "JPEG", **options)
    assert bare(plain) == plain
    full = encoded(
        picture, "JPEG", exif=where_it_was(), comment=SECRET, xmp=b"<x>" + SECRET, icc_profile=SECRET, **options
    )
    assert bare(full) == plain
    assert bare(full + b"MotionPhoto" + SECRET) == plain


def test_print_jpeg_keeps_the_marker_that_says_how_its_colours_are_meant() -> None:
    data = encoded(PIL.Image.new("CMYK", (40, 30), (0, 200, 100, 0)), "JPEG")
    assert b"Adobe" in bare(data)


def test_second_picture_of_a_camera_goes() -> None:
    data = encoded(scene((80, 60)), "MPO", save_all=True, append_images=[scene((80, 60), seed=2)])
    assert len(bare(data)) < len(data) / 2


def test_thumbnail_of_a_jfif_header_goes() -> None:
    plain = encoded(scene((80, 60)), "JPEG")
    header = b"\xff\xe0\x00\x10JFIF\0"
    assert plain[2:].startswith(header)
    thumbnail = b"\xff\xe0\x00\x13JFIF\0\x01\x01\0\0\x01\0\x01\x01\x01ABC"
    assert b"ABC" not in bare(plain[:2] + thumbnail + plain[20:])[:40]


def test_png_keeps_critical_chunks_and_transparency() -> None:
    from PIL.PngImagePlugin import PngInfo

    words = PngInfo()
    words.add_text("Comment", SECRET.decode())
    words.add_itxt("Where", SECRET.decode(), zip=True)
    picture = drawing((80, 60)).convert("P")
    plain = encoded(picture, "PNG", transparency=0)
    full = encoded(picture, "PNG", transparency=0, pnginfo=words, exif=where_it_was(), dpi=(72, 72))
    assert bare(full) == plain
    assert bare(plain + SECRET) == plain  # what a crop left behind


def test_moving_png_becomes_its_first_frame() -> None:
    data = encoded(drawing((80, 60)), "PNG", save_all=True, append_images=[drawing((80, 60)).rotate(180)])
    assert PIL.Image.open(io.BytesIO(data)).is_animated  # type: ignore[attr-defined]
    assert not getattr(PIL.Image.open(io.BytesIO(bare(data))), "is_animated", False)


def test_gif_keeps_frames_timing_and_loop() -> None:
    frames = [drawing((40, 30)), drawing((40, 30)).rotate(90), drawing((40, 30)).rotate(180)]
    options = {"save_all": True, "append_images": frames[1:], "duration": [50, 70, 90], "loop": 3}
    plain = encoded(frames[0], "GIF", **options)
    assert bare(plain) == plain
    commented = encoded(frames[0], "GIF", comment=SECRET, **options)
    xmp = b"\x21\xff\x0bXMP DataXMP<x>" + SECRET + b"</x>\x01" + bytes(range(255, -1, -1)) + b"\0"
    kept = bare(commented[:-1] + xmp + b";" + SECRET)
    assert SECRET not in kept
    picture = PIL.Image.open(io.BytesIO(kept))
    assert (picture.n_frames, picture.info["loop"]) == (3, 3)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xd8", b"\xff\xd8\xff", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"RIFF....WEBP", b"BM"]
)
def test_what_we_cannot_take_apart_is_left_to_others(data: bytes) -> None:
    assert without_metadata(data) is None


@given(st.data())
def test_no_file_is_ever_made_of_more_than_there_was(data: st.DataObject) -> None:
    whole = data.draw(st.sampled_from(_WHOLE))
    cut = whole[: data.draw(st.integers(0, len(whole)))]
    found = without_metadata(cut + data.draw(st.binary(max_size=20)))
    assert found is None or len(found) <= len(cut) + 20


_WHOLE = [
    encoded(scene((32, 24)), "JPEG", exif=where_it_was()),
    encoded(drawing((32, 24)), "PNG", exif=where_it_was()),
    encoded(drawing((32, 24)), "GIF", comment=CAMERA.encode()),
]

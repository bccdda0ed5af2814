"""Whatever an editor puts into the folder, readers get a light picture of the right size, and nothing else in it."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import PIL.Image
import PIL.ImageCms
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from unit.content.photographs import CAMERA, drawing, encoded, grainy, on_file, scene, where_it_was

from newsletter.content.cache import Cache
from newsletter.content.fitting import BUDGET, TALLEST, WIDEST, Fitter, size_for
from newsletter.content.values import Fitted, Image
from newsletter.errors import ContentError


def shown(fitted: Fitted) -> PIL.Image.Image:
    picture = PIL.Image.open(io.BytesIO(fitted.data))
    picture.load()
    assert picture.size == (fitted.width, fitted.height)
    assert hashlib.sha256(fitted.data).hexdigest() == fitted.digest
    return picture


def corners(picture: PIL.Image.Image) -> list[bool]:
    """Which of the four corners are red, clockwise from the upper left."""
    width, height = picture.size
    at = [(5, 5), (width - 6, 5), (width - 6, height - 6), (5, height - 6)]
    return [pixel[0] > 170 and pixel[1] < 90 for pixel in (picture.convert("RGB").getpixel(each) for each in at)]  # type: ignore[index,operator]


def test_photograph_has_twice_the_pixels_it_is_shown_in(tmp_path: Path) -> None:
    image = on_file(tmp_path / "p.jpg", encoded(scene((2400, 1600)), "JPEG", quality=95))
    fitted = Fitter().fit(image, 300)
    assert (fitted.width, fitted.height, fitted.media_type, fitted.suffix) == (600, 400, "image/jpeg", "jpg")
    assert shown(fitted).info["progressive"]
    assert len(fitted.data) < 60_000
    assert fitted.path == image.path


def test_where_and_with_what_it_was_taken_is_gone(tmp_path: Path) -> None:
    data = encoded(
        scene((900, 600)), "JPEG", exif=where_it_was(), comment=b"at home", xmp=b"<x:xmpmeta>at home</x:xmpmeta>"
    )
    assert CAMERA.encode() in data
    assert PIL.Image.open(io.BytesIO(data)).getexif().get_ifd(0x8825)
    image = on_file(tmp_path / "p.jpg", data)
    for width in (200, 450, 2000):
        fitted = Fitter().fit(image, width)
        picture = shown(fitted)
        assert not dict(picture.getexif())
        assert not picture.getexif().get_ifd(0x8825)
        assert not {"exif", "xmp", "comment", "icc_profile"} & picture.info.keys()
        for secret in (CAMERA.encode(), b"at home", b"Exif", b"xmp"):
            assert secret not in fitted.data


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_other_formats_keep_no_secrets_either(tmp_path: Path, kind: str) -> None:
    data = encoded(drawing((300, 200)), kind, exif=where_it_was())
    image = on_file(tmp_path / "p", data)
    for width in (100, 150, 600):
        fitted = Fitter().fit(image, width)
        assert CAMERA.encode() not in fitted.data
        assert not dict(shown(fitted).getexif())


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "PNG"])
def test_turned_picture_stands_upright(tmp_path: Path, turn: int, kind: str) -> None:
    upright = PIL.Image.new("RGB", (240, 160), (90, 120, 150))
    upright.paste((220, 20, 20), (0, 0, 60, 40))
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # the transposition that a reader's program takes back
    lying = upright.transpose(PIL.Image.Transpose(undo[turn])) if turn in undo else upright
    image = on_file(tmp_path / "p", encoded(lying, kind, exif=where_it_was(turn)))
    assert (image.width, image.height) == (240, 160)
    for width in (60, 120):
        picture = shown(Fitter().fit(image, width))
        assert picture.size == (2 * width, 2 * width * 160 // 240)
        assert corners(picture) == [True, False, False, False]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    size=st.tuples(st.integers(1, 900), st.integers(1, 900)),
    width=st.integers(1, 700),
    kind=st.sampled_from(["JPEG", "PNG", "GIF", "WEBP"]),
)
def test_never_wider_than_twice_the_place_and_never_enlarged(
    tmp_path: Path, size: tuple[int, int], width: int, kind: str
) -> None:
    image = on_file(tmp_path / "p", encoded(PIL.Image.new("RGB", size, (9, 99, 200)), kind))
    fitted = Fitter().fit(image, width)
    picture = shown(fitted)
    assert picture.width <= min(2 * width, size[0], WIDEST)
    assert picture.height <= size[1]
    assert picture.width == min(2 * width, size[0], WIDEST)
    assert abs(picture.height - size[1] * picture.width / size[0]) <= 1
    assert picture.format in {"JPEG", "PNG", "GIF"}


@given(size=st.tuples(st.integers(1, 60_000), st.integers(1, 60_000)), width=st.integers(-5, 10_000))
def test_size_of_the_file_is_bounded_in_both_directions(size: tuple[int, int], width: int) -> None:
    columns, rows = size_for(Image(Path("p"), *size, "image/png", "0" * 64, "png"), width)
    assert 1 <= columns <= min(size[0], WIDEST, 2 * max(1, width))
    assert 1 <= rows <= min(size[1], max(TALLEST, size[1] // size[0] + 1))


def test_what_is_right_and_light_already_keeps_its_bytes(tmp_path: Path) -> None:
    for kind, options in (("JPEG", {"quality": 75}), ("PNG", {})):
        picture = scene((800, 500)) if kind == "JPEG" else drawing((800, 500))
        data = encoded(picture, kind, **options)
        assert Fitter().fit(on_file(tmp_path / kind, data), 536).data == data


def test_what_is_right_but_heavy_is_encoded_again(tmp_path: Path) -> None:
    data = encoded(grainy((1000, 700)), "JPEG", quality=98)
    fitted = Fitter().fit(on_file(tmp_path / "p.jpg", data), 536)
    assert shown(fitted).size == (1000, 700)
    assert len(fitted.data) < len(data) / 2


def test_equal_input_makes_equal_bytes_in_every_process(tmp_path: Path) -> None:
    images = [
        on_file(tmp_path / "a.jpg", encoded(grainy((1600, 1200)), "JPEG", quality=93, exif=where_it_was(6))),
        on_file(tmp_path / "b.png", encoded(drawing((1600, 1200)), "PNG")),
        on_file(tmp_path / "c.webp", encoded(scene((700, 500)).convert("RGBA"), "WEBP")),
    ]
    program = (
        "import sys, pathlib\n"
        "from newsletter.content.images import open_image\n"
        "from newsletter.content.fitting import Fitter\n"
        "for name in sys.argv[1:]:\n"
        "    path = pathlib.Path(name)\n"
        "    print(Fitter().fit(open_image(path, named_in=path, line=1), 200).digest)\n"
    )
    command = [sys.executable, "-c", program, *(str(image.path) for image in images)]
    runs = {subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(2)}
    assert runs == {"".join(f"{Fitter().fit(image, 200).digest}\n" for image in images)}


# -- which format -----------------------------------------------------------------------------------


def test_drawing_stays_sharp_as_png(tmp_path: Path) -> None:
    fitted = Fitter().fit(on_file(tmp_path / "p.png", encoded(drawing((1200, 800)), "PNG")), 300)
    assert fitted.suffix == "png"
    assert shown(fitted).convert("RGB").getpixel((590, 399)) == (11, 107, 99)


def test_photograph_saved_as_png_becomes_jpeg(tmp_path: Path) -> None:
    data = encoded(scene((1200, 800)), "PNG")
    fitted = Fitter().fit(on_file(tmp_path / "p.png", data), 300)
    assert fitted.media_type == "image/jpeg"
    assert len(fitted.data) < len(data) / 10


def test_grey_photograph_saved_as_png_becomes_jpeg(tmp_path: Path) -> None:
    fitted = Fitter().fit(on_file(tmp_path / "p.png", encoded(grainy((1200, 800)).convert("L"), "PNG")), 300)
    assert (fitted.suffix, shown(fitted).mode) == ("jpg", "L")


def test_what_shows_through_still_does(tmp_path: Path) -> None:
    clear = drawing((600, 400)).convert("RGBA")
    clear.paste((0, 0, 0, 0), (0, 0, 300, 400))
    for kind in ("PNG", "WEBP", "GIF"):
        for width in (100, 300):
            fitted = Fitter().fit(on_file(tmp_path / "p", encoded(clear, kind)), width)
            picture = shown(fitted).convert("RGBA")
            assert fitted.suffix in {"png", "gif"}
            assert picture.getpixel((10, 10))[3] == 0  # type: ignore[index]
            assert picture.getpixel((2 * width - 10, 10))[3] == 255  # type: ignore[index]


def test_alpha_that_hides_nothing_is_dropped(tmp_path: Path) -> None:
    data = encoded(scene((600, 400)).convert("RGBA"), "PNG")
    assert Fitter().fit(on_file(tmp_path / "p.png", data), 200).suffix == "jpg"


def test_clear_photograph_keeps_to_the_budget(tmp_path: Path) -> None:
    clear = grainy((1400, 1000)).convert("RGBA")
    clear.paste((0, 0, 0, 0), (0, 0, 700, 1000))
    fitted = Fitter().fit(on_file(tmp_path / "p.png", encoded(clear, "PNG", compress_level=1)), 250)
    assert fitted.suffix == "png"
    assert len(fitted.data) <= BUDGET


@pytest.mark.parametrize("lossless", [True, False])
def test_webp_becomes_what_old_programs_show(tmp_path: Path, lossless: bool) -> None:
    fitted = Fitter().fit(on_file(tmp_path / "p.webp", encoded(scene((300, 200)), "WEBP", lossless=lossless)), 400)
    assert fitted.media_type == "image/jpeg"
    drawn = Fitter().fit(on_file(tmp_path / "d.webp", encoded(drawing((300, 200)), "WEBP", lossless=True)), 400)
    assert drawn.media_type == "image/png"


def test_moving_gif_moves_on_byte_for_byte(tmp_path: Path) -> None:
    frames = [PIL.Image.new("RGB", (300, 200), colour) for colour in ("red", "green", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=80, loop=0)
    fitted = Fitter().fit(on_file(tmp_path / "p.gif", data), 100)
    assert fitted.data == data
    assert (fitted.width, fitted.height, fitted.media_type) == (300, 200, "image/gif")


def test_moving_gif_loses_its_comment_alone(tmp_path: Path) -> None:
    frames = [PIL.Image.new("RGB", (30, 20), colour) for colour in ("red", "green", "blue")]
    options: dict[str, Any] = {"save_all": True, "append_images": frames[1:], "duration": 80, "loop": 0}
    data = encoded(frames[0], "GIF", comment=b"taken at home", **options)
    assert b"taken at home" in data
    fitted = Fitter().fit(on_file(tmp_path / "p.gif", data), 100)
    assert b"taken at home" not in fitted.data
    picture = PIL.Image.open(io.BytesIO(fitted.data))
    assert (picture.n_frames, picture.info["loop"], picture.info["duration"]) == (3, 0, 80)  # type: ignore[attr-defined]


def test_moving_webp_shows_its_first_picture(tmp_path: Path) -> None:
    frames = [PIL.Image.new("RGB", (60, 40), colour) for colour in ("red", "green")]
    data = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    picture = shown(Fitter().fit(on_file(tmp_path / "p.webp", data), 30))
    assert picture.convert("RGB").getpixel((5, 5)) == (255, 0, 0)


# -- colours ----------------------------------------------------------------------------------------


def test_print_colours_become_screen_colours(tmp_path: Path) -> None:
    data = encoded(PIL.Image.new("CMYK", (300, 200), (0, 255, 255, 0)), "JPEG", quality=95)
    for width in (50, 400):
        picture = shown(Fitter().fit(on_file(tmp_path / "p.jpg", data), width))
        assert picture.mode == "RGB"
        red, green, blue = picture.getpixel((9, 9))  # type: ignore[misc]
        assert red > 220
        assert max(green, blue) < 60


@pytest.mark.parametrize("value", [0, 0x4000, 0x8000, 0xFFFF])
def test_sixteen_bits_of_grey_keep_their_tone(tmp_path: Path, value: int) -> None:
    picture = PIL.Image.new("I;16", (64, 48), value)
    fitted = Fitter().fit(on_file(tmp_path / "p.png", encoded(picture, "PNG")), 16)
    assert abs(shown(fitted).convert("L").getpixel((5, 5)) - value // 257) <= 2  # type: ignore[operator]


def test_palette_picture_keeps_its_colours(tmp_path: Path) -> None:
    picture = drawing((600, 400)).convert("P", palette=PIL.Image.Palette.ADAPTIVE, colors=8)
    fitted = Fitter().fit(on_file(tmp_path / "p.png", encoded(picture, "PNG")), 100)
    assert fitted.suffix == "png"
    red, green, blue = shown(fitted).convert("RGB").getpixel((180, 130))  # type: ignore[misc]
    assert (abs(red - 11) < 8, abs(green - 107) < 8, abs(blue - 99) < 8) == (True, True, True)


def test_colours_of_another_profile_are_shown_as_meant(tmp_path: Path) -> None:
    wide = PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile("LAB"))
    srgb = PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile("sRGB"))
    for profile in (srgb, wide):  # the second is for other channels, and so means nothing
        data = encoded(
            PIL.Image.new("RGB", (90, 60), (200, 100, 50)), "JPEG", icc_profile=profile.tobytes(), quality=95
        )
        for width in (20, 90):
            picture = shown(Fitter().fit(on_file(tmp_path / "p.jpg", data), width))
            assert "icc_profile" not in picture.info
            assert all(
                abs(got - 0 - want) <= 4 for got, want in zip(picture.getpixel((5, 5)), (200, 100, 50), strict=True)
            )  # type: ignore[arg-type]


def test_broken_profile_is_dropped(tmp_path: Path) -> None:
    data = encoded(scene((90, 60)), "JPEG", icc_profile=b"nonsense" * 40)
    assert b"nonsense" not in Fitter().fit(on_file(tmp_path / "p.jpg", data), 90).data


# -- faults -----------------------------------------------------------------------------------------


def test_picture_changed_since_it_was_looked_at_is_refused(tmp_path: Path) -> None:
    image = on_file(tmp_path / "p.png", encoded(drawing((60, 40)), "PNG"))
    image.path.write_bytes(encoded(drawing((60, 41)), "PNG"))
    with pytest.raises(ContentError, match="changed"):
        Fitter().fit(image, 20)
    image.path.unlink()
    with pytest.raises(ContentError, match="cannot be read"):
        Fitter().fit(image, 20)


def test_bomb_is_refused_without_being_unpacked(tmp_path: Path) -> None:
    data = encoded(PIL.Image.new("1", (9_000, 9_000)), "PNG")
    path = tmp_path / "p.png"
    path.write_bytes(data)
    image = Image(path, 9_000, 9_000, "image/png", hashlib.sha256(data).hexdigest(), "png")
    with pytest.raises(ContentError, match="pixels"):
        Fitter().fit(image, 300)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chance=st.randoms(use_true_random=False), kind=st.sampled_from(["JPEG", "PNG", "GIF", "WEBP"]))
def test_spoiled_file_is_fitted_or_refused_in_words(tmp_path: Path, chance: Any, kind: str) -> None:
    data = bytearray(_WHOLE[kind])
    for _ in range(chance.randrange(1, 6)):
        data[chance.randrange(len(data))] = chance.randrange(256)
    path = tmp_path / "p"
    try:
        answer: object = Fitter().fit(on_file(path, bytes(data)), 20).data
    except ContentError as error:
        answer = error.hint
    assert answer


_WHOLE = {
    "JPEG": encoded(scene((64, 48)), "JPEG", exif=where_it_was(6), progressive=True),
    "PNG": encoded(drawing((64, 48)).convert("P"), "PNG", exif=where_it_was(3), transparency=1),
    "GIF": encoded(drawing((64, 48)), "GIF", save_all=True, append_images=[drawing((64, 48)).rotate(90)], comment=b"x"),
    "WEBP": encoded(scene((64, 48)), "WEBP", exif=where_it_was(8)),
}


# -- the cache --------------------------------------------------------------------------------------


def test_second_time_needs_neither_work_nor_the_original(tmp_path: Path) -> None:
    fitter = Fitter(Cache(tmp_path / "cache"))
    image = on_file(tmp_path / "p.jpg", encoded(scene((800, 600)), "JPEG"))
    first = fitter.fit(image, 100)
    image.path.unlink()
    assert fitter.fit(image, 100) == first
    assert Fitter(Cache(tmp_path / "cache")).fit(image, 100) == first
    with pytest.raises(ContentError):
        Fitter(Cache(tmp_path / "cache"), quality=70).fit(image, 100)


def test_damaged_entry_is_made_again(tmp_path: Path) -> None:
    fitter = Fitter(Cache(tmp_path / "cache"))
    image = on_file(tmp_path / "p.jpg", encoded(scene((800, 600)), "JPEG"))
    first = fitter.fit(image, 100)
    (entry,) = (tmp_path / "cache").iterdir()
    for spoiled in (b"", entry.read_bytes()[:-1], entry.read_bytes()[:-1] + b"?"):
        entry.write_bytes(spoiled)
        assert fitter.fit(image, 100) == first

"""Pictures as cameras, phones and screens make them, drawn here so that none has to be kept."""

from __future__ import annotations

import io
import random
from pathlib import Path

import PIL.Image
import PIL.ImageDraw

from newsletter.content.images import open_image
from newsletter.content.values import Image

CAMERA = "Spycam 3000"
PLACE = (52.0, 31.0, 12.0)
"""Latitude in degrees, minutes and seconds, as GPS tags have it."""


def scene(size: tuple[int, int], seed: int = 1) -> PIL.Image.Image:
    """A coloured scene with soft and sharp edges, the same for equal arguments; red in its upper left corner."""
    chance = random.Random(seed)
    small = PIL.Image.new("RGB", (48, 36))
    small.putdata([tuple(chance.randrange(40, 216) for _ in range(3)) for _ in range(48 * 36)])
    picture = small.resize(size, PIL.Image.Resampling.BICUBIC)
    pen = PIL.ImageDraw.Draw(picture)
    for _ in range(40):
        x, y = chance.randrange(size[0]), chance.randrange(size[1])
        side = max(2, size[0] // 30)
        pen.ellipse((x, y, x + side, y + side), fill=tuple(chance.randrange(256) for _ in range(3)))
    pen.rectangle((0, 0, size[0] // 4, size[1] // 4), fill=(220, 20, 20))
    return picture


def grainy(size: tuple[int, int], seed: int = 1) -> PIL.Image.Image:
    """The scene with the grain of a small sensor, which makes files heavy."""
    chance = random.Random(seed)
    tile = PIL.Image.frombytes("RGB", (256, 256), chance.randbytes(256 * 256 * 3))
    grain = PIL.Image.new("RGB", size)
    for x in range(0, size[0], 256):
        for y in range(0, size[1], 256):
            grain.paste(tile.transpose(PIL.Image.Transpose(chance.randrange(7))), (x, y))
    return PIL.Image.blend(scene(size, seed), grain, 0.18)


def drawing(size: tuple[int, int]) -> PIL.Image.Image:
    """A chart in three colours."""
    picture = PIL.Image.new("RGB", size, (255, 255, 255))
    pen = PIL.ImageDraw.Draw(picture)
    for n in range(6):
        pen.rectangle((n * size[0] // 6, size[1] // (n + 2), (n + 1) * size[0] // 6 - 4, size[1]), fill=(11, 107, 99))
    pen.line((0, 0, *size), fill=(180, 0, 0), width=3)
    return picture


def where_it_was(turn: int = 1) -> PIL.Image.Exif:
    """What a phone writes into every photograph."""
    exif = PIL.Image.Exif()
    exif[0x010F] = CAMERA
    exif[0x0112] = turn
    exif.get_ifd(0x8825).update({1: "N", 2: PLACE, 3: "E", 4: PLACE})
    return exif


def encoded(picture: PIL.Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def on_file(path: Path, data: bytes) -> Image:
    """The picture in a folder, measured."""
    path.write_bytes(data)
    return open_image(path, named_in=Path("issue.md"), line=3)

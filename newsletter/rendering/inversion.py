"""Turning a light mail dark without asking it, as Gmail's apps and others do.

Nobody documents how they do it. What they have in common: pictures stay, hues stay, light and dark change
places. So the lightness of every colour is mirrored in OKLab (Ottosson 2020), whose lightness is the one eyes
see; white becomes a soft black, as there.
"""

from __future__ import annotations

import re
from functools import cache

import lxml.html

DARKEST, LIGHTEST = 0.21, 1.0
"""OKLab lightness of what was white, and of what was black."""

_COLOUR = re.compile(r"#(?:[0-9a-f]{6}|[0-9a-f]{3})\b|rgba?\([\d\s.,%/]+\)|\b(?:white|black)\b", re.IGNORECASE)
_PAINTED = ("bgcolor", "color", "text", "link")
_NAMED = {"white": "#ffffff", "black": "#000000"}


def inverted(html: str) -> str:
    """The document `html` with the colours of its style and colour attributes turned from light to dark and back."""
    tree = lxml.html.document_fromstring(html)
    for element in tree.iter(lxml.etree.Element):
        for name in ("style", *_PAINTED):
            value = element.get(name)
            if value:
                element.set(name, _COLOUR.sub(lambda found: turned(found[0].lower()), value))
    return str(lxml.html.tostring(tree, encoding="unicode", doctype="<!DOCTYPE html>"))


@cache
def turned(colour: str) -> str:
    """`colour` (hex, `rgb()`, `rgba()`, white or black) with its lightness mirrored; `rgba()` keeps its alpha.

    A colour that cannot be read is given back as it is.
    """
    channels = _channels(colour)
    if channels is None:
        return colour
    lightness, a, b = _to_oklab(*channels)
    wanted = LIGHTEST - (LIGHTEST - DARKEST) * lightness
    mirrored = "#" + "".join(f"{round(255 * part):02x}" for part in _in_gamut(wanted, a, b))
    alpha = colour.rpartition(",")[2].strip(" )") if colour.startswith("rgba") else ""
    if not alpha:
        return mirrored
    red, green, blue = (int(mirrored[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {alpha})"


def _channels(colour: str) -> tuple[float, float, float] | None:
    """Red, green and blue from 0 to 1."""
    text = _NAMED.get(colour, colour)
    if text.startswith("#"):
        digits = text[1:] if len(text) == 7 else "".join(2 * digit for digit in text[1:])
        parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    else:
        numbers = re.findall(r"[\d.]+%?", text)[:3]
        try:
            parts = [float(each[:-1]) / 100 if each.endswith("%") else float(each) / 255 for each in numbers]
        except ValueError:
            return None
    if len(parts) != 3:
        return None
    red, green, blue = (min(1.0, part) for part in parts)
    return red, green, blue


def _to_oklab(red: float, green: float, blue: float) -> tuple[float, float, float]:
    r, g, b = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in (red, green, blue))
    long = (0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b) ** (1 / 3)
    medium = (0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b) ** (1 / 3)
    short = (0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b) ** (1 / 3)
    return (
        0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short,
    )


def _in_gamut(lightness: float, a: float, b: float) -> list[float]:
    """The colour as sRGB, paler where a screen cannot show it so strong."""
    for tenths in range(10, -1, -1):
        parts = _to_srgb(lightness, a * tenths / 10, b * tenths / 10)
        if all(-0.001 <= part <= 1.001 for part in parts):
            break
    return [min(1.0, max(0.0, part)) for part in parts]


def _to_srgb(lightness: float, a: float, b: float) -> list[float]:
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )
    return [12.92 * part if part <= 0.0031308 else 1.055 * part ** (1 / 2.4) - 0.055 for part in linear]

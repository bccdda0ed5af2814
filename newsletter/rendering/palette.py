"""Colours that follow from the accent: its dark-mode twin, tints, and whether anybody can read it.

A Site chooses one colour. Everything else is computed, because a second colour for dark mode that
somebody picked by eye is the one that ends up unreadable.
"""

from __future__ import annotations

import colorsys
import re
from dataclasses import dataclass

from newsletter.errors import ConfigError

WHITE = "#ffffff"
PAGE = "#f3f0e9"
"""The darkest ground that stands behind accented text in light mode: the page around the panels."""
DARK_PANEL = "#1b222b"
"""Background of the theme's panels in dark mode."""
DARK_INK = "#10151b"
"""Text on the accent in dark mode."""
READABLE = 4.5
"""Contrast ratio for body text, WCAG 2.2 §1.4.3 (level AA)."""
_COMFORTABLE = 7.0


@dataclass(frozen=True)
class Palette:
    """Six-digit hex colours for the theme, light and dark."""

    accent: str
    """As the Site chose it: for bars and buttons, under white text."""
    link: str
    """The accent for text: the same, or just dark enough to be read on every light ground."""
    tint: str
    """A breath of accent on white, for panels that stand back."""
    accent_dark: str
    tint_dark: str


def palette(accent: str) -> Palette:
    """The palette of `accent` (`#rrggbb`). Raises `ConfigError` when it cannot be read on white."""
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", accent):
        raise ConfigError(f"theme.accent {accent!r} is not a colour.", hint="Write six hex digits, such as #0b6b63.")
    accent = accent.lower()
    ratio = contrast(accent, WHITE)
    if ratio < READABLE:
        raise ConfigError(
            f"theme.accent {accent} has a contrast of {ratio:.1f}:1 on white; readers need {READABLE}:1.",
            hint=f"A darker one of the same hue is {_darkened(accent, WHITE)}.",
        )
    tint, light = _mixed(accent, WHITE, 0.07), _lightened(accent)
    return Palette(accent, _darkened(accent, tint, PAGE), tint, light, _mixed(light, DARK_PANEL, 0.05))


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two `#rrggbb` colours, 1 to 21 (WCAG 2.2, relative luminance)."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _darkened(accent: str, *grounds: str) -> str:
    """The accent itself where it can be read on all `grounds`, or else the first darker one of its hue that can."""
    hue, lightness, saturation = _hls(accent)
    found = accent
    while min(contrast(found, ground) for ground in grounds) < READABLE:
        lightness -= 0.01
        found = _hex(hue, lightness, saturation)
    return found


def _lightened(accent: str) -> str:
    """The accent with its hue kept and made light enough to read comfortably on a dark panel."""
    hue, lightness, saturation = _hls(accent)
    saturation = min(saturation, 0.5)
    while contrast(_hex(hue, lightness, saturation), DARK_PANEL) < _COMFORTABLE and lightness < 1:
        lightness += 0.01
    return _hex(hue, min(lightness, 1), saturation)


def _mixed(colour: str, ground: str, share: float) -> str:
    pairs = zip(_channels(colour), _channels(ground), strict=True)
    return "#" + "".join(f"{round(255 * (share * a + (1 - share) * b)):02x}" for a, b in pairs)


def _luminance(colour: str) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in _channels(colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _channels(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return red, green, blue


def _hls(colour: str) -> tuple[float, float, float]:
    return colorsys.rgb_to_hls(*_channels(colour))


def _hex(hue: float, lightness: float, saturation: float) -> str:
    parts = colorsys.hls_to_rgb(hue, max(0.0, lightness), saturation)
    return "#" + "".join(f"{round(255 * part):02x}" for part in parts)

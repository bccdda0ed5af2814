"""Colours computed from the accent can be read, in light and in dark."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import ConfigError
from newsletter.rendering.palette import DARK_INK, DARK_PANEL, PAGE, READABLE, WHITE, contrast, palette


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@given(st.integers(0, 0xFFFFFF).map("#{:06x}".format))
def test_every_accent_is_readable_or_refused_with_a_darker_one(accent: str) -> None:
    try:
        colours = palette(accent)
    except ConfigError as error:
        assert contrast(accent, WHITE) < READABLE
        suggested = re.search(r"#[0-9a-f]{6}", error.hint)
        assert suggested
        assert contrast(suggested[0], WHITE) >= READABLE
        return
    assert contrast(colours.accent, WHITE) >= READABLE
    assert contrast(colours.accent_dark, DARK_PANEL) >= READABLE
    assert contrast(colours.accent_dark, colours.tint_dark) >= READABLE
    assert contrast(DARK_INK, colours.accent_dark) >= READABLE
    assert contrast("#57616d", colours.tint) >= READABLE
    for ground in (WHITE, PAGE, colours.tint):
        assert contrast(colours.link, ground) >= READABLE
    assert contrast(accent, colours.link) < 1.5  # still the colour that was chosen


@pytest.mark.parametrize("accent", ["teal", "#fff", "#12345g", ""])
def test_an_accent_is_six_hex_digits(accent: str) -> None:
    with pytest.raises(ConfigError, match="not a colour"):
        palette(accent)

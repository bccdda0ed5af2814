"""Forced dark: lightness is mirrored, hue stays, contrast survives."""

from __future__ import annotations

import colorsys

import pytest

from newsletter.rendering.inversion import inverted, turned
from newsletter.rendering.palette import contrast


def test_white_becomes_a_soft_black_and_black_becomes_white() -> None:
    assert turned("#ffffff") == turned("#fff") == turned("white") == turned("rgb(255, 255, 255)") == "#181818"
    assert turned("#000000") == turned("black") == "#ffffff"


@pytest.mark.parametrize("colour", ["#0b6b63", "#a32020", "#2a5a8c"])
def test_hue_stays(colour: str) -> None:
    assert abs(_hue(turned(colour)) - _hue(colour)) < 0.08


@pytest.mark.parametrize(("text", "ground"), [("#17212d", "#ffffff"), ("#57616d", "#f3f0e9"), ("#0b6b63", "#ffffff")])
def test_what_could_be_read_can_be_read(text: str, ground: str) -> None:
    assert contrast(turned(text), turned(ground)) >= 4.3


def test_transparency_is_kept() -> None:
    assert turned("rgba(255, 255, 255, 0.5)") == "rgba(24, 24, 24, 0.5)"


@pytest.mark.parametrize("strange", ["rgb()", "rgb(1,2)", "rgb(., ., .)"])
def test_what_is_no_colour_stays(strange: str) -> None:
    assert turned(strange) == strange


def test_colours_of_attributes_turn_and_words_do_not() -> None:
    shown = inverted(
        '<!DOCTYPE html><html><body bgcolor="#ffffff">'
        '<p style="color:#000;border:1px solid #ffffff">#ffffff</p></body></html>'
    )
    assert 'bgcolor="#181818"' in shown
    assert "color:#ffffff;border:1px solid #181818" in shown
    assert ">#ffffff<" in shown


def _hue(colour: str) -> float:
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return colorsys.rgb_to_hls(red, green, blue)[0]

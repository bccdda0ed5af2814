"""A misspelt word is answered with the one that was meant, or with all there are."""

from __future__ import annotations

import pytest

from newsletter import spelling


def test_nearest_word_is_the_hint() -> None:
    assert spelling.hint("adress", ["address", "name"]) == "Did you mean address?"


def test_word_like_no_other_is_answered_with_all_of_them() -> None:
    assert spelling.hint("zzz", iter(["b", "a"])) == "Known: a, b."


def test_without_known_words_there_is_nothing_near() -> None:
    assert not spelling.nearest("anything", [])


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("Der gerade Rücken", "der-gerade-ruecken"),
        ("Der gerade Ru\u0308cken", "der-gerade-ruecken"),
        ("Große Øre & Ærø, Łódź", "grosse-ore-aero-lodz"),
        ("L’été d'Élan", "lete-delan"),
        ("背骨 7", "7"),
        ("!", ""),
    ],
)
def test_words_become_a_slug_that_can_still_be_read(text: str, slug: str) -> None:
    assert spelling.slug(text, 30) == slug


def test_long_slug_is_cut_between_words() -> None:
    assert spelling.slug("ten letters and some", 17) == "ten-letters-and"
    assert spelling.slug("a" * 80, 63) == "a" * 63

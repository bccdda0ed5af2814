"""A misspelt word is answered with the one that was meant, or with all there are."""

from __future__ import annotations

from newsletter import spelling


def test_nearest_word_is_the_hint() -> None:
    assert spelling.hint("adress", ["address", "name"]) == "Did you mean address?"


def test_word_like_no_other_is_answered_with_all_of_them() -> None:
    assert spelling.hint("zzz", iter(["b", "a"])) == "Known: a, b."


def test_without_known_words_there_is_nothing_near() -> None:
    assert not spelling.nearest("anything", [])

"""`--faults` as people write it."""

from __future__ import annotations

import click
import pytest

from newsletter.cli import faults
from newsletter.transport.sandbox import Faults


def test_shares_times_and_seed_are_read() -> None:
    read = faults.parse(" deferred=2%, rejected=0.01,dropped=.5%,silent=0.1%,slow=50ms,seed=7 ")
    expected = (0.02, 0.01, 0.005, 0.001, 0.05, 7)
    found = (read.defer_rate, read.reject_rate, read.drop_before_dot_rate, read.drop_after_dot_rate)
    assert (*found, read.delay_seconds, read.seed) == pytest.approx(expected)


def test_none_is_no_fault_and_nothing_said_is_the_usual_ones() -> None:
    assert faults.parse("none") == Faults()
    assert faults.parse(None) == faults.parse(faults.USUAL) != Faults()


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("deferred=101%", "write it like deferred=2%"),
        ("deferred=2", "write it like deferred=2%"),
        ("silent", "write it like silent=2%"),
        ("dropped=-1%", "write it like dropped=2%"),
        ("rejected=nan", "write it like rejected=2%"),
        ("slow=50", "write it like slow=50ms"),
        ("slow=61s", "write it like slow=50ms"),
        ("seed=1.5", "write it like seed=1"),
        ("silent=1%,silent=2%", "say it once"),
        ("late=1%", "write for example deferred=1%"),
        ("", "write for example deferred=1%"),
        ("none,silent=1%", "write for example deferred=1%"),
    ],
)
def test_what_cannot_be_read_is_one_sentence_with_the_remedy(text: str, remedy: str) -> None:
    with pytest.raises(click.UsageError) as caught:
        faults.parse(text)
    assert remedy in caught.value.message
    assert "\n" not in caught.value.message


def test_faults_are_said_again_in_words() -> None:
    assert faults.in_words(Faults()) == "no faults"
    assert faults.in_words(faults.parse("silent=0.1%,slow=50ms")) == "0.1% silent, answers after 50 ms"

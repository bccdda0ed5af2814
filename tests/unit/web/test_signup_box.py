"""The wording that is recorded follows from the configuration alone."""

from __future__ import annotations

from typing import Any

from newsletter.config import Config, ListConfig
from newsletter.web.signup_box import wording

ONE = ListConfig(
    slug="one", title="One", headline="Stand taller", pitch="Plain answers", button="Yes", promise="No spam"
)
TWO = ListConfig(slug="two", title="Two", button="Go", promise="No sharing")


def config(**values: Any) -> Config:
    return Config.model_validate(
        {
            "name": "The Site",
            "base_url": "https://news.example.org",
            "sender": {"address": "editor@news.example.org"},
            "lists": (ONE, TWO),
            **values,
        }
    )


def test_wording_holds_what_was_shown_in_order() -> None:
    assert wording(config(), [ONE], "en").text == "The Site\nOne\nStand taller\nPlain answers\nNo spam\nYes"


def test_several_lists_share_the_button_of_the_first() -> None:
    assert wording(config(), [TWO, ONE], "en").text == ("The Site\nTwo\nNo sharing\nOne\nPlain answers\nGo")


def test_version_and_language_make_another_wording() -> None:
    hashes = {
        wording(config(), [ONE], "en").hash,
        wording(config(), [ONE], "de").hash,
        wording(config(consent={"version": "2"}), [ONE], "en").hash,
    }
    assert len(hashes) == 3

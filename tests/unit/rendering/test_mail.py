"""The small mails: one person, one act, nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from jinja2 import Environment
from lxml import html as lxml_html
from unit.rendering.samples import config

from newsletter.errors import ContentError
from newsletter.rendering.environment import make_environment
from newsletter.rendering.mail import ABOUT_PEOPLE, NAMES, render_mail
from newsletter.rendering.slots import Rendered, as_html, as_text, fill_text

CONTEXT: dict[str, dict[str, object]] = {
    "confirm": {"requested_on": "22 November 2026"},
    "welcome": {"archive_url": "https://news.example.org/archive/"},
    "goodbye": {"signup_url": "https://news.example.org/"},
}
LINKS = {
    "confirm_url": "https://news.example.org/confirm/abc",
    "not_me_url": "https://news.example.org/not-me/abc",
    "unsubscribe_url": "https://news.example.org/u/abc",
    "preferences_url": "https://news.example.org/preferences/abc",
}
SLOTS = {
    "confirm": {"confirm_url", "not_me_url"},
    "welcome": {"subscriber.first_name", "preferences_url", "unsubscribe_url"},
    "goodbye": set[str](),
}


def render(env: Environment, name: str, *lists: str, **changes: object) -> Rendered:
    return render_mail(env, name, config(), lists=lists or ("Weekly letter",), **{**CONTEXT[name], **changes})


@pytest.mark.parametrize("name", NAMES)
def test_every_mail_names_its_lists_and_where_we_live(env: Environment, name: str) -> None:
    for lists in (("Weekly letter",), ("Weekly letter", "Events & more")):
        rendered = render(env, name, *lists)
        html = fill_text(rendered.html, rendered.slots, LINKS, as_html)
        text = fill_text(rendered.text, rendered.slots, LINKS, as_text)
        shown = lxml_html.fromstring(html).text_content()
        for part in (shown, text):
            assert all(title in part for title in lists)
            assert "00000 Sampletown" in part
            assert "The Steady Spine" in part
        assert {slot.name for slot in rendered.slots} == SLOTS[name]
        assert "\n" not in rendered.subject
        assert all(len(line) <= 78 for line in text.split("\n") if "https://" not in line)
        assert "\n\n\n" not in text


@pytest.mark.parametrize("name", ABOUT_PEOPLE)
def test_mail_about_a_readers_data_holds_one_link_at_most_and_no_name(env: Environment, name: str) -> None:
    context = {} if name == "moved" else {"requested_on": "22 November 2026"}
    rendered = render_mail(env, name, config(), lists=(), **context)
    assert {slot.name for slot in rendered.slots} == {
        "access": {"access_url"},
        "address": {"new_address_url"},
        "moved": {"new_address"},
    }[name]
    values = {slot.name: f"https://news.example.org/{slot.name}/x" for slot in rendered.slots}
    html = fill_text(rendered.html, rendered.slots, values, as_html)
    text = fill_text(rendered.text, rendered.slots, values, as_text)
    assert lxml_html.fromstring(html).xpath("//a/@href") == ([] if name == "moved" else list(values.values()))
    if name != "moved":
        assert next(iter(values.values())) in text.split("\n")
    assert "00000 Sampletown" in text
    assert "\n\n\n" not in text


@pytest.mark.parametrize("name", NAMES)
def test_no_mail_has_a_picture_or_needs_one(env: Environment, name: str) -> None:
    html = render(env, name).html
    assert not lxml_html.fromstring(html).xpath("//img")
    assert "url(" not in html
    assert len(html.encode()) < 10_000


def test_confirming_has_one_obvious_button_and_a_quiet_way_out(env: Environment) -> None:
    rendered = render(env, "confirm")
    html = fill_text(rendered.html, rendered.slots, LINKS, as_html)
    text = fill_text(rendered.text, rendered.slots, LINKS, as_text)
    tree = lxml_html.fromstring(html)
    assert tree.xpath("//a/@href") == [LINKS["confirm_url"], LINKS["not_me_url"]]
    assert tree.xpath("//*[contains(@class,'btn')]//a/@href") == [LINKS["confirm_url"]]
    shown = " ".join(tree.text_content().split())
    for part in (shown, " ".join(text.split())):
        for said in ("22 November 2026", "news.example.org", "then press the button on the page", "7 days"):
            assert said in part
    assert LINKS["confirm_url"] in text.split("\n")
    assert re.findall(r"https://\S+", text) == [LINKS["confirm_url"], LINKS["not_me_url"]]


def test_a_welcome_greets_by_name_or_kindly_without(env: Environment) -> None:
    rendered = render(env, "welcome")
    for values, greeting in (({}, "Dear reader,"), ({"subscriber.first_name": "O'Neil"}, "Dear O'Neil,")):
        text = fill_text(rendered.text, rendered.slots, LINKS | values, as_text)
        html = fill_text(rendered.html, rendered.slots, LINKS | values, as_html)
        assert text.startswith(greeting)
        assert greeting in lxml_html.fromstring(html).text_content()
    assert LINKS["unsubscribe_url"] in fill_text(rendered.text, rendered.slots, LINKS, as_text).split("\n")
    assert "archive" in rendered.html
    assert "archive" not in render(env, "welcome", archive_url=None).html


@pytest.mark.parametrize(
    ("name", "subject"), [("welcome", "Welcome to Clinic Notes"), ("goodbye", "You have left Clinic Notes")]
)
def test_mail_about_one_list_is_called_after_it(env: Environment, name: str, subject: str) -> None:
    rendered = render(env, name, "Clinic Notes")
    assert rendered.subject == subject
    assert "“Clinic Notes”" in rendered.text


def test_goodbye_says_how_to_come_back_and_no_more(env: Environment) -> None:
    rendered = render(env, "goodbye")
    assert lxml_html.fromstring(rendered.html).xpath("//a/@href") == ["https://news.example.org/"]
    assert rendered.text.count("https://") == 1


def test_equal_arguments_make_an_equal_mail(env: Environment) -> None:
    assert render(env, "confirm") == render(env, "confirm")
    assert render(env, "confirm").slots != render(env, "confirm", requested_on="23 November 2026").slots


def test_what_a_mail_is_not_given_is_an_error_in_its_template(env: Environment) -> None:
    with pytest.raises(ContentError, match="requested_on") as caught:
        render_mail(env, "confirm", config(), lists=("Weekly",))
    assert caught.value.path.name == "body.txt"
    assert caught.value.line


def test_a_site_may_write_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "mail/goodbye"
    folder.mkdir(parents=True)
    (folder / "subject.txt").write_text("So long,\n {{ config.name }}\n")
    assert render(make_environment(tmp_path), "goodbye").subject == "So long, The Steady Spine"

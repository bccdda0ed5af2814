"""Merge tags and slots: what authors may write, what they are told otherwise, and how values are put in."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.content.values import Markdown
from newsletter.errors import ContentError, RenderError
from newsletter.rendering.slots import (
    TOKEN,
    Rendered,
    SlotBook,
    as_html,
    as_text,
    derive_nonce,
    fill_text,
    null_reader,
    rendered_from_json,
    rendered_to_json,
)

PATH = Path("issues/spring/issue.md")


def book(view_url: str | None = "https://news.example.org/archive/spring/") -> SlotBook:
    return SlotBook("7f3a9c", {"city": False, "clinic": True}, view_url=view_url)


def test_a_merge_tag_becomes_an_alphanumeric_token() -> None:
    slots = book()
    tagged = slots.tag('Dear {{ subscriber.first_name | default("friend") }},', path=PATH)
    token = slots.slots[0].token
    assert tagged == f"Dear {token},"
    assert TOKEN.fullmatch(token)
    assert token == "NLSLOT7f3a9c0000X"
    assert (slots.slots[0].name, slots.slots[0].fallback) == ("subscriber.first_name", "friend")


@pytest.mark.parametrize(
    ("source", "fallback"),
    [
        ("{{subscriber.name|default('you')}}", "you"),
        ('{{ subscriber.name | default( "say \\"hi\\"" ) }}', 'say "hi"'),
        ("{{ subscriber.name | default('it\\'s you') }}", "it's you"),
        ('{{ subscriber.name | default("a }} b") }}', "a }} b"),
        ('{{ subscriber.name | default("") }}', ""),
    ],
)
def test_fallbacks_stand_in_either_kind_of_quotes(source: str, fallback: str) -> None:
    slots = book()
    slots.tag(source, path=PATH)
    assert slots.slots[0].fallback == fallback


def test_the_same_tag_is_the_same_token_and_another_fallback_is_another() -> None:
    slots = book()
    first = slots.tag('{{ subscriber.name | default("a") }}', path=PATH)
    assert slots.tag("{{subscriber.name|default('a')}}", path=PATH) == first
    assert slots.tag('{{ subscriber.name | default("b") }}', path=PATH) != first
    assert slots.slot("subscriber.name", "a") == first
    assert len(slots.slots) == 2


def test_fields_that_are_always_there_need_no_fallback() -> None:
    tagged = book().tag(
        "{{ subscriber.email }} {{ subscriber.clinic }} {{ unsubscribe_url }} {{ view_url }}", path=PATH
    )
    assert len(TOKEN.findall(tagged)) == 4


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{{ subscriber.first_name }}", "give it a fallback"),
        ("{{ subscriber.city }}", "give it a fallback"),
        ("{{ subscriber.frist_name }}", "Did you mean subscriber.first_name?"),
        ("{{ first_name }}", "Did you mean subscriber.first_name?"),
        ("{{ unsubscribe }}", "Did you mean unsubscribe_url?"),
        ("{{ qqq }}", "Known are subscriber.city"),
        ("{{ subscriber.name | upper }}", "not upper"),
        ("{{ subscriber.name | default(friend) }}", "is not a merge tag"),
        ("{{ subscriber.name | default(“friend”) }}", "curly quotes"),
        ("{{ subscriber.name.__class__ }}", "There is no merge tag"),
        ("{{ 7 * 7 }}", "is not a merge tag"),
        ("{{ subscriber.name", "not closed"),
        ('{{ subscriber.name |\n default("x") }}', "not closed"),
        ("{% if subscriber %}", "do not work in content"),
        ('{{ unsubscribe_url | default("x") }}', "takes no fallback"),
        ("{{ subscriber.name | default('a') | upper }}", "is not a merge tag"),
    ],
)
def test_anything_else_is_an_error_at_its_own_line(source: str, said: str) -> None:
    with pytest.raises(ContentError) as caught:
        book().tag(Markdown(f"One\n\nTwo {source} more\n", PATH, 7))
    assert said in str(caught.value)
    assert (caught.value.path, caught.value.line) == (PATH, 9)


def test_a_view_url_cannot_be_promised_when_the_archive_is_private() -> None:
    with pytest.raises(ContentError, match="archive is private"):
        book(view_url=None).tag("{{ view_url }}", path=PATH)


def test_markdown_keeps_its_lines_and_its_place() -> None:
    source = Markdown('a\n{{ subscriber.name | default("x") }}\n\nb', PATH, 4)
    tagged = book().tag(source)
    assert tagged.source.count("\n") == source.source.count("\n")
    assert (tagged.path, tagged.line) == (PATH, 4)


def test_templates_cannot_ask_for_a_field_nobody_declared() -> None:
    with pytest.raises(RenderError, match="shoe_size"):
        book().slot("subscriber.shoe_size", "42")
    with pytest.raises(RenderError, match="fallback"):
        book().slot("subscriber.city")
    assert TOKEN.fullmatch(book().slot("confirm_url"))


def test_a_message_has_a_bounded_number_of_slots() -> None:
    slots = book()
    for number in range(1000):
        slots.slot("subscriber.city", str(number))
    with pytest.raises(RenderError, match="1000"):
        slots.slot("subscriber.city", "one too many")


@pytest.mark.parametrize("value", ["", "   ", None])
def test_the_fallback_also_serves_when_the_value_is_empty(value: str | None) -> None:
    slots = book()
    text = slots.tag('Dear {{ subscriber.city | default("neighbour") }}', path=PATH)
    values = {} if value is None else {"subscriber.city": value}
    assert fill_text(text, slots.slots, values, as_text) == "Dear neighbour"


def test_a_missing_value_without_fallback_is_refused() -> None:
    slots = book()
    text = slots.tag("{{ subscriber.clinic }}", path=PATH)
    with pytest.raises(RenderError, match="clinic"):
        fill_text(text, slots.slots, {"subscriber.clinic": ""}, as_text)
    assert fill_text("no slot here", slots.slots, {}, as_text) == "no slot here"


def test_a_value_that_looks_like_a_token_never_expands() -> None:
    slots = book()
    text = slots.tag('{{ subscriber.name | default("-") }} {{ subscriber.email }}', path=PATH)
    token = slots.slots[1].token
    filled = fill_text(text, slots.slots, {"subscriber.name": token, "subscriber.email": "a@example.org"}, as_text)
    assert filled == f"{token} a@example.org"


def test_values_are_escaped_for_their_context() -> None:
    assert as_html("<b> & \"q\" 'a'") == "&lt;b&gt; &amp; &quot;q&quot; &#x27;a&#x27;"
    assert as_text("one\r\ntwo\x00three\u2028four\ud800") == "one  two three four\ufffd"


@given(st.text())
def test_no_value_brings_a_control_character_or_markup_along(value: str) -> None:
    filled = as_html(value)
    assert not set(filled) & set("<>\"'\r\n\x00")
    filled.encode("utf-8")


def test_the_null_reader_has_a_value_for_every_slot() -> None:
    slots = book()
    text = slots.tag(
        "{{ subscriber.email }} {{ unsubscribe_url }} {{ subscriber.clinic }} {{ subscriber.name|default('you') }}",
        path=PATH,
    )
    values = null_reader(slots.slots, "https://news.example.org/")
    assert fill_text(text, slots.slots, values, as_text) == "you https://news.example.org/ … you"


def test_a_nonce_follows_from_the_content_and_is_not_in_it() -> None:
    assert derive_nonce("a", "b") == derive_nonce("a", "b")
    assert derive_nonce("a", "b") != derive_nonce("ab", "")
    assert len(derive_nonce("\ud800")) == 12
    with pytest.raises(RenderError, match="nonce"):
        SlotBook("XYZ!", {})


def test_a_rendered_issue_survives_storage() -> None:
    slots = book()
    slots.slot("unsubscribe_url")
    slots.slot("subscriber.city", "Ωmega \ud800")
    rendered = Rendered("Sübject", "pre", "<p>", "t\n", slots.slots, page="<article>")
    document = rendered_to_json(rendered)
    assert rendered_from_json(document) == rendered
    assert rendered_to_json(rendered_from_json(document)) == document
    assert document.isascii()
    for broken in ("{}", "[]", "nonsense", '{"slots": [1]}'):
        with pytest.raises(RenderError, match="stored issue"):
            rendered_from_json(broken)

"""One issue rendered for each group of its readers: what is stored, what is picked, and what only some may see."""

from __future__ import annotations

from dataclasses import replace

import factories
import pytest
from jinja2 import Environment
from unit.rendering.samples import FOLDER, article, config, issue, media_url

from newsletter.content import conditions, variants
from newsletter.content.values import Issue, Markdown
from newsletter.errors import RenderError
from newsletter.rendering.issue import render_issue
from newsletter.rendering.slots import Rendered, rendered_to_json
from newsletter.rendering.variants import Edition, edition_from_json, edition_to_json

VIEW = "https://news.example.org/archive/spring/"
LISTS = ("weekly",)
SECRET = "The code of the door is 4711."

EDITION = Edition(
    renderings=(factories.rendered("all"), factories.rendered("members"), factories.rendered("board")),
    names=((), ("member",), ("board",)),
    questions=(("friend", "member"), ("board",)),
    answers={"00": 0, "10": 1, "01": 2, "11": 2},
)


def render(env: Environment, source: Issue, *tags: str) -> Rendered:
    found = variants.variants(source, "weekly", LISTS)
    chosen, public = found.of(tags).issue, found.each[0].issue
    return render_issue(
        env,
        chosen,
        config(),
        view_url=VIEW,
        media_url=media_url,
        public=None if chosen is public else public,
    )


def body(key: str, *lines: str) -> Markdown:
    return Markdown("\n".join(lines), FOLDER / f"{key}.md", 12)


def test_issue_for_everybody_is_stored_as_the_one_rendering_it_is() -> None:
    rendered = factories.rendered()
    assert edition_to_json(Edition.of(rendered)) == rendered_to_json(rendered)
    assert edition_from_json(rendered_to_json(rendered)) == Edition.of(rendered)


def test_several_variants_come_back_as_they_were_stored() -> None:
    assert edition_from_json(edition_to_json(EDITION)) == EDITION
    assert edition_to_json(edition_from_json(edition_to_json(EDITION))) == edition_to_json(EDITION)


@pytest.mark.parametrize("stored", ["", "{}", '{"answers":', '{"answers":{}}', '{"answers":{},"renderings":["{}"]}'])
def test_what_another_version_stored_is_refused(stored: str) -> None:
    with pytest.raises(RenderError, match="cannot be read"):
        edition_from_json(stored)


@pytest.mark.parametrize(
    ("tags", "number"),
    [((), 0), (("stranger",), 0), (("friend",), 1), (("member", "friend"), 1), (("member", "board"), 2)],
)
def test_tags_alone_say_which_variant_it_is(tags: tuple[str, ...], number: int) -> None:
    assert EDITION.number(tags) == number
    assert EDITION.public is EDITION.renderings[0]


def test_what_is_for_members_is_in_their_mail_and_in_no_part_of_anybody_elses(env: Environment) -> None:
    source = issue(letter=body("issue", "Hello", "", "::: only tag=member", SECRET, ":::"))
    members, others = render(env, source, "member"), render(env, source)
    assert SECRET in members.html
    assert SECRET in members.text
    assert "4711" not in rendered_to_json(others)


def test_only_the_variant_for_anybody_has_a_page(env: Environment) -> None:
    source = issue(letter=body("issue", "Hello", "", "::: only tag=member", SECRET, ":::"))
    assert "Hello" in render(env, source).page
    assert render(env, source, "member").page == ""


def test_article_that_its_page_does_not_show_is_in_full_in_the_mail(env: Environment) -> None:
    only = conditions.parse("tag=member", path=FOLDER, line=1)
    inner = replace(article("sitting"), body=body("sitting", SECRET), condition=only)
    members = render(env, issue(inner, article("standing")), "member")
    assert SECRET in members.html
    assert f"{VIEW}#sitting" not in members.html
    assert f"{VIEW}#standing" in members.html


def test_passage_that_the_page_does_not_show_is_in_full_in_the_mail(env: Environment) -> None:
    own = body("sitting", "Sit.", "", "::: only tag=member", SECRET, ":::")
    for link in ("", "https://example.org/sit"):
        source = issue(replace(article("sitting"), body=own, link=link), article("standing"))
        members, others = render(env, source, "member"), render(env, source)
        assert SECRET in members.html
        assert SECRET in members.text
        assert (link or f"{VIEW}#sitting") in others.html
        assert "4711" not in rendered_to_json(others)


def test_issue_of_which_no_variant_was_chosen_is_not_rendered(env: Environment) -> None:
    source = issue(letter=body("issue", "Hello", "", "::: only tag=member", SECRET, ":::"))
    with pytest.raises(RenderError, match="none of them was chosen"):
        render_issue(env, source, config(), view_url=VIEW, media_url=media_url)

"""Themes: where their files are found, which there are, and how one is taken over."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from lxml import html as lxml_html
from unit.rendering.samples import article, config, image, issue, media_url

from newsletter import starter
from newsletter.content.values import Author, Issue, Markdown
from newsletter.errors import ConfigError, NotFoundError, RefusedError
from newsletter.rendering import themes
from newsletter.rendering.environment import make_environment
from newsletter.rendering.inline import dialect_problems
from newsletter.rendering.issue import render_issue
from newsletter.rendering.palette import READABLE, contrast
from newsletter.rendering.slots import Rendered

NAMES = [theme.name for theme in themes.known(None)]
VIEW = "https://news.example.org/archive/spring/"


def render(theme: str, source: Issue | None = None, site: Path | None = None, **choices: str) -> Rendered:
    return render_issue(
        make_environment(site, theme=theme),
        source or issue(),
        config(theme={"name": theme, "tagline": "Backs & necks", **choices}),
        view_url=VIEW,
        media_url=media_url,
    )


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def four() -> Issue:
    return issue(*(article(key) for key in ("sitting", "standing", "sleeping", "lifting")))


# -- where things are found --------------------------------------------------------------------------


def test_the_default_theme_comes_first_and_everyone_says_what_it_is_like() -> None:
    assert NAMES == ["magazine", "letter"]
    assert all(theme.about.endswith(".") and not theme.is_own for theme in themes.known(None))


def test_a_file_is_the_sites_then_the_themes_then_the_default_themes(tmp_path: Path) -> None:
    env = make_environment(tmp_path, theme="letter")
    letter = starter.templates() / "themes" / "letter"
    assert Path(str(env.get_template("issue/layout.html").filename)) == letter / "issue/layout.html"
    assert Path(str(env.get_template("issue/shell.html").filename)) == starter.templates() / "issue/shell.html"
    own = write(tmp_path, "issue/layout.html", '{% extends "starter/issue/layout.html" %}')
    env = make_environment(tmp_path, theme="letter")
    assert Path(str(env.get_template("issue/layout.html").filename)) == own
    assert Path(str(env.get_template("starter/issue/layout.html").filename)) == letter / "issue/layout.html"


def test_a_site_may_have_a_theme_of_its_own_that_is_one_style_sheet(tmp_path: Path) -> None:
    write(tmp_path, "themes/ours/about.txt", "Ours: blue.\n")
    own = write(tmp_path, "themes/ours/issue/partials/closing.html", "<tr><td>Cheerio</td></tr>")
    assert [(theme.name, theme.about, theme.is_own) for theme in themes.known(tmp_path)][-1] == (
        *("ours", "Ours: blue."),
        True,
    )
    assert "Cheerio" in render("ours", site=tmp_path).html
    assert (
        Path(str(make_environment(tmp_path, theme="ours").get_template("issue/partials/closing.html").filename)) == own
    )


@pytest.mark.parametrize("name", ["lettre", "..", "../../issue", ""])
def test_a_theme_nobody_knows_is_refused_with_the_nearest(name: str, tmp_path: Path) -> None:
    for site in (None, tmp_path):
        with pytest.raises(ConfigError) as caught:
            make_environment(site, theme=name)
        assert "letter" in caught.value.hint


# -- what every theme owes to mail programs and readers ------------------------------------------------


@pytest.mark.parametrize("theme", NAMES)
def test_a_theme_is_replaceable_and_keeps_what_a_mail_must_have(theme: str) -> None:
    rendered = render(theme, four())
    assert len(rendered.html.encode()) <= 25_000
    tree = lxml_html.fromstring(rendered.html)
    assert len(tree.xpath("//h1")) == 1
    assert all(node.get("role") == "presentation" for node in tree.xpath("//table"))
    assert all(node.get("alt") is not None for node in tree.xpath("//img"))
    links = set(tree.xpath("//a/@href"))
    assert {slot.token for slot in rendered.slots if slot.name == "unsubscribe_url"} <= links
    assert {f"{VIEW}#{key}" for key in ("sitting", "standing", "sleeping", "lifting")} <= links
    shown = " ".join(tree.text_content().split())
    for expected in ("Backs & necks", "Issue 42", "Nora Feld, PT, DPT", "Nora walks to work.", "00000 Sampletown"):
        assert expected in shown
    assert len("".join(tree.xpath("//style/text()"))) < 8192


def test_the_two_themes_differ_and_say_the_same_words_in_plain_text() -> None:
    assert render("magazine").html != render("letter").html
    assert render("magazine").text == render("letter").text
    assert not lxml_html.fromstring(render("letter").html).xpath("//img")


@pytest.mark.parametrize("theme", NAMES)
@pytest.mark.parametrize("name", ["theme.css", "prose.css"])
def test_what_is_inlined_keeps_to_the_dialect(theme: str, name: str) -> None:
    env = make_environment(None, theme=theme)
    context = {"config": config(), "colours": {"link": "#0b6b63", "accent": "#0b6b63", "tint": "#ffffff"}}
    context |= {"headings": "Georgia", "sans": "Arial"}
    css = env.get_template(f"issue/{name}").render(context)
    assert list(dialect_problems(css)) == []


@pytest.mark.parametrize("theme", NAMES)
def test_every_surface_has_its_twin_in_the_dark_and_in_outlook_on_the_web(theme: str) -> None:
    html = render(theme, four()).html
    dark = html.split("prefers-color-scheme:dark){", 1)[1]
    query, twins = dark.split("\n}\n", 1)
    for rule in re.findall(r"^[^{\n]+\{[^}\n]+\}$", query, re.MULTILINE):
        selectors, declaration = rule.split("{", 1)
        for selector in selectors.split(","):
            prefix = "[data-ogsb] " if "background-color" in declaration else "[data-ogsc] "
            assert prefix + selector in twins, selector


@pytest.mark.parametrize("theme", NAMES)
@pytest.mark.parametrize("accent", ["#0b6b63", "#757575", "#b00020", "#1d4ed8", "#111111"])
@pytest.mark.parametrize("mode", ["light", "dark"])
def test_everything_is_readable_on_its_ground(theme: str, accent: str, mode: str) -> None:
    source = issue(letter=Markdown("[a](https://example.org/b)\n\n> c\n", Path("issue.md"), 9))
    html = render(theme, source, accent=accent).html
    tree = lxml_html.fromstring(html)
    painted = _painted(html, list(tree.iter()), dark=mode == "dark")
    faint = []
    for node in tree.xpath("//body//*[text()[normalize-space()]]"):
        colour, ground = _holds(painted, node, "color"), _holds(painted, node, "background-color")
        if colour and ground and contrast(colour, ground) < READABLE:
            faint.append(f"{colour} on {ground}: {node.text_content().strip()[:30]}")
    assert faint == []


def _painted(html: str, nodes: list[Any], *, dark: bool) -> dict[tuple[Any, str], str]:
    """The colours elements have themselves, by element and property; `nodes` keeps the elements alive."""
    found = {}
    for node in nodes:
        for name, colour in re.findall(r"(?<![-\w])((?:background-)?color):\s*(#[0-9a-f]{6})", node.get("style") or ""):
            found[node, name] = colour
    if dark:
        query = html.split("prefers-color-scheme:dark){", 1)[1].split("\n}\n", 1)[0]
        for selectors, name, colour in re.findall(
            r"([^{}\n]+)\{((?:background-)?color):(#[0-9a-f]{6})!important\}", query
        ):
            found |= {(node, name): colour for node in nodes[0].cssselect(selectors)}
    return found


def _holds(painted: dict[tuple[Any, str], str], node: Any, name: str) -> str:
    """The colour that holds for an element: its own, or that of the nearest around it that has one."""
    return next((painted[each, name] for each in (node, *node.iterancestors()) if (each, name) in painted), "")


# -- digest --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("theme", NAMES)
def test_a_digest_is_a_list_at_the_end_and_the_first_other_article_leads(theme: str) -> None:
    source = issue(article("sitting", layout="digest", excerpt=""), article("standing"), article("sleeping"))
    rendered = render(theme, source)
    tree = lxml_html.fromstring(rendered.html)
    items = tree.cssselect("ul.digest li")
    assert [node.text_content() for item in items for node in item] == [
        "All about sitting",
        "",
        "Posture · Nora Feld · 4\xa0min\xa0read",
    ]
    assert items[0].cssselect("a")[0].get("href") == f"{VIEW}#sitting"
    headings = [node.text_content().strip() for node in tree.xpath("//h2")]
    assert headings == ["All about standing", "All about sleeping", "In brief"]
    assert [node.text_content().strip() for node in tree.cssselect("h2.lead")] == ["All about standing"]
    assert rendered.text.index("[ In brief ]") > rendered.text.index("All about sleeping")
    assert f"\n{VIEW}#sitting\n" in rendered.text


@pytest.mark.parametrize("theme", NAMES)
def test_an_article_may_ask_to_be_shown_in_full(theme: str) -> None:
    source = issue(article("sitting", layout="full"), article("standing"), article("sleeping", layout="full"))
    rendered = render(theme, source)
    for part in (rendered.html, rendered.text):
        assert "The <em>whole</em> of sleeping." in part or "The whole of sleeping." in part
        assert "whole</em> of standing" not in part
        assert "#sleeping" not in part


def test_a_digest_of_an_article_that_can_be_read_nowhere_else_is_the_whole_article() -> None:
    source = issue(article("sitting"), article("standing", layout="digest"))
    rendered = render_issue(make_environment(None), source, config(), view_url=None, media_url=media_url)
    assert "In brief" not in rendered.html
    assert "The whole of standing." in rendered.text


# -- taking over ---------------------------------------------------------------------------------------


def test_ejecting_a_theme_changes_nothing_about_its_looks(tmp_path: Path) -> None:
    for theme in NAMES:
        own = tmp_path / theme
        own.mkdir()
        done = themes.eject(own, theme)
        assert done.kept == ()
        assert {path.relative_to(own).parts[0] for path in done.written} == {"issue"}
        assert own / "issue/partials/blocks.html" in done.written
        assert render(theme, site=own) == render(theme)


def test_ejecting_keeps_what_is_there_unless_told_otherwise(tmp_path: Path) -> None:
    mine = write(tmp_path, "issue/theme.css", "mine")
    done = themes.eject(tmp_path, "letter", ("issue/theme.css", "issue/partials"))
    assert done.kept == (mine,)
    assert mine.read_text() == "mine"
    assert tmp_path / "issue/partials/footer.html" in done.written
    assert themes.eject(tmp_path, "letter", ("issue/theme.css",), force=True).written == (mine,)
    assert mine.read_bytes() == (starter.templates() / "themes/letter/issue/theme.css").read_bytes()


@pytest.mark.parametrize("name", ["issue/thme.css", "../newsletter.toml", "about.txt", "themes/letter/issue/theme.css"])
def test_ejecting_what_a_theme_does_not_have_writes_nothing(tmp_path: Path, name: str) -> None:
    with pytest.raises(NotFoundError, match="has no file"):
        themes.eject(tmp_path, "letter", (name, "issue/theme.css"))
    assert list(tmp_path.iterdir()) == []


def test_the_packaged_templates_are_never_written_over() -> None:
    with pytest.raises(RefusedError, match="packaged"):
        themes.eject(starter.templates(), "letter", force=True)


def test_little_is_needed_to_wear_a_theme() -> None:
    bare = article("sitting", author=Author("a", "Cher"), category="", updated_at=None, image=None, image_alt="")
    rendered = render("letter", issue(bare, preheader="", number=None, sign_off=None), tagline="")
    assert "None" not in rendered.html + rendered.text
    assert image("x").media_name not in rendered.html

"""An issue as mail, as text and as a page: what stands where, and what is refused."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from jinja2 import Environment
from lxml import html as lxml_html
from unit.rendering.samples import FOLDER, article, config, image, issue, media_url

from newsletter import starter
from newsletter.content.loader import list_issues, load_issue
from newsletter.content.values import Author, Issue, Markdown
from newsletter.errors import ConfigError, ContentError
from newsletter.rendering.compiled import compile_message
from newsletter.rendering.issue import render_issue
from newsletter.rendering.slots import TOKEN, Rendered, as_html, as_text, fill_text

VIEW = "https://news.example.org/archive/spring/"
READER = {
    "subscriber.first_name": "Ana <3",
    "subscriber.email": "ana@example.org",
    "unsubscribe_url": "https://news.example.org/u/abc",
    "preferences_url": "https://news.example.org/preferences/abc",
    "view_url": VIEW,
}


def render(env: Environment, source: Issue, view_url: str | None = VIEW, **changes: object) -> Rendered:
    return render_issue(env, source, config(**changes), view_url=view_url, media_url=media_url)


def html_for(rendered: Rendered) -> str:
    return fill_text(rendered.html, rendered.slots, READER, as_html)


def text_for(rendered: Rendered) -> str:
    return fill_text(rendered.text, rendered.slots, READER, as_text)


def visible(html: str) -> str:
    tree = lxml_html.fromstring(re.sub(r"(<p |</p>|</td>|<br>)", r" \1", html))
    for hidden in tree.xpath("//style|//comment()|//*[contains(@style,'display:none')]"):
        hidden.drop_tree()
    return " ".join(tree.text_content().replace("\xa0", " ").split())


def test_the_mail_shows_what_an_article_is_and_who_wrote_it(env: Environment) -> None:
    shown = visible(html_for(render(env, issue())))
    assert "Dear Ana <3," in shown
    for expected in (
        "The Steady Spine Backs & necks Issue 42 · 12 September 2026",
        "Posture All about sitting Nora Feld, PT, DPT",
        "PT, DPT Written 2 September 2026 · Updated 10 September 2026 · 4 min read",
        "The short of sitting. Read the full article",
        "About the author Nora Feld, PT, DPT Physiotherapist Nora walks to work.",
        "Ed Itor Editor",
        "You receive this because you signed up for The Steady Spine at news.example.org.",
        "1 Sample Street 00000 Sampletown",
    ):
        assert expected in shown
    assert shown.count("Nora walks to work.") == 1
    assert "The whole of" not in shown


def test_an_article_leads_to_its_own_address_or_to_its_place_on_the_page(env: Environment) -> None:
    source = issue(article("sitting", link="https://example.org/sit", link_text="Sit better"), article("standing"))
    html, text = html_for(render(env, source)), text_for(render(env, source))
    for link in ("https://example.org/sit", f"{VIEW}#standing"):
        assert f'href="{link}"' in html
        assert f"\n{link}\n" in text
    assert "Sit better" in visible(html)
    assert "Sit better:\nhttps://example.org/sit\n" in text


@pytest.mark.parametrize(("excerpt", "view_url"), [("", VIEW), ("The short of it.", None)])
def test_an_article_without_excerpt_or_without_anywhere_to_go_is_shown_in_full(
    env: Environment, excerpt: str, view_url: str | None
) -> None:
    for position in (0, 1):
        articles = [article("sitting", link="https://example.org/a")] * position + [article("resting", excerpt=excerpt)]
        rendered = render(env, issue(*articles), view_url)
        assert "The whole of resting." in visible(html_for(rendered))
        assert "The whole of resting." in text_for(rendered)
        assert "#resting" not in rendered.html + rendered.text


def test_a_private_archive_is_never_linked(env: Environment) -> None:
    rendered = render(env, issue(), None)
    assert "View in browser" not in rendered.html + rendered.text
    assert "news.example.org/archive" not in rendered.html + rendered.text


def test_the_text_part_is_complete_and_its_links_stand_alone(env: Environment) -> None:
    text = text_for(render(env, issue()))
    lines = text.split("\n")
    assert text.startswith("The Steady Spine\nBacks & necks\nIssue 42 · 12 September 2026\n")
    assert READER["unsubscribe_url"] in lines
    assert VIEW in lines
    assert "Dear Ana <3," in lines
    assert "By Nora Feld, PT, DPT" in lines
    assert text.endswith("1 Sample Street\n00000 Sampletown\n")
    assert all(len(line) <= 78 for line in lines if "https://" not in line)
    assert "\n\n\n" not in text
    assert not re.search(r"&\w+;|</?\w+>", text)


def test_the_page_holds_every_article_in_full_with_anchor_dates_and_author(env: Environment) -> None:
    rendered = render(env, issue())
    tree = lxml_html.fromstring(fill_text(rendered.page, rendered.slots, READER, as_html))
    assert tree.get("class") == "issue"
    assert [node.get("id") for node in tree.cssselect(".issue-article")] == ["sitting", "standing", "sleeping"]
    assert [node.tag for node in tree.cssselect("h1,h2,h3")] == ["h1", "h2", "h2", "h3", "h2", "h3", "h2", "h3"]
    first = tree.cssselect("#sitting")[0]
    assert "The whole of sitting." in first.text_content()
    assert [node.get("datetime") for node in first.cssselect("time")] == ["2026-09-02", "2026-09-10"]
    assert "Nora Feld, PT, DPT" in first.cssselect(".issue-author")[0].text_content()
    assert not tree.xpath("//@style|//style|//script|//@onclick")
    classes = {name for names in tree.xpath("//@class") for name in names.split()}
    assert all(name == "issue" or name.startswith("issue-") or name in {"pic", "data"} for name in classes)


def test_pictures_of_the_page_may_have_addresses_of_their_own(env: Environment) -> None:
    rendered = render_issue(
        env,
        issue(),
        config(),
        view_url=VIEW,
        media_url=media_url,
        page_media_url=lambda picture: f"../../media/{picture.media_name}",
    )
    assert "https://news.example.org/media/" not in rendered.page
    assert "../../media/" in rendered.page
    assert "../../media/" not in rendered.html


def test_the_subject_and_the_title_carry_the_slot(env: Environment) -> None:
    rendered = render(env, issue())
    assert TOKEN.search(rendered.subject)
    assert fill_text(rendered.subject, rendered.slots, {}, as_text) == "Spring, friend"
    assert "<title>Spring, Ana &lt;3</title>" in html_for(rendered)
    assert rendered.preheader in rendered.html


def test_rendering_follows_from_content_alone(env: Environment) -> None:
    elsewhere = issue(path=Path("/somewhere/else"), letter=Markdown(issue().letter.source, Path("/else/issue.md"), 9))
    assert render(env, issue()) == render(env, issue()) == render(env, elsewhere)
    assert render(env, issue(preheader="Something else to read.")).slots != render(env, issue()).slots


def test_text_in_content_is_never_markup(env: Environment) -> None:
    hostile = "<img src=x onerror=alert(1)>"
    source = issue(
        article("sitting", title=hostile, category=hostile, excerpt=hostile, image_alt=hostile, link_text=hostile),
        subject=hostile,
        preheader=hostile,
        letter=Markdown(hostile, FOLDER / "issue.md", 9),
        sign_off=Author("x", hostile, (hostile,), hostile),
    )
    rendered = render(env, source, theme={"tagline": hostile}, name=hostile)
    for html in (rendered.html, rendered.page):
        assert not lxml_html.fromstring(html).xpath("//img[@src='x']|//*[@onerror]")


@pytest.mark.parametrize(
    "address",
    [
        "https://example.org/?e={{subscriber.email}}",
        "mailto:{{subscriber.email}}",
        "{{subscriber.first_name|default('x')}}",
    ],
)
def test_a_readers_data_never_becomes_part_of_an_address(env: Environment, address: str) -> None:
    source = issue(letter=Markdown(f"One\n\n[two]({address})\n", FOLDER / "issue.md", 9))
    with pytest.raises(ContentError, match=r"inside a link's address|mail can carry") as caught:
        render(env, source)
    assert caught.value.line == 11


def test_our_own_links_may_stand_in_content(env: Environment) -> None:
    letter = Markdown("[leave]({{ unsubscribe_url }}) or [read]({{view_url}})\n", FOLDER / "issue.md", 9)
    html = html_for(render(env, issue(letter=letter)))
    assert html.count(f'href="{READER["unsubscribe_url"]}"') == 2


def test_a_wrong_tag_in_the_front_matter_is_named_by_its_line(env: Environment, tmp_path: Path) -> None:
    path = tmp_path / "issue.md"
    path.write_text("---\ndate: 2026-09-12\nsubject: Dear {{ nobody }}\n---\nHello.\n")
    with pytest.raises(ContentError, match="nobody") as caught:
        render(env, issue(subject="Dear {{ nobody }}", letter=Markdown("Hello.\n", path, 5)))
    assert (caught.value.path, caught.value.line) == (path, 3)


def test_a_wrong_tag_in_an_article_names_the_article(env: Environment) -> None:
    with pytest.raises(ContentError, match="give it a fallback") as caught:
        render(env, issue(article("sitting", excerpt="For {{ subscriber.city }}")))
    assert caught.value.path == FOLDER / "sitting.md"


def test_an_accent_nobody_can_read_is_refused(env: Environment) -> None:
    with pytest.raises(ConfigError, match="contrast"):
        render(env, issue(), theme={"accent": "#ffee00"})


@pytest.mark.parametrize("theme", [{"fonts": "sans"}, {"density": "compact"}, {"accent": "#1d4ed8"}])
def test_the_theme_can_be_chosen(env: Environment, theme: dict[str, str]) -> None:
    assert render(env, issue(), theme=theme).html != render(env, issue(), theme={}).html


def test_little_is_needed_to_make_an_issue(env: Environment) -> None:
    bare = article("sitting", author=Author("a", "Cher"), category="", updated_at=None, image=None, image_alt="")
    rendered = render(env, issue(bare, replace(bare, key="b"), preheader="", number=None, sign_off=None), theme={})
    shown = visible(html_for(rendered))
    assert "Updated" not in shown
    assert "About the author" not in shown
    assert "None" not in rendered.html + rendered.text + rendered.page


def test_odd_pictures_keep_their_proportions(env: Environment) -> None:
    tall = article("sitting", image=image("tall", 900, 1800))
    rendered = render(env, issue(tall, replace(tall, key="b")))
    sizes = re.findall(r'<img class="(hero|thumb)"[^>]*? width="(\d+)" height="(\d+)"', rendered.html)
    assert sizes == [("hero", "300", "600"), ("thumb", "132", "264")]


def test_the_mail_is_fit_for_mail_programs(env: Environment) -> None:
    html = render(env, issue(article("sitting"), article("standing"), article("sleeping"), article("lifting"))).html
    assert len(html.encode()) <= 25_000
    tree = lxml_html.fromstring(html)
    assert not tree.xpath("//script|//link|//form|//svg|//video|//iframe|//base")
    assert len(tree.xpath("//h1")) == 1
    assert all(node.get("role") == "presentation" for node in tree.xpath("//table"))
    for node in tree.xpath("//img"):
        assert node.get("alt") is not None
        assert node.get("width").isdigit()
        assert node.get("height").isdigit()
        assert node.get("src").startswith("https://")
    wrapper = tree.xpath("//body/div[@role='article']")[0]
    assert (wrapper.get("lang"), wrapper.get("dir")) == ("en", "ltr")
    styles = "".join(tree.xpath("//style/text()"))
    assert len(styles) < 8192
    assert html.count("<!--[if mso]>") == html.count("<![endif]-->")
    assert "font-size:0" not in "".join(tree.xpath("//img/@style"))
    assert "@import" not in html
    assert "@font-face" not in html


def test_every_coloured_class_has_its_dark_twin(env: Environment) -> None:
    html = render(env, issue()).html
    tree = lxml_html.fromstring(html)
    dark = html.split("prefers-color-scheme:dark){")[1].split("</style>")[0]
    coloured = {
        name
        for node in tree.xpath("//body//*[@class and @style]")
        if re.search(r"(?<![-\w])(background-)?color:", node.get("style"))
        for name in node.get("class").split()
    }
    for node in tree.xpath("//body//*[@style]"):
        if re.search(r"(?<![-\w])(background-)?color:", node.get("style")):
            own = set((node.get("class") or "").split())
            around = {name for above in node.iterancestors() for name in (above.get("class") or "").split()}
            assert any(re.search(rf"\.{name}\b", dark) for name in own | around), node.get("style")
    assert coloured


def test_a_whole_copy_stays_within_the_limits_of_mail(env: Environment) -> None:
    message = compile_message(render(env, issue())).fill(READER)
    assert max(map(len, message.split(b"\r\n"))) <= 78
    assert b"NLSLOT" not in message


@pytest.mark.parametrize("slug", ["001-why-your-back-hurts", "002-the-side-you-favour"])
def test_the_bundled_issues_render(env: Environment, slug: str) -> None:
    assert slug in list_issues(starter.issues())
    rendered = render(env, load_issue(starter.issues(), slug))
    assert len(rendered.html.encode()) < 26_000
    assert TOKEN.search(text_for(rendered)) is None
    assert TOKEN.search(html_for(rendered)) is None

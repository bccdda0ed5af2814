"""An issue folder is complete, or the error says where it is not."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import PIL.Image
import pytest

from newsletter.content.loader import list_issues, load_authors, load_issue
from newsletter.content.markdown import to_html, to_text
from newsletter.errors import ContentError, NotFoundError

AUTHORS = """
[nora]
name = "Nora Feld"
credentials = ["PT", "DPT"]
role = "Therapist"
bio = "Ran."
avatar = "images/nora.png"
"""
ISSUE = "---\nsubject: Hello\ndate: 2026-09-15\nnumber: 3\neditor: nora\n---\n\nDear reader\n"
ARTICLE = "---\ntitle: Posture\nauthor: nora\ncategory: Movement\nwritten_at: 2026-09-01\n---\nStand tall.\n"
BUNDLED = Path(__file__).parents[3] / "issues"


@pytest.fixture
def issues(tmp_path: Path) -> Path:
    root = tmp_path / "site" / "issues"
    (root / "images").mkdir(parents=True)
    (root / "authors.toml").write_text(AUTHORS)
    picture(root / "images" / "nora.png")
    folder = root / "001-hello"
    folder.mkdir()
    (folder / "issue.md").write_text(ISSUE)
    (folder / "01-posture.md").write_text(ARTICLE)
    return root


def picture(path: Path) -> None:
    PIL.Image.new("RGB", (40, 30)).save(path)


def failure(issues: Path, name: str = "", text: str = "") -> ContentError:
    if name:
        (issues / name).write_text(text)
    with pytest.raises(ContentError) as caught:
        load_issue(issues, "001-hello")
    assert caught.value.hint
    return caught.value


def test_issue_is_loaded_with_its_articles_in_number_order(issues: Path) -> None:
    for name in ("10-last.md", "2-middle.md"):
        (issues / "001-hello" / name).write_text(ARTICLE)
    (issues / "001-hello" / "_draft.md").write_text("not an article")
    issue = load_issue(issues, "001-hello")
    assert (issue.subject, issue.date, issue.number, issue.preheader) == ("Hello", date(2026, 9, 15), 3, "")
    assert [article.key for article in issue.articles] == ["posture", "middle", "last"]
    assert (issue.letter.source, issue.letter.line) == ("Dear reader", 8)
    article = issue.articles[0]
    assert article.author.byline == "Nora Feld, PT, DPT"
    assert article.body.line == 7
    assert issue.sign_off == article.author
    assert article.author.avatar is not None
    assert set(issue.all_images()) == {article.author.avatar.media_name}


def test_pictures_of_front_matter_and_body_are_measured(issues: Path) -> None:
    picture(issues / "001-hello" / "lead.png")
    text = ARTICLE.replace(
        "---\nStand", "image: lead.png\nimage_alt: A lead\n---\n![Again](../images/nora.png)\n\nStand"
    )
    (issues / "001-hello" / "01-posture.md").write_text(text)
    article = load_issue(issues, "001-hello").articles[0]
    assert article.image is not None
    assert (article.image.width, article.image_alt) == (40, "A lead")
    assert set(article.images) == {"../images/nora.png"}


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("author: nora", "author: nor", 3, 'Did you mean "nora"'),
        ("category: Movement\n", "", 1, "category"),
        ("---\nStand", "updated_at: 2026-08-01\n---\nStand", 6, "before written_at"),
        ("---\nStand", "link: example.org/a\n---\nStand", 6, "https://"),
        ("---\nStand", "link: javascript:alert(1)\n---\nStand", 6, "https://"),
        ("---\nStand", "image: none.jpg\nimage_alt: x\n---\nStand", 6, "does not exist"),
        ("---\nStand", "image: none.jpg\n---\nStand", 6, "image_alt"),
        ("---\nStand", "image: https://example.org/a.jpg\nimage_alt: x\n---\nStand", 6, "another server"),
        ("---\nStand", "image: ../../secret.png\nimage_alt: x\n---\nStand", 6, "not below"),
        ("---\nStand", "image: /etc/passwd\nimage_alt: x\n---\nStand", 6, "not below"),
        ("Stand tall.", "Stand\n\n![A](none.png)", 9, "does not exist"),
        ("Stand tall.", "Stand\n![A](../../secret.png)", 8, "not below"),
        ("Stand tall.", "![A](data:image/png;base64,AA)", 7, "another server"),
        ("Stand tall.\n", "\n", 6, "no text"),
    ],
)
def test_mistake_in_an_article_is_an_error_at_its_line(issues: Path, old: str, new: str, line: int, words: str) -> None:
    picture(issues.parent / "secret.png")
    error = failure(issues, "001-hello/01-posture.md", ARTICLE.replace(old, new))
    assert error.path == issues / "001-hello" / "01-posture.md"
    assert error.line == line
    assert words in str(error)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("1-other.md", "same number"),
        ("02-posture.md", "same name"),
        ("posture.md", "neither"),
        ("02-Big.md", "neither"),
        ("notes.md", "_notes.md"),
    ],
)
def test_article_files_are_told_apart_by_number_and_name(issues: Path, name: str, words: str) -> None:
    assert words in str(failure(issues, f"001-hello/{name}", ARTICLE))


def test_unknown_editor_is_an_error_that_says_where_authors_live(issues: Path) -> None:
    error = failure(issues, "001-hello/issue.md", ISSUE.replace("editor: nora", "editor: zzz"))
    assert error.line == 5
    assert "authors.toml" in error.hint


def test_issue_without_letter_is_an_error(issues: Path) -> None:
    assert "no text" in failure(issues, "001-hello/issue.md", ISSUE.replace("Dear reader", "")).message


@pytest.mark.parametrize("name", ["issue.md", "01-posture.md", "lead.png"])
def test_symbolic_link_out_of_the_folder_is_an_error(issues: Path, name: str) -> None:
    outside = issues.parent / name
    place = issues / "001-hello" / name
    if name == "lead.png":
        picture(outside)
        text = ARTICLE.replace("---\nStand", "image: lead.png\nimage_alt: x\n---\nStand")
        (issues / "001-hello" / "01-posture.md").write_text(text)
    else:
        outside.write_text(place.read_text())
        place.unlink()
    place.symlink_to(outside)
    assert "not below" in failure(issues).message


def test_issue_folder_may_not_be_a_link_out(issues: Path) -> None:
    (issues / "001-hello").rename(issues.parent / "elsewhere")
    (issues / "001-hello").symlink_to(issues.parent / "elsewhere")
    failure(issues)


@pytest.mark.parametrize(
    "slug", ["../001-hello", "", ".", "..", "/etc", "001-Hello", "a/b", "a\0b", "-a", "x" * 101, "a\n"]
)
def test_slug_that_could_leave_the_folder_is_refused(issues: Path, slug: str) -> None:
    with pytest.raises(NotFoundError, match="cannot be the name"):
        load_issue(issues, slug)


def test_unknown_issue_names_the_nearest_and_how_to_create_it(issues: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        load_issue(issues, "001-helo")
    assert '"001-hello"' in caught.value.hint
    assert "newsletter new 001-helo" in caught.value.hint


def test_issues_are_listed_by_slug_and_other_folders_are_not(issues: Path) -> None:
    (issues / "000-b").mkdir()
    (issues / "000-b" / "issue.md").write_text(ISSUE)
    assert list_issues(issues) == ["000-b", "001-hello"]
    assert list_issues(issues / "none") == []


def test_no_authors_file_means_no_authors(tmp_path: Path) -> None:
    assert load_authors(tmp_path) == {}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('[nora]\nname = "N"\nbio = no\n', 3, "TOML"),
        ('[nora]\nname = "N"\n\n[nora]\nname = "M"\n', 4, "TOML"),
        ('[nora]\nname = "N"\nname = "M"\n', 3, "TOML"),
        ('[a]\nname = "N"\nrole = "x"\n[nora]\nname = "N"\nrol = "x"\n', 6, '"role"'),
        ('[a]\nname = "N"\n[nora]\nrole = "x"\n', 3, "no name"),
        ('[nora]\nname = "N"\ncredentials = "PT"\n', 3, "list"),
        ('[nora]\nname = "N"\ncredentials = [1]\n', 3, "text"),
        ('[nora]\nname = "N"\navatar = "../secret.png"\n', 3, "not below"),
        ('[nora]\nname = "N"\navatar = "none.png"\n', 3, "does not exist"),
        ('[nora]\nname = "a\\u0000b"\n', 2, "cannot be shown"),
        ('nora = "N"\n', 1, "not an author"),
        ("x = " + "[" * 5000, 0, ""),
    ],
)
def test_mistake_in_the_authors_file_is_an_error_at_its_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    (tmp_path / "authors.toml").write_text(text)
    with pytest.raises(ContentError) as caught:
        load_authors(tmp_path)
    assert caught.value.path == tmp_path / "authors.toml"
    assert caught.value.line == line
    assert words in str(caught.value)


@pytest.mark.parametrize("slug", list_issues(BUNDLED))
def test_bundled_issue_is_fit_to_print(slug: str) -> None:
    issue = load_issue(BUNDLED, slug)
    assert len(issue.articles) >= 3
    assert issue.sign_off is not None
    assert 'default("friend")' in issue.letter.source
    assert issue.articles[0].image is not None
    for article in issue.articles:
        assert article.author.credentials
        assert article.author.bio
        assert to_html(article.body, article.images, lambda image, _width: image.media_name)
        assert max(map(len, to_text(article.body).split("\n"))) <= 72
        assert article.image is None or article.image.path.stat().st_size <= 90_000


def test_bundled_example_brings_two_issues() -> None:
    assert list_issues(BUNDLED) == ["001-why-your-back-hurts", "002-the-side-you-favour"]


WORDS = "title: It's\nexcerpt: \"Don't\"\nlink_text: It's so\nauthor: nora"


@pytest.mark.parametrize(
    ("site", "issue_says", "article_says", "letter", "article"),
    [
        (False, "", "", "'", "'"),
        (True, "", "", "’", "’"),
        (True, "no", "", "'", "'"),
        (True, "", "no", "’", "'"),
        (False, "yes", "", "’", "’"),
        (False, "", "yes", "'", "’"),
    ],
)
def test_front_matter_decides_over_the_site_whether_prose_is_typeset(
    issues: Path, site: bool, issue_says: str, article_says: str, letter: str, article: str
) -> None:
    folder = issues / "001-hello"
    above = f"preheader: It's on\ntypography: {issue_says}\n---\n\nIt's"
    (folder / "issue.md").write_text(ISSUE.replace("Hello", "It's").replace("---\n\nDear", above))
    text = ARTICLE.replace("title: Posture\nauthor: nora", WORDS).replace(
        "---\nStand", f"typography: {article_says}\n---\nIt's"
    )
    (folder / "01-posture.md").write_text(text)
    found = load_issue(issues, "001-hello", language="en", typography=site)
    assert found.subject == "It's"
    assert found.preheader == f"It{letter}s on"
    assert f"It{letter}s" in to_text(found.letter)
    one = found.articles[0]
    assert (one.title, one.excerpt, one.link_text) == (f"It{article}s", f"Don{article}t", f"It{article}s so")
    assert f"It{article}s" in to_text(one.body)


def test_typography_is_that_of_the_language(issues: Path) -> None:
    (issues / "001-hello" / "01-posture.md").write_text(ARTICLE.replace("Stand tall", '"Steh"'))
    issue = load_issue(issues, "001-hello", language="de", typography=True)
    assert to_text(issue.articles[0].body) == "„Steh“."

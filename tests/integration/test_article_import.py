"""Bringing articles into an issue from the command line: shown first, then written, never over something."""

import io
import json
import os
from pathlib import Path

import PIL.Image
import pytest
from commands import Commands

from newsletter.content.fetch import Fetched, FetchError
from newsletter.content.importing.pictures import Gatherer
from newsletter.content.importing.sources import open_source
from newsletter.content.importing.values import Found
from newsletter.errors import NewsletterError

ISSUE = "001-why-your-back-hurts"
PAGES = Path(__file__).parent.parent / "unit" / "content" / "importing" / "pages"
SOURCES = PAGES.parent / "sources"
PAGE = PAGES / "institute.html"
FILE = "05-why-your-chair-matters-less-than-you-think.md"


@pytest.fixture
def run(tmp_path, monkeypatch, capfd):
    for name in list(os.environ):
        if name.startswith("NEWSLETTER_") and not name.startswith("NEWSLETTER_TEST_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("NO_COLOR", "1")
    commands = Commands(tmp_path / "letter", monkeypatch, capfd)
    commands.ok("init", commands.folder, "--name", "The Test Letter", "--from", "editor@example.net")
    return commands


def issue(run):
    return run.folder / "issues" / ISSUE


def snapshot(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def picture(width=640, height=360):
    data = io.BytesIO()
    PIL.Image.new("RGB", (width, height), "teal").save(data, "JPEG")
    return data.getvalue()


def test_a_dry_run_shows_what_was_found_and_needs_no_site(run, tmp_path):
    run.folder = tmp_path / "nowhere"
    found = run.ok("article", "import", PAGE, "--dry-run", "--json").json
    assert list(found) == ["title", "category", "author", "written_at", "updated_at", "image", "body"]
    assert found["title"] == "Why your chair matters less than you think"
    assert found["author"]["name"] == "Nora Feld"
    assert found["author"]["credentials"] == ["PT", "DPT"]
    assert "Nora Feld, PT, DPT" in run.ok("article", "import", PAGE, "--dry-run").out


def test_an_import_writes_the_article_and_its_unknown_author_and_the_issue_loads(run):
    done = run.ok("article", "import", PAGE, "--issue", ISSUE, "--json").json
    assert done["file"] == str(issue(run) / FILE)
    assert (done["author"], done["author_added"]) == ("nora-feld", True)
    authors = (run.folder / "issues" / "authors.toml").read_text("utf-8")
    assert '[nora-feld]\nname = "Nora Feld"\ncredentials = ["PT", "DPT"]\nbio = "Nora Feld is head' in authors
    assert "[ines-varga]" in authors
    assert run.ok("check", ISSUE).code == 0


def test_an_author_on_file_is_recognised(run):
    text = "A second opinion\n\nBy Dr. Ines Varga\n\nOne paragraph.\n"
    done = run.ok("article", "import", "-", "--issue", ISSUE, "--json", stdin=text.encode()).json
    assert (done["author"], done["author_added"]) == ("ines-varga", False)


def test_nothing_is_overwritten_and_a_refusal_leaves_nothing_behind(run):
    run.ok("article", "import", PAGE, "--issue", ISSUE)
    before = snapshot(run.folder / "issues")
    done = run("article", "import", PAGE, "--issue", ISSUE)
    assert done.code == 4
    assert "exists already" in done.err
    assert snapshot(run.folder / "issues") == before
    run.ok("article", "import", PAGE, "--issue", ISSUE, "--title", "Another title")
    assert (issue(run) / "06-another-title.md").is_file()


def test_pictures_saved_beside_a_page_are_taken_along(run, tmp_path):
    folder = tmp_path / "saved"
    (folder / "page_files").mkdir(parents=True)
    (folder / "page_files" / "lead.jpg").write_bytes(picture())
    (folder / "page_files" / "second.jpg").write_bytes(picture(300, 200))
    (folder / "page_files" / "broken.jpg").write_bytes(picture()[:500])
    (tmp_path / "secret.jpg").write_bytes(picture())
    text = "<p>Words that are long enough to be the text of an article about saved pages.</p>" * 6
    (folder / "page.html").write_text(
        "<html><body><article><h1>A saved page</h1><p>By Nora Feld</p><img src='page_files/lead.jpg' alt='Lead'>"
        f"{text}<img src='page_files/second.jpg'>{text}<img src='page_files/broken.jpg' alt='x'>"
        f"<img src='../secret.jpg' alt='x'><img src='/etc/passwd' alt='x'>{text}</article></body></html>",
        "utf-8",
    )
    done = run.ok("article", "import", folder / "page.html", "--issue", ISSUE)
    written = (issue(run) / "05-a-saved-page.md").read_text("utf-8")
    assert 'image: "a-saved-page.jpg"\nimage_alt: "Lead"\n' in written
    assert written.count("![") == 1
    assert "![TK](a-saved-page-2.jpg)" in written
    assert (issue(run) / "a-saved-page.jpg").read_bytes() == picture()
    assert done.err.count("Left out the picture") == 3
    assert "TK" in done.err


@pytest.mark.parametrize("said", ["canonical", "option"])
def test_a_saved_page_that_says_where_it_came_from_brings_its_pictures_too(run, tmp_path, said):
    (tmp_path / "page_files").mkdir()
    (tmp_path / "page_files" / "lead.jpg").write_bytes(picture())
    home = "https://spine.invalid/blog/rest"
    text = "<p>Words that are long enough to be the text of an article about saved pages.</p>" * 6
    canonical = f"<link rel='canonical' href='{home}'>" if said == "canonical" else ""
    (tmp_path / "page.html").write_text(
        f"<html><head>{canonical}</head><body><article><h1>A saved page</h1><p>By Nora Feld</p>"
        f"<img src='page_files/lead.jpg' alt='Lead'>{text}</article></body></html>",
        "utf-8",
    )
    option = ("--url", home) if said == "option" else ()
    done = run.ok("article", "import", tmp_path / "page.html", "--issue", ISSUE, *option)
    assert "Left out" not in done.err
    assert (issue(run) / "a-saved-page.jpg").read_bytes() == picture()


def test_standard_input_that_never_ends_is_refused():
    asked: list[int] = []

    def endless(size: int) -> bytes:
        asked.append(size)
        return b"x" * size

    with pytest.raises(NewsletterError, match="does not end"):
        open_source("-", standard_input=endless)
    assert len(asked) == 1


def test_pictures_on_the_web_are_fetched_once_and_a_dead_server_is_not_asked_again():
    asked = []

    def get(url, **_limits):
        asked.append(url)
        if "dead" in url:
            raise FetchError("dead.example.org did not finish within 15 seconds.") from TimeoutError()
        return Fetched(url, 200 if "gone" not in url else 404, "image/jpeg", "", picture())

    gatherer = Gatherer("key", None, get)
    body = (
        "Text\n\n![Lead](https://example.org/lead-300x200.jpg)\n\n![A](https://example.org/a.jpg) and again "
        "![A](https://example.org/a.jpg)\n\n![B](https://dead.example.org/b.jpg)\n\n![C](https://dead.example.org/c.jpg)"
        "\n\n![D](https://example.org/gone.jpg)\n\nEnd"
    )
    found = gatherer.localised(Found(image="https://example.org/lead.jpg", body=body))
    assert found.image == "key.jpg"
    assert found.body == "Text\n\n![A](key-2.jpg) and again ![A](key-2.jpg)\n\nEnd"
    assert asked == [
        f"https://{path}"
        for path in ("example.org/lead.jpg", "example.org/a.jpg", "dead.example.org/b.jpg", "example.org/gone.jpg")
    ]
    assert [picture.name for picture in gatherer.pictures] == ["key.jpg", "key-2.jpg"]
    assert len(gatherer.notes) == 3


def test_several_posts_are_listed_and_one_is_chosen(run):
    done = run("article", "import", SOURCES / "wordpress.xml", "--dry-run", "--json")
    assert done.code == 2
    assert [post["title"] for post in done.json["posts"]] == ["Classic post", "Block post"]
    assert "--post" in done.err
    assert (
        run.ok("article", "import", SOURCES / "wordpress.xml", "--post", 2, "--dry-run", "--json").json["body"]
        == "Blocks."
    )
    by_title = run.ok("article", "import", SOURCES / "feed.rss", "--entry", "second", "--dry-run", "--json").json
    assert by_title["title"] == "Second"


@pytest.mark.parametrize(
    "url",
    [
        *("http://127.0.0.1:9/page", "http://localhost/", "http://[::1]/", "http://169.254.169.254/latest/meta-data/"),
        *("http://10.0.0.1/", "http://0x7f000001/", "file:///etc/passwd", "ftp://example.org/x"),
    ],
)
def test_addresses_that_are_not_public_web_pages_are_refused(run, url):
    done = run("article", "import", url, "--dry-run")
    assert done.code == 1
    assert done.err.startswith("Error: ")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("no-such-file.html", "--dry-run"), 1, "There is no file"),
        ((PAGE,), 2, "--issue"),
        ((PAGE, "--issue", "no-such-issue"), 1, "There is no issue"),
        ((PAGE, "--issue", ISSUE, "--author", "no-such-key"), 1, "no author"),
        ((PAGE, "--post", "1", "--dry-run"), 1, "one article only"),
        ((SOURCES / "wordpress.xml", "--post", "9", "--dry-run"), 1, "no single article"),
    ],
)
def test_mistakes_are_told_in_one_sentence_with_a_remedy(run, words, code, said):
    before = snapshot(run.folder / "issues")
    done = run("article", "import", *words)
    assert done.code == code
    assert said in done.err
    assert "Traceback" not in done.err
    assert snapshot(run.folder / "issues") == before


def test_a_text_without_author_needs_one_and_takes_a_byline(run):
    text = b"A quiet night\n\nOne paragraph about sleep.\n"
    assert "--author" in run("article", "import", "-", "--issue", ISSUE, stdin=text).err
    run.ok("article", "import", "-", "--issue", ISSUE, "--author", "Ada Brook, MD", "--category", "Sleep", stdin=text)
    written = (issue(run) / "05-a-quiet-night.md").read_text("utf-8")
    assert "author: ada-brook\n" in written
    assert 'category: "Sleep"\n' in written


def test_standard_input_is_recognised_by_what_it_is(run):
    for source, title in ((PAGE, "Why your chair matters less than you think"), (SOURCES / "feed.atom", "One entry")):
        assert run.ok("article", "import", "-", "--dry-run", "--json", stdin=source.read_bytes()).json["title"] == title
    assert run.ok("article", "import", "-", "--dry-run", "--json", stdin=b"# Mark\n\nDown.").json["title"] == "Mark"


def test_hostile_texts_stay_texts_and_the_issue_can_still_be_sent(run):
    bio = 'Nora "Q" O\\Feld ]] = "x" [evil] {{ subscriber.email }}'
    title = 'A "quoted": title {{ tag }} {% x %}'
    text = f"---\ntitle: '{title}'\nauthor: 'Nora Feld'\nbio: '{bio}'\n---\nText: {{{{ x }}}}.\n"
    run.ok("article", "import", "-", "--issue", ISSUE, "--json", stdin=text.encode())
    authors = (run.folder / "issues" / "authors.toml").read_text("utf-8")
    assert json.dumps(bio.replace("{{", "{ {")) in authors
    assert run.ok("check", ISSUE).code == 0

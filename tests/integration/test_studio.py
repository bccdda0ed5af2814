"""The studio without a browser: who may look, what frames may do, what is shown, and how it recovers."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import Commands
from flask.testing import FlaskClient

from newsletter.cli.preview import studio_server
from newsletter.errors import ConfigError, NewsletterError
from newsletter.rendering.views import VIEWS
from newsletter.site import Site
from newsletter.web.studio.app import create_studio
from newsletter.web.studio.desk import Desk

ISSUE = "001-why-your-back-hurts"
PATIENCE = 10.0


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Site as `init` makes it, with one subscriber."""
    folder = tmp_path_factory.mktemp("studio") / "site"
    with pytest.MonkeyPatch.context() as patch:
        run = _Quiet(folder, patch)
        run("init", folder)
        run("preview", ISSUE)  # pictures are made once
        run("subscriber", "add", "grace@example.net", "--name", "Grace Hopper", "--confirmed", "--basis", "on paper")
    return folder


class _Quiet:
    """Runs commands where there is no test yet to capture what they say."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self._folder, self._patch = folder, patch

    def __call__(self, *words: object) -> None:
        import sys

        from newsletter.cli.main import main

        given = ["newsletter", *map(str, words), "--quiet"]
        if words[0] != "init":
            given += ["--site", str(self._folder)]
        self._patch.setattr(sys, "argv", given)
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code


@pytest.fixture
def folder(planted: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(planted, tmp_path / "site"))


@pytest.fixture
def desk(folder: Path) -> Iterator[Desk]:
    desk = Desk(ISSUE, lambda: Site.open(folder))
    desk.start()
    yield desk
    desk.close()


@pytest.fixture
def client(desk: Desk) -> FlaskClient:
    return create_studio(desk).test_client(use_cookies=False)


def changed(desk: Desk, known: int) -> int:
    """The number of the next draft."""
    newer = desk.wait(known, PATIENCE)
    assert newer is not None, "nothing was noticed"
    return newer


def letter(folder: Path) -> Path:
    return folder / "issues" / ISSUE / "issue.md"


# -- who may look, and what may run ---------------------------------------------------------------


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "192.168.0.7", "["])
def test_other_names_get_nothing(client: FlaskClient, host: str) -> None:
    for path in ("/", "/state", "/checks", "/view/desktop", "/source?file=issues/authors.toml", "/changes"):
        answer = client.get(path, headers={"Host": host})
        assert answer.status_code in {400, 403}
        assert "Steady Spine" not in answer.text


@pytest.mark.parametrize("host", ["localhost:8700", "127.0.0.1:8700", "[::1]:8700"])
def test_loopback_names_may_look(client: FlaskClient, host: str) -> None:
    assert client.get("/", headers={"Host": host}).status_code == 200


def test_page_runs_its_own_script_and_nothing_else(client: FlaskClient) -> None:
    page = client.get("/")
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert page.text.count("<script") == 1
    assert "style=" not in page.text
    assert "allow-scripts" not in page.text
    assert "//" not in page.text.replace("<!DOCTYPE html>", "")  # nothing from anywhere else
    assert page.headers["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.parametrize("key", [each.key for each in VIEWS])
def test_frames_hold_the_issue_and_may_run_nothing(client: FlaskClient, key: str) -> None:
    frame = client.get(f"/view/{key}")
    policy = frame.headers["Content-Security-Policy"]
    assert frame.status_code == 200
    assert "sandbox" in policy
    assert "allow-scripts" not in policy
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "<script" not in frame.text
    assert "Why your back hurts" in frame.text or "The Steady Spine" in frame.text
    assert "127.0.0.1:8000/media/" not in frame.text


def test_nothing_can_be_changed_through_it(client: FlaskClient) -> None:
    for path in ("/", "/state", "/view/desktop", "/source", "/changes"):
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            assert client.open(path, method=method).status_code == 405


@pytest.mark.parametrize(
    "name",
    [
        "../../newsletter.toml",
        "newsletter.toml",
        ".env",
        "var/keys.toml",
        "/etc/passwd",
        f"issues/{ISSUE}/../../newsletter.toml",
        "",
        "(other)",
    ],
)
def test_only_files_on_the_list_can_be_read(client: FlaskClient, name: str) -> None:
    assert client.get("/source", query_string={"file": name}).status_code == 404


@pytest.mark.parametrize(
    "path", ["/static/../app.py", "/static/index.html", "/media/x.jpg", "/media/..%2f..%2f.env", "/view/x"]
)
def test_paths_lead_nowhere_else(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "There is no such page" in answer.text


def test_a_linked_file_is_not_shown(folder: Path) -> None:
    (folder / "issues" / ISSUE / "_secret.md").symlink_to(folder / ".env")
    desk = Desk(ISSUE, lambda: Site.open(folder))
    assert not [each for each in desk.sources() if "secret" in each.name]
    desk.close()


# -- what is shown ----------------------------------------------------------------------------------


def test_state_says_what_the_page_needs(client: FlaskClient) -> None:
    state = client.get("/state").get_json()
    assert state["mail"]["subject"] == "Why your back hurts, and where to begin"
    assert 15_000 < state["mail"]["html_size"] < state["mail"]["limit"] == 104_448
    assert state["trouble"] is None
    assert state["files"][0]["name"] == f"issues/{ISSUE}/issue.md"
    assert not [each for each in state["files"] if each["name"].endswith((".env", "newsletter.toml"))]


def test_pictures_come_from_the_studio_itself(client: FlaskClient) -> None:
    html = client.get("/view/desktop").text
    names = {piece.partition('"')[0] for piece in html.split('src="')[1:]}
    assert names
    for name in names:
        assert name.startswith("/media/")
        picture = client.get(name)
        assert picture.status_code == 200
        assert picture.content_type.startswith("image/")


@pytest.mark.parametrize(
    ("reader", "greeting"),
    [
        ("sample", "Dear Ada,"),
        ("nameless", "Dear friend,"),
        ("rtl", "Dear ليلى,"),
        ("grace@example.net", "Dear Grace,"),
    ],
)
def test_a_copy_is_addressed_to_whoever_is_chosen(client: FlaskClient, reader: str, greeting: str) -> None:
    assert greeting in client.get("/view/desktop", query_string={"reader": reader}).text


def test_markup_in_a_name_stays_words(client: FlaskClient) -> None:
    for key in ("desktop", "inbox", "text"):
        shown = client.get(f"/view/{key}?reader=markup").text
        assert "<script" not in shown
        assert "<b>Bobby" not in shown


def test_strangers_are_named_as_such(client: FlaskClient) -> None:
    trouble = client.get("/state", query_string={"reader": "nobody@example.net"}).get_json()["trouble"]
    assert trouble["message"] == "nobody@example.net is not on file."
    answer = client.get("/view/desktop", query_string={"reader": "nobody@example.net"})
    assert answer.status_code == 422
    assert "nobody@example.net is not on file." in answer.text


def test_sources_are_what_was_written_and_what_is_sent(client: FlaskClient, folder: Path) -> None:
    lines = client.get("/source", query_string={"file": f"issues/{ISSUE}/issue.md"}).get_json()
    assert lines == letter(folder).read_text("utf-8").split("\n")
    assert client.get("/source?file=(html)").get_json()[0].startswith("<!DOCTYPE html>")
    assert any(line.startswith("Subject: ") for line in client.get("/source?file=(message)").get_json())


def test_checks_name_files_of_the_list_and_the_room_that_is_left(client: FlaskClient, folder: Path, desk: Desk) -> None:
    text = letter(folder).read_text("utf-8")
    letter(folder).write_text(
        text.replace("Read one piece", "Lorem ipsum dolor sit amet. TODO. Read one piece"), "utf-8"
    )
    changed(desk, 1)
    report = client.get("/checks").get_json()
    found = [each for each in report["findings"] if each["file"].endswith("issue.md") and each["line"]]
    assert found
    lines = client.get("/source", query_string={"file": found[0]["file"]}).get_json()
    assert "Lorem" in lines[found[0]["line"] - 1]
    assert 5 < report["more_articles"] < 60


# -- following what is written ----------------------------------------------------------------------


def test_a_saved_letter_is_a_new_draft(client: FlaskClient, desk: Desk, folder: Path) -> None:
    letter(folder).write_text(letter(folder).read_text("utf-8").replace("Read one piece", "Read one article"), "utf-8")
    changed(desk, 1)
    assert "Read one article" in client.get("/view/phone").text


def test_every_variant_can_be_looked_at(client: FlaskClient, desk: Desk, folder: Path) -> None:
    text = letter(folder).read_text("utf-8")
    letter(folder).write_text(text + "\n::: only tag=studio\nWords for some only.\n:::\n", "utf-8")
    changed(desk, 1)
    tags = {each["tags"] for each in client.get("/state").get_json()["variants"]}
    assert "" in tags
    tagged = next(each for each in tags if "studio" in each.split(","))
    assert "Words for some only." in client.get("/view/text", query_string={"tags": tagged}).text
    assert "Words for some only." not in client.get("/view/text").text


def test_an_exchanged_picture_is_a_new_draft_with_a_new_address(client: FlaskClient, desk: Desk, folder: Path) -> None:
    before = client.get("/view/desktop").text
    picture = next((folder / "issues" / ISSUE).glob("*.jpg"))
    other = next(
        each
        for each in (folder / "issues").rglob("*.jpg")
        if each.parent.name != ISSUE and each.stat().st_size > 20_000
    )
    picture.write_bytes(other.read_bytes())
    changed(desk, 1)
    after = client.get("/view/desktop").text
    fresh = {piece.partition('"')[0] for piece in after.split('src="')[1:]} - {
        piece.partition('"')[0] for piece in before.split('src="')[1:]
    }
    assert fresh
    assert all(client.get(name).status_code == 200 for name in fresh)


def test_an_issue_that_is_taken_away_and_put_back(client: FlaskClient, desk: Desk, folder: Path) -> None:
    away = folder / "away"
    (folder / "issues" / ISSUE).rename(away)
    known = changed(desk, 1)
    assert "There is no issue" in client.get("/state").get_json()["trouble"]["message"]
    assert client.get("/checks").get_json()["errors"] == 1
    away.rename(folder / "issues" / ISSUE)
    changed(desk, known)
    assert client.get("/state").get_json()["trouble"] is None


def test_the_stream_tells_every_draft_at_once(client: FlaskClient, desk: Desk, folder: Path) -> None:
    stream = client.get("/changes", buffered=False)
    chunks = iter(stream.response)
    assert stream.content_type.startswith("text/event-stream")
    assert b'"version": 1' in next(chunks)  # type: ignore[operator]
    began = time.perf_counter()
    letter(folder).write_text(letter(folder).read_text("utf-8") + "\nOne more line.\n", "utf-8")
    assert b'"version": 2' in next(chunks)  # type: ignore[operator]
    assert time.perf_counter() - began < 5
    stream.close()


def test_templates_and_configuration_are_followed_too(client: FlaskClient, desk: Desk, folder: Path) -> None:
    settings = folder / "newsletter.toml"
    settings.write_text(
        settings.read_text("utf-8").replace('name = "The Steady Spine"', 'name = "The Bent Spine"', 1), "utf-8"
    )
    known = changed(desk, 1)
    assert "The Bent Spine" in client.get("/view/desktop").text
    own = folder / "templates" / "issue" / "partials" / "closing.html"
    own.parent.mkdir(parents=True, exist_ok=True)
    own.write_text("<tr><td>Closing words of our own</td></tr>\n", "utf-8")
    changed(desk, known)
    assert "Closing words of our own" in client.get("/view/desktop").text


@pytest.mark.parametrize(
    ("file", "break_it", "line", "says"),
    [
        ("issue.md", ("---\nsubject", "---\nsubjekt"), 2, "subjekt"),
        ("issue.md", ("subscriber.first_name", "subscriber.frist_name"), 9, "frist_name"),
        ("01-cause-and-place.md", ("author: ines-varga", "author: ines-vagra"), 3, "ines-vagra"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_gone_when_it_is_mended(
    client: FlaskClient, desk: Desk, folder: Path, file: str, break_it: tuple[str, str], line: int, says: str
) -> None:
    path = folder / "issues" / ISSUE / file
    whole = path.read_text("utf-8")
    assert break_it[0] in whole
    path.write_text(whole.replace(*break_it, 1), "utf-8")
    known = changed(desk, 1)
    trouble = client.get("/state").get_json()["trouble"]
    assert says in trouble["message"]
    assert trouble["remedy"]
    assert (trouble["file"], trouble["line"]) == (f"issues/{ISSUE}/{file}", line)
    assert says in dict(map(tuple, trouble["excerpt"]))[line]
    assert client.get("/view/desktop").status_code == 422
    assert client.get("/checks").get_json()["errors"] >= 1
    path.write_text(whole, "utf-8")
    changed(desk, known)
    assert client.get("/state").get_json()["trouble"] is None
    assert client.get("/view/desktop").status_code == 200


def test_a_broken_template_is_told_with_its_line(client: FlaskClient, desk: Desk, folder: Path) -> None:
    own = folder / "templates" / "issue" / "partials" / "closing.html"
    own.parent.mkdir(parents=True, exist_ok=True)
    own.write_text("<tr><td>\n{% if %}\n</td></tr>\n", "utf-8")
    known = changed(desk, 1)
    trouble = client.get("/state").get_json()["trouble"]
    assert trouble["file"] == "templates/issue/partials/closing.html"
    assert trouble["line"] == 2
    own.unlink()
    changed(desk, known)
    assert client.get("/state").get_json()["trouble"] is None


def test_a_broken_configuration_is_told_and_forgotten(client: FlaskClient, desk: Desk, folder: Path) -> None:
    settings = folder / "newsletter.toml"
    whole = settings.read_text("utf-8")
    settings.write_text(whole + "\nnonsense\n", "utf-8")
    known = changed(desk, 1)
    assert "newsletter.toml" in client.get("/state").get_json()["trouble"]["message"]
    settings.write_text(whole, "utf-8")
    changed(desk, known)
    assert client.get("/state").get_json()["trouble"] is None


def test_a_desk_needs_a_configuration_to_begin_with(folder: Path) -> None:
    (folder / "newsletter.toml").write_text("nonsense", "utf-8")
    with pytest.raises(ConfigError):
        Desk(ISSUE, lambda: Site.open(folder))


def test_closing_lets_go_of_whoever_waits(desk: Desk) -> None:
    desk.close()
    with pytest.raises(EOFError):
        desk.wait(desk.version, 5)


# -- the command ----------------------------------------------------------------------------------


def test_serve_goes_with_nothing_that_is_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    run = Commands(folder, monkeypatch, capfd)
    for words in (("--serve", "--matrix"), ("--serve", "--out", "x"), ("--port", "8700")):
        assert run("preview", ISSUE, *words).code == 2
    assert run("preview", "001-why", "--serve", "--port", "0").code == 1
    unknown = run("preview", ISSUE, "--serve", "--port", "0", "--as", "nobody@example.net")
    assert unknown.code == 1
    assert "is not on file" in unknown.err


def test_the_usual_port_is_only_a_wish_and_a_named_one_is_not(desk: Desk) -> None:
    settings = desk.draft.site.config.server
    first, second = (studio_server(create_studio(desk), settings, None) for _ in range(2))
    try:
        assert first.port != second.port
        with pytest.raises(NewsletterError, match="cannot listen"):
            studio_server(create_studio(desk), settings, second.port)
    finally:
        first.close()
        second.close()


def test_matrix_says_what_is_missing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    run = Commands(folder, monkeypatch, capfd)
    monkeypatch.setenv("PATH", str(folder))
    done = run("preview", ISSUE, "--matrix")
    assert done.code == 1
    assert "need Chromium" in done.err or "need playwright" in done.err
    assert "--serve" in done.err

"""A send that should not be: not agreed to, not there, or not fit to be mailed. One sentence, and nothing leaves."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from smtpd import ScriptedServer

import pytest
from journeys.desk import ISSUE, Desk, Result, environment


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """A good relay."""
    with ScriptedServer() as opened:
        yield opened


@pytest.fixture
def desk(desk: Desk, server: ScriptedServer) -> Desk:
    """A desk that would send there."""
    desk.relay(server.port)
    return desk


def nothing_happened(desk: Desk, server: ScriptedServer) -> bool:
    """Whether there is no campaign and nobody called the relay."""
    return desk.sql("SELECT count(*) FROM campaigns WHERE kind = 'issue'") == [(0,)] and not server.commands


def test_a_dry_run_sends_nothing_and_agrees_to_nothing(desk: Desk, server: ScriptedServer) -> None:
    looked = desk.run("send", ISSUE, "--dry-run", "--json")
    assert looked.code == 0
    assert looked.json["audience"] == desk.readers
    assert f"{desk.readers} readers" in looked.err
    assert "reader0000@example.net" in looked.err, "a sample is shown"
    assert nothing_happened(desk, server)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--yes",), "--expect 12"),
        (("--yes", "--expect", "11"), "The audience is 12 now, not 11"),
        (("--expect", "12"), "--yes"),
        ((), "nobody can be asked"),
    ],
)
def test_without_the_right_number_nothing_leaves(
    desk: Desk, server: ScriptedServer, words: tuple[str, ...], sentence: str
) -> None:
    refused = desk.run("send", ISSUE, *words)
    assert refused.code == 4
    assert sentence in refused.err
    assert nothing_happened(desk, server)


@pytest.mark.parametrize(("typed", "code"), [("11", 4), ("", 4), ("12", 0)])
def test_at_a_terminal_the_number_has_to_be_typed(desk: Desk, server: ScriptedServer, typed: str, code: int) -> None:
    result = at_a_terminal(desk, typed, "send", ISSUE)
    assert result.code == code, result
    assert "12 readers" in result.err
    if code:
        assert "Nothing was sent" in result.err
        assert nothing_happened(desk, server)
    else:
        assert len(server.messages) == desk.readers


def test_an_audience_that_grew_meanwhile_is_not_agreed_to(desk: Desk, server: ScriptedServer) -> None:
    words = ("subscriber", "add", "late@example.net", "--confirmed", "--basis", "asked at the desk")
    assert desk.run(*words).code == 0
    refused = desk.send()
    assert refused.code == 4
    assert "The audience is 13 now, not 12" in refused.err
    assert nothing_happened(desk, server)


def test_an_unknown_issue_or_list_is_one_sentence(desk: Desk, server: ScriptedServer) -> None:
    issue = desk.run("send", "001-why-your-back-hurst", "--yes", "--expect", "12")
    assert issue.code == 1
    assert "001-why-your-back-hurst" in issue.err
    assert ISSUE in issue.err, "the nearest one is named"
    mailing_list = desk.run("send", ISSUE, "--list", "steady-spin", "--yes", "--expect", "12")
    assert mailing_list.code != 0
    assert "Did you mean steady-spine?" in mailing_list.err
    for each in (issue, mailing_list):
        assert len(each.err.splitlines()) == 1
    assert nothing_happened(desk, server)


ARTICLE = f"issues/{ISSUE}/01-cause-and-place.md"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("Dear {{ subscriber.shoe_size }},", "shoe_size"),
        ("![A path](nowhere.jpg)", "nowhere.jpg"),
    ],
)
def test_faulty_content_is_refused_at_its_file_and_line(
    desk: Desk, server: ScriptedServer, line: str, said: str
) -> None:
    article = desk.root / ARTICLE
    text = article.read_text("utf-8").rstrip("\n") + f"\n\n{line}\n"
    article.write_text(text, "utf-8")
    place = f"{article.name}:{len(text.splitlines())}"
    for words in (desk.send_words(), ("send", ISSUE, "--dry-run")):
        refused = desk.run(*words)
        assert refused.code == 4, refused
        assert said in refused.err
        assert place in refused.err
        assert f"newsletter check {ISSUE}" in refused.err
    assert nothing_happened(desk, server)
    article.write_text(text.removesuffix(f"\n{line}\n"), "utf-8")
    assert desk.send().code == 0, "mended, it goes"


def test_without_a_postal_address_nothing_is_sent(desk: Desk, server: ScriptedServer) -> None:
    settings = desk.root / "newsletter.toml"
    lines = settings.read_text("utf-8").splitlines(keepends=True)
    settings.write_text("".join(line for line in lines if not line.startswith("postal_address")), "utf-8")
    refused = desk.send()
    assert refused.code == 4
    assert "postal_address" in refused.err
    assert nothing_happened(desk, server)


def at_a_terminal(desk: Desk, typed: str, *words: str) -> Result:
    """Run a command on a pseudo-terminal and type one line; `err` is all that the terminal showed."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "newsletter", *words],
        cwd=desk.root,
        env=environment(desk.settings),
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    )
    os.close(theirs)
    shown = b""
    try:
        while b"number of readers" not in shown:
            shown += os.read(ours, 4096)
        os.write(ours, typed.encode() + b"\n")
        while True:
            try:
                more = os.read(ours, 4096)
            except OSError:  # EIO: the last of them has closed it
                break
            if not more:
                break
            shown += more
        out, _ = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait(10)
        os.close(ours)
    return Result(process.returncode, out, shown.decode("utf-8", "replace"))

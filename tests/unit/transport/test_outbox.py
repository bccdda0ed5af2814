"""The outbox: whole files, numbered, never overwritten."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from smtpd import one_by_one

import pytest

from newsletter.errors import TransportUnavailable
from newsletter.transport.base import Envelope, Outcome, Verdict
from newsletter.transport.maildrop import Maildrop
from newsletter.transport.outbox import OutboxTransport


def send(folder: Path, *messages: bytes) -> list[Outcome]:
    envelopes = [Envelope("from@example.org", "to@example.org", message) for message in messages]
    outcomes: list[Outcome] = []
    OutboxTransport(folder).run(
        iter([*envelopes, None]).__next__, one_by_one(lambda _, outcome: outcomes.append(outcome))
    )
    return outcomes


def test_each_message_is_a_file_with_the_exact_bytes(tmp_path: Path) -> None:
    outcomes = send(tmp_path / "out", b"Subject: 1\r\n\r\n.dot\r\n", b"Subject: 2\r\n\r\n")
    assert [outcome.verdict for outcome in outcomes] == [Verdict.ACCEPTED] * 2
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["000001.eml", "000002.eml"]
    assert (tmp_path / "out" / "000001.eml").read_bytes() == b"Subject: 1\r\n\r\n.dot\r\n"


def test_a_second_run_goes_on_counting(tmp_path: Path) -> None:
    send(tmp_path, b"one")
    send(tmp_path, b"two")
    assert (tmp_path / "000002.eml").read_bytes() == b"two"


def test_writers_beside_each_other_never_overwrite(tmp_path: Path) -> None:
    drops = [Maildrop(tmp_path) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        paths = list(pool.map(lambda n: drops[n % 4].add(b"%d" % n), range(80)))
    assert len(set(paths)) == 80
    assert {path.read_bytes() for path in paths} == {b"%d" % n for n in range(80)}
    assert sorted(tmp_path.iterdir()) == sorted(paths)


def test_a_folder_that_cannot_be_written_defers_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file, not a folder")
    outcomes: list[Outcome] = []
    taken = iter([Envelope("f@example.org", "t@example.org", b"x"), None])
    with pytest.raises(TransportUnavailable, match="cannot be written to"):
        OutboxTransport(tmp_path / "out").run(taken.__next__, one_by_one(lambda _, outcome: outcomes.append(outcome)))
    assert [(o.verdict, o.session) for o in outcomes] == [(Verdict.DEFERRED, True)]

"""A disk that fills up in the middle of a send, and a database of another version."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from journeys.desk import Desk
from journeys.sink import Sink

READERS = 400
CONNECTIONS = 4
CRAMPED = """
import resource, runpy
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
runpy.run_module("newsletter", run_name="__main__", alter_sys=True)
"""
"""Runs the command line with files that cannot grow beyond `limit` bytes, as on a full disk."""


def test_a_full_disk_in_the_middle_stops_the_send_and_loses_nobody(
    desks: Callable[[int], Desk], tmp_path: Path
) -> None:
    desk = desks(READERS)
    with Sink(tmp_path / "sink.log") as sink:
        desk.relay(sink.port, connections=CONNECTIONS)
        assert desk.send("--detach").code == 0
        limit = (desk.root / "var/newsletter.db").stat().st_size + 100_000
        stopped = desk.start(*desk.send_words(), program=("-c", CRAMPED.format(limit=limit))).result()
        assert stopped.code == 1, stopped
        assert "Traceback" not in stopped.err
        assert "the disk is full or failing" in stopped.err
        assert "Make room" in stopped.err
        assert 0 < sink.count < READERS, "it was in the middle"
        assert desk.sql("PRAGMA integrity_check") == [("ok",)]
        sound = desk.run("db", "check")
        assert sound.code == 0, sound.err
        last = desk.send("--json")
        copies = sink.copies()
    assert set(copies.values()) == {1}
    statuses = desk.statuses()
    assert statuses.get("ambiguous", 0) <= CONNECTIONS
    assert statuses["sent"] + statuses.get("ambiguous", 0) == READERS
    assert last.code == (5 if statuses.get("ambiguous") else 0)
    assert all(copies[reader] == 1 for reader in desk.those("sent"))


def test_a_disk_that_is_full_from_the_start_launches_nothing(desk: Desk, tmp_path: Path) -> None:
    with Sink(tmp_path / "sink.log") as sink:
        desk.relay(sink.port)
        stopped = desk.start(*desk.send_words(), program=("-c", CRAMPED.format(limit=20_000))).result()
        assert stopped.code == 1, stopped
        assert "Traceback" not in stopped.err
        assert "the disk is full or failing" in stopped.err
        assert desk.sql("SELECT count(*) FROM campaigns WHERE kind = 'issue'") == [(0,)]
        assert sink.count == 0
        assert desk.send().code == 0


def test_a_database_without_a_schema_is_refused_with_the_remedy(desk: Desk) -> None:
    desk.sql("DELETE FROM alembic_version")
    for words in (desk.send_words(), ("campaign", "list")):
        refused = desk.run(*words)
        assert refused.code == 3, refused
        assert "newsletter db upgrade" in refused.err
        assert len(refused.err.splitlines()) == 1


def test_a_database_of_a_newer_version_is_left_alone(desk: Desk) -> None:
    desk.sql("UPDATE alembic_version SET version_num = '9999'")
    for words in (desk.send_words(), ("db", "upgrade")):
        refused = desk.run(*words)
        assert refused.code == 3, refused
        assert "9999" in refused.err
        assert "newer version" in refused.err
    assert desk.sql("SELECT version_num FROM alembic_version") == [("9999",)]


def test_a_site_without_its_database_says_how_to_make_one(desk: Desk) -> None:
    for file in (desk.root / "var").glob("newsletter.db*"):
        file.unlink()
    refused = desk.send()
    assert refused.code == 3
    assert "newsletter db upgrade" in refused.err
    assert desk.run("db", "upgrade").code == 0
    nobody = desk.run("send", "001-why-your-back-hurts", "--yes", "--expect", "0")
    assert nobody.code == 4
    assert "Nobody on the list" in nobody.err

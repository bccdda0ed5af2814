"""A backup does not know who left after it was taken; restored, it mails none of them."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import factories
import pytest
import websites
from commands import Commands
from sqlalchemy import select
from websites import World

from newsletter import addresses, starter
from newsletter.errors import RefusedError, StoreError
from newsletter.store import backup, journal
from newsletter.store.engine import Database
from newsletter.store.journal import Departure, Journal, Line
from newsletter.store.schema import SuppressionReason
from newsletter.subscribers import consent, departures, moving, people, preferences, signup, suppression
from newsletter.transport.memory import MemoryTransport

ISSUE = "001-why-your-back-hurts"
RELAY = '[smtp]\nhost = "relay.example.org"\n'
READERS = ("ada", "bea", "cyd", "dot", "eve", "fay")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    (tmp_path / "issues").symlink_to(starter.issues())
    with websites.world(tmp_path, more=RELAY) as found:
        found.site.fence.settle_in(is_new=True, now=found.clock())
        with found.site.database.write() as connection:
            for name in READERS:
                factories.subscribed(connection, found.site.keys, f"{name}@example.net", now=found.clock())
        found.clock.advance(timedelta(hours=1))
        yield found


def act(world: World, what: Callable[..., object], *args: object) -> None:
    with world.site.database.write() as connection:
        what(connection, *args)
    world.clock.advance(timedelta(minutes=1))


def leave(world: World, name: str) -> None:
    assert world.client.post(world.leave_path(f"{name}@example.net")).status_code == 200
    world.clock.advance(timedelta(minutes=1))


def suppress(world: World, name: str, reason: SuppressionReason) -> None:
    digest = world.site.keys.address_hash(f"{name}@example.net")
    act(world, suppression.suppress, digest, reason, world.clock())


def much_happens(world: World) -> None:
    """After the backup."""
    leave(world, "ada")
    suppress(world, "bea", SuppressionReason.COMPLAINT)
    world.site.forget(world.person("cyd@example.net"))
    suppress(world, "dot", SuppressionReason.MANUAL)
    act(world, suppression.release, world.site.keys.address_hash("dot@example.net"), world.clock())


def restored(world: World, copy: Path) -> None:
    """As an operator does it by hand: over the original, in place, so that the fence sees nothing."""
    world.site.database.close()
    for path in world.site.var.glob("newsletter.db-*"):
        path.unlink()
    shutil.copyfile(copy, world.site.database.path)


def mailed(world: World) -> set[str]:
    world.launch(ISSUE)
    transport = MemoryTransport()
    world.site.sender(transport=transport).drain()
    return {envelope.recipient.partition("@")[0] for envelope in transport.messages} - {"first"}


@pytest.mark.sqlite
def test_nobody_who_left_after_the_backup_is_mailed_again(world: World, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    backup.back_up(world.site.database, copy)
    much_happens(world)
    restored(world, copy)
    assert not world.site.fence.difference(), "the fence has no reason to stop it"
    assert world.status("ada@example.net") == "confirmed"
    assert mailed(world) == {"dot", "eve", "fay"}
    assert world.status("ada@example.net") == "unsubscribed"
    assert world.status("cyd@example.net") is None
    reasons = {row.address_hash: row.reason for row in world.rows("suppressions")}
    assert reasons == {
        world.site.keys.address_hash("bea@example.net"): "complaint",
        world.site.keys.address_hash("cyd@example.net"): "erased",
    }
    with world.site.database.read() as connection:
        assert list(consent.broken(connection)) == []
    assert world.rows("consent_records")[-3].personal["source"] in {"restored", "form", "confirm-page"}


@pytest.mark.sqlite
def test_restoring_by_command_keeps_what_was_there_and_catches_up_when_adopted(
    world: World, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    newsletter = Commands(world.site.root, monkeypatch, capfd)
    made = newsletter.ok("db", "backup", "--json").json
    assert stat.S_IMODE(os.stat(made["file"]).st_mode) == 0o600
    assert made["bytes"] == os.stat(made["file"]).st_size
    assert newsletter("db", "backup", made["file"]).code == 4
    much_happens(world)
    assert newsletter("db", "restore", made["file"]).code == 4, "nobody said yes"
    done = newsletter.ok("db", "restore", made["file"], "--yes", "--json").json
    with sqlite3.connect(done["kept"]) as kept:
        assert kept.execute("SELECT count(*) FROM suppressions").fetchone() == (2,)
    assert world.status("ada@example.net") == "confirmed"
    assert "belongs to no Site" in world.site.fence.difference()
    adopted = newsletter.ok("db", "adopt", "--yes", "--json")
    assert adopted.json["departures"] == {"left": 1, "suppressed": 3, "released": 1, "forgotten": 1}
    assert "did not know of 6 departures" in adopted.err
    assert world.status("ada@example.net") == "unsubscribed"
    again = newsletter.ok("db", "adopt", "--yes", "--json").json
    assert again["departures"] == {"left": 0, "suppressed": 0, "released": 0, "forgotten": 0}


@pytest.mark.sqlite
def test_backup_is_whole_while_the_site_is_written_to(world: World, tmp_path: Path) -> None:
    backup.back_up(world.site.database, tmp_path / "a.db")
    with sqlite3.connect(tmp_path / "a.db") as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert copy.execute("SELECT count(*) FROM subscribers").fetchone() == (len(READERS),)
    assert [path.name for path in tmp_path.glob("*a.db*")] == ["a.db"]


@pytest.mark.sqlite
def test_file_that_is_no_backup_is_refused_and_nothing_changes(world: World, tmp_path: Path) -> None:
    before = world.fingerprint()
    for content in (b"nonsense" * 1000, b""):
        (tmp_path / "x.db").write_bytes(content)
        with pytest.raises(StoreError):
            backup.restore(world.site.database, tmp_path / "x.db")
    assert world.fingerprint() == before


@pytest.mark.sqlite
def test_return_whose_proof_is_lost_does_not_count_but_an_earlier_one_does(world: World, tmp_path: Path) -> None:
    leave(world, "ada")
    world.clock.advance(timedelta(days=1))
    world.subscribe("ada@example.net")
    backup.back_up(world.site.database, tmp_path / "copy.db")
    world.clock.advance(timedelta(days=1))
    leave(world, "bea")
    world.clock.advance(timedelta(days=1))
    world.subscribe("bea@example.net")
    restored(world, tmp_path / "copy.db")
    world.site.catch_up()
    assert world.status("ada@example.net") == "confirmed", "the backup knows that she came back"
    assert world.status("bea@example.net") == "unsubscribed", "nothing is left that proves her return"


@pytest.mark.sqlite
def test_reader_who_changed_the_address_and_left_is_found_under_the_old_one(world: World, tmp_path: Path) -> None:
    backup.back_up(world.site.database, tmp_path / "copy.db")
    person = world.person("ada@example.net")
    with world.site.database.write() as connection:
        address = addresses.parse("ada@new.example")
        assert moving.ask(connection, person, address, world.site.keys, world.clock())
        moving.move(
            connection,
            person.uid,
            0,
            preferences.Act(factories.PAGE, None, world.clock()),
            world.site.keys,
        )
    with world.site.database.write() as connection:
        moved = people.find(connection, "ada@new.example")
        assert moved is not None
        signup.unsubscribe(connection, moved, 1, factories.PAGE, world.clock(), farewell=False)
    restored(world, tmp_path / "copy.db")
    assert world.site.catch_up().left == 1
    assert world.status("ada@example.net") == "unsubscribed"


def test_journal_names_nobody_and_is_the_owners_alone(world: World) -> None:
    much_happens(world)
    path = world.site.departures.path
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    text = path.read_text("ascii")
    assert "example.net" not in text
    assert [line.split(" ")[1] for line in text.splitlines()[1:]] == [
        *("left", "suppressed", "suppressed", "suppressed", "released")
    ]


def test_line_is_on_disk_before_the_commit_and_gone_with_a_rollback(world: World) -> None:
    kept = world.site.departures
    digest = b"\1" * 32

    def in_vain() -> None:
        with world.site.database.write() as connection:
            suppression.suppress(connection, digest, SuppressionReason.MANUAL, world.clock())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        in_vain()
    assert kept.state() == ("", 0)
    with world.site.database.write() as connection:
        savepoint = connection.begin_nested()
        suppression.suppress(connection, digest, SuppressionReason.MANUAL, world.clock())
        savepoint.rollback()
        suppression.suppress(connection, b"\2" * 32, SuppressionReason.MANUAL, world.clock())
    name, size = kept.state()
    assert [line.address_hash for line in kept.lines(0, size)] == [b"\2" * 32]
    with world.site.database.read() as connection:
        assert kept.known(connection, name) == size
        assert not departures.is_behind(connection, kept)


@pytest.mark.sqlite
def test_restored_database_that_writes_before_it_reads_skips_nothing(world: World, tmp_path: Path) -> None:
    leave(world, "fay")
    backup.back_up(world.site.database, tmp_path / "copy.db")
    leave(world, "ada")
    restored(world, tmp_path / "copy.db")
    leave(world, "bea")
    with world.site.database.read() as connection:
        assert departures.is_behind(connection, world.site.departures)
    world.site.catch_up()
    assert world.status("ada@example.net") == "unsubscribed"


def test_lost_journal_is_written_anew_from_the_database(world: World) -> None:
    leave(world, "ada")
    suppress(world, "bea", SuppressionReason.COMPLAINT)
    world.site.departures.path.unlink()
    assert world.site.catch_up().total == 0
    name, size = world.site.departures.state()
    whats = sorted(line.what for line in world.site.departures.lines(0, size))
    assert whats == [Departure.LEFT, Departure.SUPPRESSED]
    with world.site.database.read() as connection:
        assert world.site.departures.known(connection, name) == size


def test_journal_cut_short_by_a_power_cut_is_mended(world: World) -> None:
    leave(world, "ada")
    suppress(world, "bea", SuppressionReason.COMPLAINT)
    kept = world.site.departures
    kept.path.write_bytes(kept.path.read_bytes()[:-30])
    leave(world, "cyd")
    text = kept.path.read_text("ascii").splitlines()
    assert Line.read(text[2]) is None or len(text[2]) < len(text[1])
    assert Line.read(text[3]) is not None
    world.site.catch_up()
    with world.site.database.read() as connection:
        assert not departures.is_behind(connection, kept)


def test_leaving_does_not_fail_because_the_journal_cannot_be_written(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.site.departures.path.mkdir(parents=True)
    leave(world, "ada")
    assert world.status("ada@example.net") == "unsubscribed"
    assert "cannot be written" in caplog.text
    world.site.departures.path.rmdir()
    world.site.catch_up()
    assert [line.what for line in world.site.departures.lines(0, world.site.departures.state()[1])] == [Departure.LEFT]


def test_line_that_could_not_be_written_is_written_later(world: World) -> None:
    leave(world, "ada")
    path = world.site.departures.path
    aside = path.rename(path.with_name("aside"))
    path.mkdir()
    leave(world, "bea")
    path.rmdir()
    aside.rename(path)
    leave(world, "cyd")
    digest = world.site.keys.address_hash("bea@example.net")
    assert digest not in {line.address_hash for line in world.site.departures.lines(0, path.stat().st_size)}
    assert world.site.catch_up().total == 0
    assert digest in {line.address_hash for line in world.site.departures.lines(0, path.stat().st_size)}
    with world.site.database.read() as connection:
        assert not departures.is_behind(connection, world.site.departures)


def test_without_a_journal_nothing_is_noted(tmp_path: Path, database: Database) -> None:
    with database.write() as connection:
        assert isinstance(journal.journal_of(connection), Journal)
    plain = Database("sqlite:///plain.db", tmp_path)
    with plain.write() as connection:
        assert journal.journal_of(connection) is None
        journal.note(connection, Line(1, Departure.LEFT, b"\0" * 32, "x"))
        assert not connection.info
        assert connection.execute(select(1)).scalar() == 1
    plain.close()


@pytest.mark.parametrize("text", ["", "x", "1 left", "1 left zz list", "one left 00 list", "1 went 00 list"])
def test_torn_lines_are_passed_over(text: str) -> None:
    assert Line.read(text) is None


@pytest.mark.sqlite
def test_existing_file_is_never_overwritten(world: World, tmp_path: Path) -> None:
    (tmp_path / "precious.db").write_text("mine")
    with pytest.raises(RefusedError):
        backup.back_up(world.site.database, tmp_path / "precious.db")
    assert (tmp_path / "precious.db").read_text() == "mine"

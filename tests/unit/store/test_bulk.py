"""Long work spares checkpoints while it lasts, and leaves connections and log as it found them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from newsletter.store import bulk, sqlite
from newsletter.store.engine import Database
from newsletter.store.schema import media


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database("sqlite:///bulk.db", tmp_path)
    with opened.write() as connection:
        media.create(connection)
    yield opened
    opened.close()


def put(database: Database, *names: str) -> None:
    with database.write() as connection:
        rows = [(name, "image/png", bytes(100_000), 1) for name in names]
        bulk.insert_rows(connection, media, ("name", "media_type", "data", "created_at"), rows)


def file_size(database: Database) -> int:
    """Bytes in the file itself, where a checkpoint puts what was in the log."""
    return database.path.stat().st_size


def usual(database: Database) -> int:
    with database.read() as connection:
        return int(connection.execute(text("PRAGMA wal_autocheckpoint")).scalar_one())


def test_checkpoint_is_made_once_for_many_turns_and_at_the_end(database: Database) -> None:
    at_first = file_size(database)
    with bulk.long_work(database) as after_turn:
        for turn in range(sqlite.TURNS - 1):
            put(database, *(f"{turn}-{number}" for number in range(50)))
            after_turn()
        assert file_size(database) == at_first
        put(database, "last")
        after_turn()
        once = file_size(database)
        assert once > at_first
        put(database, *(f"more-{number}" for number in range(50)))
        assert file_size(database) == once
    assert file_size(database) > once


def test_connections_go_back_to_checkpoints_of_their_own_even_after_a_fault(database: Database) -> None:
    before = usual(database)
    meanwhile = -1

    def fail() -> None:
        nonlocal meanwhile
        with bulk.long_work(database):
            meanwhile = usual(database)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert meanwhile == 0
    assert usual(database) == before == sqlite.USUAL


def test_reader_with_an_old_view_holds_up_nobody(database: Database) -> None:
    put(database, "one")
    with database.read() as reading:
        assert reading.execute(media.select()).all()
        with bulk.long_work(database) as after_turn:
            for turn in range(2 * sqlite.TURNS):
                put(database, f"turn-{turn}")
                after_turn()
        assert len(reading.execute(media.select()).all()) == 1


def test_rows_are_found_by_their_keys_and_no_key_finds_none(database: Database) -> None:
    put(database, "one", "two", "three")
    with database.read() as connection:
        found = bulk.select_rows(connection, media, ("name", "created_at"), "name", {"one", "three", "four"})
        assert sorted(map(tuple, found)) == [("one", 1), ("three", 1)]
        assert bulk.select_rows(connection, media, ("name",), "name", ()) == []

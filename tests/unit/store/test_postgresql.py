"""PostgreSQL: who may write beside whom, and what every way of not reaching it is called."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import databases
import psycopg
import pytest
from postgres import Server
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import IntegrityError

from newsletter.errors import ConfigError, ConflictError, StoreError
from newsletter.store import bulk, migrate, revision
from newsletter.store.dialect import add_if_new
from newsletter.store.engine import Database
from newsletter.store.schema import lists

PATIENCE = 10.0


@pytest.fixture
def server(postgresql: tuple[Server, str]) -> Server:
    return postgresql[0]


@pytest.fixture
def opened(postgresql: tuple[Server, str], tmp_path: Path) -> Iterator[Callable[..., Database]]:
    """Opens a database of this test, with more behind its address."""
    made = databases.Makes(*postgresql)
    url, found = made.url(), []

    def open_database(more: str = "") -> Database:
        found.append(Database(url + (f"&{more}" if "?" in url else f"?{more}"), tmp_path))
        return found[-1]

    yield open_database
    for each in found:
        each.close()
    made.drop()


@pytest.fixture
def database(opened: Callable[..., Database]) -> Database:
    return opened()


def in_thread(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def slugs(database: Database) -> set[str]:
    with database.read() as connection:
        return set(connection.execute(select(lists.c.slug)).scalars())


# -- writers -----------------------------------------------------------------------------------------


def test_writer_that_is_alone_waits_for_the_one_before_and_sees_what_it_wrote(database: Database) -> None:
    seen: list[int] = []

    def second() -> None:
        with database.write() as connection:
            seen.append(len(connection.execute(select(lists)).all()))

    with database.write() as connection:
        waiting = in_thread(second)
        connection.execute(insert(lists).values(slug="one"))
        waiting.join(0.2)
        assert waiting.is_alive()
    waiting.join(PATIENCE)
    assert seen == [1]


def test_writer_beside_others_waits_for_nobody(database: Database) -> None:
    driver = database.driver()
    with database.write() as connection:
        connection.execute(insert(lists).values(slug="alone"))
        with database.write(alone=False) as other:
            other.execute(insert(lists).values(slug="beside"))
        with driver as execute:
            assert execute("UPDATE lists SET slug = 'driven' WHERE slug = %(slug)s", {"slug": "beside"}) == 1
    driver.close()
    assert slugs(database) == {"alone", "driven"}


def test_who_only_looks_cannot_write(database: Database) -> None:
    with pytest.raises(StoreError, match="only lets itself be read"), database.read() as connection:
        connection.execute(insert(lists).values(slug="one"))


def test_two_in_each_others_way_are_told_apart_from_other_faults(database: Database) -> None:
    with database.write() as connection:
        connection.execute(insert(lists), [{"slug": "one"}, {"slug": "two"}])
    first_has_one, second_has_two = threading.Event(), threading.Event()
    told: list[Exception] = []

    def cross(mine: str, theirs: str, has: threading.Event, other_has: threading.Event) -> None:
        try:
            with database.write(alone=False) as connection:
                connection.execute(update(lists).where(lists.c.slug == mine).values(slug=mine))
                has.set()
                other_has.wait(PATIENCE)
                connection.execute(update(lists).where(lists.c.slug == theirs).values(slug=theirs))
        except StoreError as error:
            told.append(error)

    other = in_thread(lambda: cross("one", "two", first_has_one, second_has_two))
    cross("two", "one", second_has_two, first_has_one)
    other.join(PATIENCE)
    assert [type(each) for each in told] == [ConflictError]


def test_row_that_is_there_already_is_not_added_and_spoils_nothing(database: Database) -> None:
    with database.write() as connection:
        assert add_if_new(connection, lists, {"slug": "one"})
        assert not add_if_new(connection, lists, {"slug": "one"})
    assert slugs(database) == {"one"}


def test_text_with_a_nul_is_no_fault_and_finds_nobody_else(database: Database) -> None:
    with database.write() as connection:
        connection.execute(insert(lists).values(slug="a\0b"))
        bulk.insert_rows(connection, lists, ("slug",), [("c\0d",), ("cd",)])
        assert connection.execute(select(lists.c.slug).where(lists.c.slug == "c\0d")).scalars().all() == ["c\ufffdd"]
    driver = database.driver()
    with driver as execute:
        assert execute("DELETE FROM lists WHERE slug = %(slug)s", {"slug": "a\0b"}) == 1
    driver.close()
    assert slugs(database) == {"c\ufffdd", "cd"}


def test_driver_undoes_what_was_not_finished(database: Database) -> None:
    driver = database.driver()

    def fail() -> None:
        with driver as execute:
            execute("INSERT INTO lists (slug) VALUES (%(slug)s)", {"slug": "one"})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with pytest.raises(psycopg.IntegrityError), driver as run:
        run("INSERT INTO lists (slug) VALUES (NULL)", {})
    with driver as execute:
        execute("INSERT INTO lists (slug) VALUES (%(slug)s)", {"slug": "two"})
        driver.roll_back()
    driver.close()
    assert slugs(database) == set()


# -- schema ------------------------------------------------------------------------------------------


def test_two_upgrades_at_once_are_one(server: Server, tmp_path: Path) -> None:
    name = server.create()
    both = [Database(server.url_of(name), tmp_path) for _ in range(2)]
    before: list[str | None] = []
    threads = [in_thread(lambda each=each: before.append(migrate.upgrade(each)[0])) for each in both]  # type: ignore[misc]
    for thread in threads:
        thread.join(6 * PATIENCE)
    assert sorted(before, key=str) == [revision.head(), None]
    assert migrate.drift(both[0]) == []
    for each in both:
        each.close()
    server.drop(name)


def test_evidence_cannot_be_truncated(database: Database) -> None:
    with pytest.raises(IntegrityError, match="never deleted"), database.write() as connection:
        connection.execute(text("TRUNCATE consent_records"))


def test_copy_of_a_database_is_told_from_the_original(database: Database, server: Server, tmp_path: Path) -> None:
    original = database.likeness()
    assert original == database.likeness()
    name = server.create()
    other = Database(server.url_of(name), tmp_path)
    assert other.likeness() != original
    other.close()
    server.drop(name)


# -- what can be wrong -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql+psycopg2://localhost/news", "not by psycopg2"),
        ("postgresql+psycopg://localhost/news?prepare_threshold=often", "prepare_threshold"),
        ("postgresql+psycopg://localhost:many/news", "cannot be read"),
    ],
)
def test_address_that_cannot_be_meant_is_refused(tmp_path: Path, url: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Database(url, tmp_path)


@pytest.mark.parametrize(
    "url", ["postgresql://u:secret@127.0.0.1:1/news", "postgresql+psycopg://u:secret@127.0.0.1:1/news"]
)
def test_server_that_does_not_answer_is_a_sentence_without_the_password(tmp_path: Path, url: str) -> None:
    database = Database(url, tmp_path)
    with pytest.raises(StoreError, match=r"cannot be reached: .*refused\. Nothing was half-written") as refused:
        revision.require_current(database)
    assert "secret" not in str(refused.value)
    assert "\n" not in str(refused.value)
    database.close()


def test_database_that_was_never_created_is_a_sentence(server: Server, tmp_path: Path) -> None:
    database = Database(server.url_of("nowhere"), tmp_path)
    with pytest.raises(StoreError, match=r"There is no database .*nowhere.*createdb"), database.read():
        pass
    database.close()


def test_user_whom_nobody_knows_is_a_sentence(server: Server, tmp_path: Path) -> None:
    url = server.url.set(username="stranger", database="postgres").render_as_string(hide_password=False)
    database = Database(url, tmp_path)
    with pytest.raises(StoreError, match=r"does not let the user stranger in: .*database\.url"), database.write():
        pass
    database.close()


def test_empty_database_says_what_to_run(server: Server, tmp_path: Path) -> None:
    name = server.create()
    database = Database(server.url_of(name), tmp_path)
    with pytest.raises(StoreError, match=r"is empty.*newsletter db upgrade"):
        revision.require_current(database)
    database.close()
    server.drop(name)


def test_connection_that_is_cut_is_a_sentence_and_the_next_one_works(database: Database, server: Server) -> None:
    def cut() -> None:
        server.do(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            f" WHERE datname = '{database.engine.url.database}' AND pid <> pg_backend_pid()"
        )

    driver = database.driver()

    def write_on() -> None:
        with database.write() as connection:
            connection.execute(insert(lists).values(slug="one"))
            cut()
            connection.execute(insert(lists).values(slug="two"))

    with pytest.raises(StoreError, match="was lost"):
        write_on()
    with pytest.raises(StoreError, match="was lost"), driver as execute:
        execute("DELETE FROM lists", {})
    driver.close()
    assert slugs(database) == set()


def look_often(database: Database) -> None:
    """What a pooler does that hands out another session for every transaction: what was prepared is not there."""
    for _ in range(8):
        with database.read() as connection:
            connection.execute(select(lists.c.slug))
            connection.execute(text("DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$"))


def test_pooler_that_loses_prepared_statements_is_a_sentence_and_can_be_lived_with(
    opened: Callable[..., Database],
) -> None:
    with pytest.raises(StoreError, match=r"mixes up prepared statements.*prepare_threshold=none"):
        look_often(opened())
    look_often(opened("prepare_threshold=none"))

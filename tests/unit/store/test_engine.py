"""One writer at a time, in turn; faults of the disk are one sentence, and nothing is half-written."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import databases
import faults
import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import StatementError

from newsletter.errors import ConfigError, StoreError
from newsletter.store.engine import Database
from newsletter.store.schema import media
from newsletter.store.types import canonical_json, to_millis
from newsletter.store.writer_lock import WriterLock

WRITE = "UPDATE counter SET n = n + 1"


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Database]:
    """A database with one counter in it."""
    opened = Database(databases.url(is_empty=True), tmp_path)
    opened.make_folder()
    with opened.write() as connection:
        connection.execute(text("CREATE TABLE counter (n INTEGER NOT NULL)"))
        connection.execute(text("INSERT INTO counter VALUES (0)"))
    yield opened
    opened.close()


def counted(database: Database) -> int:
    with database.read() as connection:
        return int(connection.execute(text("SELECT n FROM counter")).scalar_one())


def count_up(database: Database, times: int) -> None:
    """Read, then write: loses updates wherever two may write at once."""
    for _ in range(times):
        with database.write() as connection:
            n = connection.execute(text("SELECT n FROM counter")).scalar_one()
            connection.execute(text("UPDATE counter SET n = :n"), {"n": n + 1})


def count_up_and_fail(database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("UPDATE counter SET n = n + 1"))
        raise ZeroDivisionError


# -- opening -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://localhost/news", "not in mysql"),
        ("sqlite://", "must name a file"),
        ("sqlite:///:memory:", "must name a file"),
        ("no url at all", "cannot be read"),
        ("", "cannot be read"),
    ],
)
def test_url_that_names_no_file_is_refused(tmp_path: Path, url: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Database(url, tmp_path)


def test_path_is_relative_to_the_site_and_opening_makes_no_file(tmp_path: Path) -> None:
    database = Database("sqlite:///var/news.db", tmp_path)
    assert database.path == tmp_path / "var" / "news.db"
    assert not database.exists
    assert list(tmp_path.iterdir()) == []
    assert Database("sqlite:////elsewhere/news.db", tmp_path).path == Path("/elsewhere/news.db")


@pytest.mark.parametrize(("durability", "level"), [("process", 1), ("power", 2)])
def test_pragmas_keep_the_promise_of_durability(tmp_path: Path, durability: str, level: int) -> None:
    database = Database("sqlite:///a.db", tmp_path, durability)
    with database.write() as connection:
        pragma = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "foreign_keys", "synchronous")
        }
    assert pragma == {"journal_mode": "wal", "foreign_keys": 1, "synchronous": level}
    database.close()


# -- transactions ------------------------------------------------------------------------------------


def test_write_commits_when_the_block_ends_and_rolls_back_when_it_raises(plain: Database) -> None:
    with plain.write() as connection:
        connection.execute(text(WRITE))
    with pytest.raises(ZeroDivisionError):
        count_up_and_fail(plain)
    assert counted(plain) == 1


def test_reader_sees_one_state_while_another_writes(plain: Database) -> None:
    with plain.read() as connection:
        before = connection.execute(text("SELECT n FROM counter")).scalar()
        with plain.write() as writing:
            writing.execute(text(WRITE))
        assert connection.execute(text("SELECT n FROM counter")).scalar() == before
    assert counted(plain) == 1


def test_lock_is_free_again_after_a_failure(plain: Database) -> None:
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            count_up_and_fail(plain)
    count_up(plain, 1)
    assert counted(plain) == 1


# -- the writer lock ---------------------------------------------------------------------------------

PROCESS = """
import sys
from pathlib import Path
from sqlalchemy import text
from newsletter.store.engine import Database
database = Database(sys.argv[3], Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for _ in range(int(sys.argv[2])):
    with database.write() as connection:
        n = connection.execute(text("SELECT n FROM counter")).scalar_one()
        connection.execute(text("UPDATE counter SET n = :n"), {"n": n + 1})
database.close()
"""


def process(folder: Path, times: int, database: Database) -> subprocess.Popen[str]:
    url = database.engine.url.render_as_string(hide_password=False)
    started = subprocess.Popen(
        [sys.executable, "-c", PROCESS, str(folder), str(times), url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert started.stdout is not None
    assert started.stdout.readline() == "ready\n"
    return started


def go(started: subprocess.Popen[str]) -> None:
    assert started.stdin is not None
    started.stdin.write("\n")
    started.stdin.flush()


def test_two_processes_and_four_threads_lose_no_update(plain: Database, tmp_path: Path) -> None:
    processes = [process(tmp_path, 200, plain) for _ in range(2)]
    threads = [threading.Thread(target=count_up, args=(plain, 200)) for _ in range(4)]
    for started in processes:
        go(started)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for started in processes:
        started.communicate()
        assert started.returncode == 0
    assert counted(plain) == 6 * 200


def test_threads_get_in_in_the_order_they_came_and_who_just_wrote_goes_last(tmp_path: Path) -> None:
    lock, order = WriterLock(tmp_path / "lock"), []

    def wait(name: int) -> None:
        with lock:
            order.append(name)

    for _ in range(5):
        order.clear()
        with lock:
            threads = [threading.Thread(target=wait, args=(name,)) for name in range(4)]
            for thread in threads:
                thread.start()
                thread.join(0.02)  # long enough for it to queue up
        with lock:
            order.append(4)
        for thread in threads:
            thread.join()
        assert order == [0, 1, 2, 3, 4]
    lock.close()


def test_writer_is_not_starved_by_a_hot_process(plain: Database, tmp_path: Path) -> None:
    hot = process(tmp_path, 1_000_000, plain)
    go(hot)
    while counted(plain) < 50:
        threading.Event().wait(0.001)
    waited = []
    for _ in range(40):
        before = counted(plain)
        with plain.write() as connection:
            n = connection.execute(text("SELECT n FROM counter")).scalar_one()
            waited.append(n - before)
    hot.kill()
    hot.communicate()
    assert sorted(waited)[len(waited) // 2] <= 5
    assert max(waited) <= 200


def test_killed_process_leaves_the_lock_free(plain: Database, tmp_path: Path) -> None:
    hot = process(tmp_path, 1_000_000, plain)
    go(hot)
    while counted(plain) < 5:
        threading.Event().wait(0.001)
    hot.kill()
    hot.communicate()
    before = counted(plain)
    count_up(plain, 1)
    assert counted(plain) == before + 1


def test_interrupt_while_waiting_gives_the_turn_away(tmp_path: Path) -> None:
    """What Ctrl-C does to a `send` that waits behind another thread of its own."""
    script = """
import _thread, signal, sys, threading, time
from pathlib import Path
from newsletter.store.writer_lock import WriterLock
lock, inside, leave = WriterLock(Path(sys.argv[1])), threading.Event(), threading.Event()
def hold():
    with lock:
        inside.set()
        leave.wait()
holder = threading.Thread(target=hold)
holder.start()
inside.wait()
threading.Timer(0.2, lambda: signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)).start()
try:
    with lock:
        print("got in")
except KeyboardInterrupt:
    print("interrupted")
leave.set()
holder.join()
with lock:
    print("free")
lock.close()
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "lock")], capture_output=True, text=True, timeout=20
    )
    assert done.stdout.split("\n")[:2] == ["interrupted", "free"], done.stderr


# -- faults ------------------------------------------------------------------------------------------


@pytest.mark.sqlite
def test_full_disk_is_a_sentence_and_the_command_works_once_there_is_room(plain: Database) -> None:
    count_up(plain, 1)
    with faults.full_disk(), pytest.raises(StoreError, match=r"disk is full or failing.*Make room"):
        count_up(plain, 1)
    assert counted(plain) == 1
    count_up(plain, 1)
    assert counted(plain) == 2
    with plain.read() as connection:
        assert connection.execute(text("PRAGMA integrity_check")).scalar() == "ok"


@pytest.mark.sqlite
def test_database_that_may_not_grow_is_a_sentence_and_keeps_what_it_had(database: Database) -> None:
    blob = {"media_type": "image/png", "data": b"x" * 5_000_000, "created_at": datetime(2026, 9, 15, tzinfo=UTC)}
    with database.write() as connection:
        connection.execute(text("PRAGMA max_page_count = 100"))
    with pytest.raises(StoreError, match="disk is full"), database.write() as connection:
        connection.execute(insert(media).values(name="a.png", **blob))
    with database.write() as connection:
        connection.execute(text("PRAGMA max_page_count = 1000000"))
        assert connection.execute(select(media.c.name)).all() == []


def test_read_only_folder_is_a_sentence() -> None:
    with tempfile.TemporaryDirectory() as folder:
        database = Database("sqlite:///plain.db", Path(folder))
        with database.write() as connection:
            connection.execute(text("CREATE TABLE counter (n INTEGER NOT NULL)"))
        database.close()
        for path in (*Path(folder).iterdir(), Path(folder)):
            path.chmod(stat.S_IMODE(path.stat().st_mode) & 0o555 | 0o444)
        fresh = Database("sqlite:///plain.db", Path(folder))
        try:
            with faults.without_privileges(), pytest.raises(StoreError, match="Check"), fresh.write():
                pass
        finally:
            fresh.close()
            Path(folder).chmod(0o755)


@pytest.mark.parametrize("how", ["file for a folder", "folder for a file"])
def test_path_that_cannot_be_a_database_is_a_sentence(tmp_path: Path, how: str) -> None:
    if how == "file for a folder":
        (tmp_path / "var").write_text("", "utf-8")
    else:
        (tmp_path / "var" / "news.db").mkdir(parents=True)
    database = Database("sqlite:///var/news.db", tmp_path)
    for open_it in (database.write, database.read):
        with pytest.raises(StoreError, match=r"Check"), open_it():
            pass
    database.close()


def test_file_that_is_no_database_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "news.db").write_bytes(os.urandom(8192))
    database = Database("sqlite:///news.db", tmp_path)
    for open_it in (database.write, database.read):
        with pytest.raises(StoreError, match="not a database"), open_it() as connection:
            connection.execute(text("SELECT 1 FROM sqlite_master"))
    database.close()


@pytest.mark.sqlite
def test_database_locked_by_another_program_is_a_sentence(plain: Database) -> None:
    with plain.read() as connection:
        connection.execute(text("PRAGMA busy_timeout = 10"))
    other = sqlite3.connect(plain.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="in use by another program"), plain.write():
        pass
    other.close()
    count_up(plain, 1)


# -- types -------------------------------------------------------------------------------------------


def test_naive_moment_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="time zone"), database.write() as connection:
        connection.execute(
            insert(media).values(name="a", media_type="image/png", data=b"", created_at=datetime(2026, 9, 15))  # noqa: DTZ001
        )


def test_moment_comes_back_in_utc_whatever_zone_it_came_from(database: Database) -> None:
    moment = datetime(2026, 9, 15, 10, 0, 0, 123_000, tzinfo=timezone(timedelta(hours=2)))
    with database.write() as connection:
        connection.execute(insert(media).values(name="a", media_type="image/png", data=b"", created_at=moment))
        found = connection.execute(select(media.c.created_at)).scalar_one()
    assert found == moment
    assert found.utcoffset() == timedelta()
    assert to_millis(found) == 1_789_459_200_123


def test_equal_values_are_equal_text() -> None:
    assert (
        canonical_json({"b": 1, "a": ["ü", None]})
        == canonical_json({"a": ["ü", None], "b": 1})
        == '{"a":["ü",null],"b":1}'
    )

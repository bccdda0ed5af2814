"""How long an import takes beside raw sqlite3 writing the very same rows, and how much memory it takes.

Both go into a fresh Site's database, with the same pragmas, indexes and triggers; the raw one in a single
transaction, from rows that are ready, which no import can be. What remains is the price of reading CSV,
checking addresses, hashing evidence, noting what a taking back needs, and letting others have their turn. Memory is
the peak of the whole command `newsletter subscriber import`, and of the same with `--plan`.

    python tests/bench/imports.py [--rounds 5] [--messages 100000]
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import table
from sqlalchemy import Connection

from newsletter import config
from newsletter.site import Site
from newsletter.starter.plant import plant
from newsletter.store.engine import Database
from newsletter.store.sqlite import PRAGMAS, SYNCHRONOUS
from newsletter.subscribers import transfer
from newsletter.subscribers.importing import reading
from newsletter.subscribers.intake import Refusal, Terms
from newsletter.tokens import KeyRing

Write = Callable[[], AbstractContextManager[Connection]]

TABLES = ("subscribers", "subscriptions", "wordings", "consent_records", "imports", "import_touches")
SLOW_TURN = 0.05
"""Seconds a writer's turn should not last longer than."""

_COMMAND = """\
import atexit, re, runpy, sys
from pathlib import Path
atexit.register(lambda: print(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1]))
runpy.run_module("newsletter", run_name="__main__", alter_sys=True)
"""
"""The command line, which prints the peak of its memory in KB when all is done."""


def main() -> None:
    """Print a row for time, one for the turns of the writer and one for memory."""
    chosen = table.options(__doc__, 100_000).parse_args()
    table.begin(chosen)
    rows: int = chosen.messages
    turns: list[float] = []
    pairs = [one_round(rows, turns) for _ in range(chosen.rounds)]
    table.row(
        f"import {rows:,} readers",
        table.at_most(6, "× raw sqlite3"),
        [ours / bare for bare, ours in pairs],
        table.medians(pairs, "sqlite3 {:.2f} s", "ours {:.2f} s"),
    )
    slow = sum(turn > SLOW_TURN for turn in turns)
    table.row(
        "one writer's turn of it, ms",
        None,
        [1000 * turn for turn in turns],
        f"{slow} of {len(turns):,} over {1000 * SLOW_TURN:.0f} ms",
    )
    for name, words in (("it", ()), ("its plan", ("--plan",))):
        (few, _), (many, seconds) = command(rows // 10, words), command(rows, words)
        table.row(
            f"peak memory of {name}, beside {rows // 10:,} readers",
            table.at_most(1.1, "×"),
            [many / few],
            f"{few / 1000:.1f} MB and {many / 1000:.1f} MB; the command took {seconds:.1f} s",
        )


def one_round(rows: int, turns: list[float]) -> tuple[float, float]:
    """Seconds for sqlite3 and for an import of the same rows; notes how long each writer's turn of the import was."""
    with (
        tempfile.TemporaryDirectory(prefix="newsletter-bench-") as folder,
        fresh(Path(folder, "imported")) as imported,
        fresh(Path(folder, "raw")) as raw,
    ):
        ours = bring(imported, rows, turns)
        return write_raw(imported.database, raw.database), ours


def fresh(folder: Path) -> Site:
    """A new Site with an empty database."""
    plant(folder)
    site = Site(folder, *config.load(folder, {}))
    KeyRing.create(site.keys_path, site.clock())
    site.upgrade()
    return site


def write_csv(path: Path, rows: int) -> Path:
    """So many readers, fifty to a domain."""
    with path.open("w", encoding="utf-8") as file:
        file.write("email,name,confirmed_at\n")
        file.writelines(
            f"reader{number}@example{number % 50}.net,Reader {number},2026-01-15\n" for number in range(rows)
        )
    return path


def bring(site: Site, rows: int, turns: list[float]) -> float:
    """Seconds for an import of so many new, confirmed readers."""
    path = write_csv(site.root / "readers.csv", rows)
    slug = site.config.default_list.slug
    terms = Terms(site.list_ids[slug], slug, confirmed=True, basis="benchmark", origin=path.name)
    write = site.database.write

    def refused(refusal: Refusal) -> None:
        raise AssertionError(refusal)

    site.database.write = timed(write, turns)  # type: ignore[method-assign, assignment]
    started = time.perf_counter()
    with reading.open_text(path.open("rb")) as file:
        report, _ = transfer.import_csv(
            site.database, site.keys, file, terms, site.config.fields, site.clock(), on_refusal=refused
        )
    assert report.confirmed == rows
    return time.perf_counter() - started


def timed(write: Write, turns: list[float]) -> Write:
    """`Database.write` with a stop watch."""

    @contextmanager
    def measured() -> Iterator[Connection]:
        started = time.perf_counter()
        with write() as connection:
            yield connection
        turns.append(time.perf_counter() - started)

    return measured


def write_raw(source: Database, target: Database) -> float:
    """Seconds for sqlite3 alone to write what the import wrote, table by table."""
    reading, writing = sqlite3.connect(source.path), sqlite3.connect(target.path)
    for pragma in (*PRAGMAS, f"synchronous = {SYNCHRONOUS['process']}"):
        writing.execute(f"PRAGMA {pragma}")
    rows = {name: reading.execute(f"SELECT * FROM {name}").fetchall() for name in TABLES}
    rows = {name: found for name, found in rows.items() if found}
    started = time.perf_counter()
    with writing:
        for name, found in rows.items():
            marks = ", ".join("?" * len(found[0]))
            writing.executemany(f"INSERT INTO {name} VALUES ({marks})", found)
    seconds = time.perf_counter() - started
    reading.close()
    writing.close()
    return seconds


def command(rows: int, words: tuple[str, ...]) -> tuple[int, float]:
    """KB and seconds that the command needs for so many readers, from its start to its end."""
    with tempfile.TemporaryDirectory(prefix="newsletter-bench-") as folder:
        with fresh(Path(folder, "site")) as site:
            path = write_csv(site.root / "readers.csv", rows)
        line = ["--site", str(site.root), "subscriber", "import", str(path), "--confirmed", "--basis", "benchmark"]
        started = time.perf_counter()
        answer = subprocess.run(
            [sys.executable, "-c", _COMMAND, *line, *words], capture_output=True, text=True, check=True
        )
        return int(answer.stdout.split()[-1]), time.perf_counter() - started


if __name__ == "__main__":
    main()

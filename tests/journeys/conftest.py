"""Fixtures of the journeys: desks with as many readers as a story needs, and a browser."""

from __future__ import annotations

import csv
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from chromium import chromium, require
from journeys.desk import Desk, Result

if TYPE_CHECKING:
    from playwright.sync_api import Browser

Desks = Callable[[int], Desk]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium, without a window; a module opens it once."""
    require()
    with chromium() as opened:
        yield opened


@pytest.fixture
def desks(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desks]:
    """Makes a desk with so many confirmed readers: `reader0000@example.net` and so on."""
    made: list[Desk] = []

    def make(readers: int) -> Desk:
        root = tmp_path / f"site-{len(made)}"
        shutil.copytree(_prepared(tmp_path_factory, readers), root)
        made.append(Desk(root, readers))
        return made[-1]

    try:
        yield make
    finally:
        for each in made:
            for command in each.commands:
                command.end()


@pytest.fixture
def desk(desks: Desks) -> Desk:
    """A desk with a dozen readers."""
    return desks(12)


def _prepared(factory: pytest.TempPathFactory, readers: int) -> Path:
    """A Site with so many readers, made once for all workers of the run and copied for each test."""
    base = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    shelf = base / "prepared-sites"
    shelf.mkdir(exist_ok=True)
    site = shelf / str(readers)
    with (shelf / f"{readers}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not site.exists():
            draft = shelf / f"{readers}.draft"
            desk = Desk(shelf, readers)
            try:
                _expect_ok(desk.run("init", str(draft)))
                file = shelf / f"{readers}.csv"
                with file.open("w", encoding="utf-8", newline="") as out:
                    rows = csv.writer(out)
                    rows.writerow(["email", "name"])
                    rows.writerows([f"reader{n:04d}@example.net", f"Reader {n}"] for n in range(readers))
                words = ("subscriber", "import", str(file), "--confirmed", "--basis", "asked for it on paper")
                _expect_ok(desk.run(*words, "--site", str(draft)))
            finally:
                for command in desk.commands:
                    command.end()
            draft.rename(site)
    return site


def _expect_ok(result: Result) -> None:
    assert result.code == 0, result.err

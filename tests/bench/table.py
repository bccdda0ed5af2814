"""One table for all benchmarks: `what | needed | measured | command`, a row for each figure.

Absolute rates swing by half on shared machines, so a figure is the median of ratios, each taken within one
round in which the programs ran one after the other. The needed value stands beside it, and a figure that
misses it says so itself.
"""

from __future__ import annotations

import argparse
import os
import platform
import shlex
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROUNDS = 5


@dataclass(frozen=True)
class Needed:
    """What a figure has to reach."""

    limit: float
    of: str
    """What the figure is a multiple of, or its unit."""
    is_ceiling: bool = False

    def __str__(self) -> str:
        return f"{'≤' if self.is_ceiling else '≥'} {self.limit:g} {self.of}"

    def is_met(self, figure: float) -> bool:
        """Whether `figure`, as it is printed, reaches it."""
        return round(figure, 2) <= self.limit if self.is_ceiling else round(figure, 2) >= self.limit


def at_least(limit: float, of: str) -> Needed:
    """The more the better."""
    return Needed(limit, of)


def at_most(limit: float, of: str) -> Needed:
    """The less the better."""
    return Needed(limit, of, is_ceiling=True)


def options(doc: str | None, messages: int) -> argparse.ArgumentParser:
    """The options that every benchmark has; `messages` is how many copies it sends in a round."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="interleaved rounds (default: %(default)s)")
    parser.add_argument("--messages", type=int, default=messages, help="copies a round (default: %(default)s)")
    parser.add_argument("--bare", action="store_true", help="rows without the head of the table")
    return parser


def begin(chosen: argparse.Namespace) -> None:
    """Print the machine and the head of the table, unless somebody else did."""
    if not chosen.bare:
        head()


def head() -> None:
    """The machine, and the first two lines of the table."""
    print(f"Measured on {machine()}.\n", flush=True)
    print("| what | needed | measured | command |\n|---|---|---|---|", flush=True)


def interleaved(rounds: int, *programs: Callable[[], float]) -> list[tuple[float, ...]]:
    """What each program answered in each round; in every other round the order is reversed, for whoever runs
    first finds a machine that has rested."""
    found = []
    for number in range(rounds):
        turn = range(len(programs)) if number % 2 == 0 else reversed(range(len(programs)))
        answers = {position: programs[position]() for position in turn}
        found.append(tuple(answers[position] for position in range(len(programs))))
    return found


def row(what: str, needed: Needed | None, figures: Sequence[float], note: str = "") -> None:
    """Print one row: the median of `figures`, from where to where they went, and what else is worth knowing."""
    figure = statistics.median(figures)
    missed = needed is not None and not needed.is_met(figure)
    measured = f"**{_short(figure)}**{' (missed)' if missed else ''}"
    if len(figures) > 1:
        measured += f", {_short(min(figures))} to {_short(max(figures))}"
    line(what, "" if needed is None else str(needed), measured + (f"; {note}" if note else ""))


def line(what: str, needed: str, measured: str) -> None:
    """Print a row as it is."""
    print(f"| {what} | {needed} | {measured} | `{command()}` |", flush=True)


def skipped(what: str, why: str) -> None:
    """Print that something could not be measured here."""
    line(what, "", f"skipped: {why}")


def command() -> str:
    """What to type, at the top of the project, to measure the row again."""
    words = [word for word in sys.argv[1:] if word != "--bare"]
    return shlex.join(["python", f"tests/bench/{Path(sys.argv[0]).name}", *words])


def rates(pairs: Sequence[tuple[float, ...]], *names: str) -> str:
    """`smtp-source 5,478/s, ours 5,313/s`: the medians of what was answered."""
    return medians(pairs, *(f"{name} {{:,.0f}}/s" for name in names))


def medians(pairs: Sequence[tuple[float, ...]], *forms: str, scale: float = 1.0) -> str:
    """The medians of what was answered, `scale` times, each put into its form (`ours {:.1f} µs`)."""
    columns = zip(*pairs, strict=True)
    return ", ".join(form.format(scale * statistics.median(each)) for form, each in zip(forms, columns, strict=True))


def machine() -> str:
    """Processor, system and versions in a few words."""
    import sqlite3
    import ssl

    model = next(
        (text.partition(":")[2].strip() for text in _lines("/proc/cpuinfo") if text.startswith("model name")),
        platform.processor() or platform.machine(),
    )
    system = next(
        (text.partition("=")[2].strip('"\n') for text in _lines("/etc/os-release") if text.startswith("PRETTY_NAME")),
        platform.system(),
    )
    return (
        f"{os.cpu_count()} × {' '.join(model.split())}, {system}, Python {platform.python_version()}, "
        f"SQLite {sqlite3.sqlite_version}, {' '.join(ssl.OPENSSL_VERSION.split()[:2])}{_postfix()}"
    )


def _postfix() -> str:
    try:
        found = subprocess.run(["postconf", "-h", "mail_version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return f", Postfix {found.stdout.strip()}"


def _lines(path: str) -> list[str]:
    return Path(path).read_text("utf-8").splitlines() if Path(path).exists() else []


def _short(figure: float) -> str:
    return f"{figure:,.0f}" if figure >= 1000 else f"{figure:.3g}" if figure >= 10 else f"{figure:.2f}"

"""Samples written after the formats in the wild: what each says, with every kind of line end."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsletter.feedback import Verdict, classify

SAMPLES = Path(__file__).parent / "samples"
"""One folder for each kind; `none` holds what says nothing. Readers' local parts begin with `reader`."""
FILES = sorted(SAMPLES.glob("*/*.eml"))
NAMELESS = frozenset({"none", "auto_reply", "complaint", "delivered"})
"""Folders in which a verdict may name nobody."""


def read(path: Path) -> bytes:
    return path.read_bytes()


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
class TestSample:
    def test_says_what_its_folder_says(self, path: Path) -> None:
        kinds = {verdict.kind.value for verdict in classify(read(path))} or {"none"}
        assert kinds == {path.parent.name}

    def test_names_the_reader(self, path: Path) -> None:
        if path.parent.name in NAMELESS:
            return
        named = [verdict.recipient for verdict in classify(read(path))]
        assert all(address.startswith("reader") for address in named), named

    def test_means_the_same_with_every_line_end(self, path: Path) -> None:
        lines = read(path)
        as_it_is = classify(lines)
        assert classify(lines.replace(b"\n", b"\r\n")) == as_it_is
        assert classify(lines.replace(b"\n", b"\r")) == as_it_is

    def test_reason_is_one_printable_line(self, path: Path) -> None:
        for verdict in classify(read(path)):
            assert isinstance(verdict, Verdict)
            assert len(verdict.reason) <= 300
            assert verdict.reason.isprintable()

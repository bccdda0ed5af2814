"""Copying the example into a new folder: little enough that upgrades still reach people's themes."""

from __future__ import annotations

import re
import shutil
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from newsletter import files, spelling, starter
from newsletter.errors import RefusedError

FILE_NAME = "newsletter.toml"
AUTHORS = "authors.toml"
IMAGES = "images"
EXAMPLE_NAME = "The Steady Spine"
EXAMPLE_SLUG = "steady-spine"
EXAMPLE_ADDRESS = "editor@news.example.org"
EXAMPLE_URL = "http://127.0.0.1:8000"

ENV = """\
# Secrets of this Site; readable by you alone, never committed.
# NEWSLETTER_SMTP__PASSWORD=…
"""

GITIGNORE = """\
.env
var/
*.plan.csv
"""

TEMPLATES_README = """\
# Your theme

Nothing needs to be here: the built-in theme is used for every file you do not have.
To change one, put a file of the same name here, for instance `issue/layout.html`; `newsletter theme eject` copies
them for you, all or some. A file may also begin with
`{% extends "starter/issue/layout.html" %}` and replace single blocks, so that upgrades still reach you.
"""


def plant(
    folder: Path,
    *,
    name: str | None = None,
    address: str | None = None,
    base_url: str | None = None,
    port: int | None = None,
) -> None:
    """Write a Site's files into `folder` (made when missing); refuses where a Site already is.

    `port` is where `serve` is to listen; the commented default stays when it is absent.
    """
    with planting(folder, settings(name=name, address=address, base_url=base_url, port=port)):
        pass


def settings(
    *, name: str | None = None, address: str | None = None, base_url: str | None = None, port: int | None = None
) -> str:
    """The text of a new Site's `newsletter.toml`; what it was told is escaped, not judged."""
    text = starter.configuration().read_text("utf-8")
    text = text.replace(f'base_url = "{EXAMPLE_URL}" ', f'base_url = "{base_url or EXAMPLE_URL}" ')
    if port:
        text = text.replace("# [server]", f"[server]\nport = {port}").replace("# port = 8000\n", "")
    if address is not None:
        text = text.replace(f'address = "{EXAMPLE_ADDRESS}"', f"address = {_toml(address)}")
    return text if name is None else _renamed(text, name)


def refuse_taken(folder: Path) -> None:
    """Only a new or an unused folder becomes a Site."""
    if (folder / FILE_NAME).exists():
        raise RefusedError(f"{folder} is a Site already.", hint="Choose another folder.")
    if folder.exists() and not folder.is_dir():
        raise RefusedError(f"{folder} is a file.", hint="Choose another folder.")


@contextmanager
def planting(folder: Path, text: str) -> Iterator[None]:
    """Make the files of a Site around what the block makes; `newsletter.toml` comes last, so that half is none.

    When anything fails, what was made here is taken away again, and what was in the folder before stays.
    """
    refuse_taken(folder)
    made: list[Path] = []
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    authors = folder / "issues" / AUTHORS
    before = authors.read_bytes() if authors.is_file() else None
    try:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RefusedError(f"{folder} cannot be made ({error.strerror}).", hint="Choose another folder.") from error
        _copy_examples(folder / "issues", made)
        _make_folder(folder / "templates", made)
        if not (folder / "var").exists():
            made.append(folder / "var")
        for path, content, mode in (
            (folder / "templates" / "README.md", TEMPLATES_README, 0o644),
            (folder / ".gitignore", GITIGNORE, 0o644),
            (folder / ".env", ENV, 0o600),
        ):
            if not path.exists():
                _write(path, content, made, mode)
        yield
        _write(folder / FILE_NAME, text, made)
    except BaseException:
        if before is not None:
            authors.write_bytes(before)
        for path in reversed(made):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        for empty in missing:
            with suppress(OSError):
                empty.rmdir()
        raise


def _copy_examples(issues: Path, made: list[Path]) -> None:
    """The example issues, unless there are issues already; their authors join those who are there."""
    _make_folder(issues, made)
    if any(entry.is_dir() and entry.name != IMAGES and not entry.name.startswith(".") for entry in issues.iterdir()):
        return
    for source in sorted(path for path in starter.issues().rglob("*") if "__pycache__" not in path.parts):
        target = issues / source.relative_to(starter.issues())
        if source.is_dir():
            _make_folder(target, made)
        elif not target.exists():
            made.append(target)
            shutil.copyfile(source, target)
        elif target == issues / AUTHORS:
            _join_authors(source, target)


def _join_authors(source: Path, target: Path) -> None:
    """Add the authors of the examples whom `target` does not know."""
    text = target.read_text("utf-8")
    known = tomllib.loads(text)
    tables = re.split(r"(?m)^(?=\[)", source.read_text("utf-8"))[1:]
    lacking = [table for table in tables if not tomllib.loads(table).keys() & known.keys()]
    if lacking:
        target.write_text("\n".join([text.rstrip("\n"), "", *lacking]).lstrip("\n"), "utf-8")


def slug_for(name: str) -> str:
    """A list's slug after a name: `Ünder the Bridge!` → `uender-the-bridge`."""
    return spelling.slug(name, 63) or "newsletter"


def _renamed(text: str, name: str) -> str:
    inner = _toml(name)[1:-1]
    slug = slug_for(name)
    if f'slug = "{slug}"' in text and slug != EXAMPLE_SLUG:  # the other list of the example
        slug = f"{slug[:56]}-letter"
    return (
        text.replace(EXAMPLE_NAME.upper(), inner.upper() if "\\" not in inner else inner)
        .replace(EXAMPLE_NAME, inner)
        .replace(f'slug = "{EXAMPLE_SLUG}"', f'slug = "{slug}"')
    )


def _toml(text: str) -> str:
    escaped = "".join(
        f"\\u{ord(character):04x}" if ord(character) < 32 or ord(character) == 127 else character
        for character in text.replace("\\", "\\\\").replace('"', '\\"')
    )
    return f'"{escaped}"'


def _make_folder(path: Path, made: list[Path]) -> None:
    if not path.is_dir():
        path.mkdir()
        made.append(path)


def _write(path: Path, text: str, made: list[Path], mode: int = files.USUAL) -> None:
    files.create(path, text.encode("utf-8"), mode)
    made.append(path)

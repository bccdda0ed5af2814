"""Copying the example into a new folder: little enough that upgrades still reach people's themes."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from newsletter import starter
from newsletter.errors import RefusedError

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
"""

TEMPLATES_README = """\
# Your theme

Nothing needs to be here: the built-in theme is used for every file you do not have.
To change one, put a file of the same name here, for instance `issue/layout.html`. It may begin with
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
    if (folder / "newsletter.toml").exists():
        raise RefusedError(f"{folder} is a Site already.", hint="Choose another folder.")
    if folder.exists() and not folder.is_dir():
        raise RefusedError(f"{folder} is a file.", hint="Choose another folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RefusedError(f"{folder} cannot be made ({error.strerror}).", hint="Choose another folder.") from error
    settings = starter.configuration().read_text("utf-8")
    settings = settings.replace(f'base_url = "{EXAMPLE_URL}" ', f'base_url = "{base_url or EXAMPLE_URL}" ')
    if port:
        settings = settings.replace("# [server]", f"[server]\nport = {port}").replace("# port = 8000\n", "")
    if address:
        settings = settings.replace(f'address = "{EXAMPLE_ADDRESS}"', f"address = {_toml(address)}")
    if name:
        settings = _renamed(settings, name)
    if not (folder / "issues").exists():
        shutil.copytree(starter.issues(), folder / "issues", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "templates").mkdir(exist_ok=True)
    _write_new(folder / "templates" / "README.md", TEMPLATES_README)
    _write_new(folder / ".gitignore", GITIGNORE)
    _write_new(folder / ".env", ENV, mode=0o600)
    _write_new(folder / "newsletter.toml", settings)


def slug_for(name: str) -> str:
    """A list's slug after a name: `Ünder the Bridge!` → `nder-the-bridge`."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:63] or "newsletter"


def _renamed(settings: str, name: str) -> str:
    inner = _toml(name)[1:-1]
    return (
        settings.replace(EXAMPLE_NAME.upper(), inner.upper() if "\\" not in inner else inner)
        .replace(EXAMPLE_NAME, inner)
        .replace(f'slug = "{EXAMPLE_SLUG}"', f'slug = "{slug_for(name)}"')
    )


def _toml(text: str) -> str:
    escaped = "".join(
        f"\\u{ord(character):04x}" if ord(character) < 32 or ord(character) == 127 else character
        for character in text.replace("\\", "\\\\").replace('"', '\\"')
    )
    return f'"{escaped}"'


def _write_new(path: Path, text: str, mode: int = 0o644) -> None:
    if path.exists():
        return
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)

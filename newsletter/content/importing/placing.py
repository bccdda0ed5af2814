"""Writes an imported article into an issue: `NN-key.md`, its pictures, and its author when nobody knew them.

All or nothing, and never over something: everything is made and judged in memory first, files are created
only where none is, and what was created is removed again when a later step fails.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from newsletter import files, spelling
from newsletter.content.authors import FILE_NAME as AUTHORS_FILE
from newsletter.content.authors import load_authors
from newsletter.content.importing.as_markdown import UNDESCRIBED
from newsletter.content.importing.bylines import same_person, split_byline
from newsletter.content.importing.pictures import Gatherer, Picture
from newsletter.content.importing.spans import harmless
from newsletter.content.importing.values import Found, Writer
from newsletter.content.markdown import to_text
from newsletter.content.values import Author, Markdown
from newsletter.errors import NewsletterError, RefusedError

DEFAULT_CATEGORY = "Article"


@dataclass(frozen=True)
class Placed:
    """What was written."""

    file: Path
    author: str
    """Key of the author."""
    new_author: Writer | None
    """Who was added to `authors.toml`."""
    pictures: tuple[Path, ...]
    notes: tuple[str, ...]


def place(
    found: Found,
    issues_dir: Path,
    slug: str,
    *,
    author: str,
    today: date,
    gatherer: Gatherer | None = None,
    folder: Path | None = None,
) -> Placed:
    """Write `found` into `issues_dir/slug`; `author` is a key, a byline, or empty for the author found.

    `folder` is where the source lay. Raises RefusedError when that article is there already, NewsletterError
    when nobody can be named as its author or its title is missing.
    """
    target = issues_dir / slug
    if not found.title:
        raise NewsletterError("No title was found.", hint='Give one: --title "…".')
    key = key_for(found.title)
    for path in sorted(target.glob("*.md")):
        if re.fullmatch(rf"\d{{1,4}}-{re.escape(key)}\.md", path.name):
            raise RefusedError(
                f"{path} exists already.", hint="Remove that file first, or import under another --title."
            )
    authors = load_authors(issues_dir)
    author_key, new_author = _author(found, author, authors)
    gatherer = gatherer or Gatherer(key, folder)
    at_home = gatherer.localised(found)
    notes = [*found.notes, *gatherer.notes]
    if not found.written_at:
        notes.append(
            f"No date was found; written_at is {(found.updated_at or today).isoformat()}, correct it where it is wrong."
        )
    if not found.category:
        notes.append(f'No category was found; it is "{DEFAULT_CATEGORY}" for now.')
    if at_home.image and not at_home.image_alt:
        notes.append("The lead picture has no description; say in image_alt what it shows.")
    if f"![{UNDESCRIBED}](" in at_home.body:
        notes.append(f"Some pictures have no description; write one in the place of {UNDESCRIBED}.")
    numbers = [int(path.name.partition("-")[0]) for path in target.glob("*.md") if re.match(r"\d{1,4}-", path.name)]
    file = target / f"{max(numbers, default=0) + 1:02d}-{key}.md"
    matter = _matter(at_home, author_key, found.updated_at or today)
    text = f"---\n{matter}---\n\n{at_home.body}\n"
    to_text(Markdown(at_home.body, file, matter.count("\n") + 4))  # says, with the line, what no mail could carry
    _write(file, text, gatherer.pictures, issues_dir, (author_key, new_author) if new_author else None)
    return Placed(file, author_key, new_author, tuple(target / each.name for each in gatherer.pictures), tuple(notes))


def key_for(text: str) -> str:
    """A file or author key after a text: `Müller & Söhne` → `mueller-soehne`; at most 60 characters."""
    return spelling.slug(text, 60) or "imported"


def _author(found: Found, wanted: str, authors: Mapping[str, Author]) -> tuple[str, Writer | None]:
    """The key to write, and who has to be added under it."""
    if wanted in authors and wanted:
        return wanted, None
    writer = found.author
    if wanted:
        name, credentials = split_byline(wanted)
        if not name or (name == name.lower() and " " not in name):
            close = spelling.nearest(wanted, authors)
            raise NewsletterError(
                f'There is no author "{wanted}".',
                hint=(f'Did you mean "{close}"? ' if close else "")
                + 'Give a key of authors.toml or a name: --author "Nora Feld, PT".',
            )
        writer = Writer(name, credentials)
    if not writer.name and found.publisher:
        writer = Writer(found.publisher)
    if not writer.name:
        known = ", ".join(authors) or "none yet"
        raise NewsletterError(
            "No author was found.",
            hint=f'Say who wrote it: --author KEY (there is: {known}) or --author "Name, Credentials".',
        )
    for key, known_author in authors.items():
        if same_person(known_author.name, writer.name):
            return key, None
    key = key_for(re.sub(r"^(?:Dr|Prof|Mr|Mrs|Ms)\.?\s+", "", writer.name))
    number = 2
    while key in authors:
        key = f"{key_for(writer.name)}-{number}"
        number += 1
    return key, writer


def _matter(found: Found, author: str, fallback: date) -> str:
    written_at = found.written_at or fallback
    lines = [
        ("title", _quoted(found.title)),
        ("author", author),
        ("category", _quoted(found.category or DEFAULT_CATEGORY)),
        ("written_at", written_at.isoformat()),
    ]
    if found.updated_at and found.updated_at > written_at:
        lines.append(("updated_at", found.updated_at.isoformat()))
    if found.image:
        lines.append(("image", _quoted(found.image)))
        lines.append(("image_alt", _quoted(found.image_alt or f"{UNDESCRIBED}: what the picture shows")))
    if found.link:
        lines.append(("link", _quoted(found.link)))
    return "".join(f"{key}: {value}\n" for key, value in lines)


def _quoted(text: str) -> str:
    """A text in double quotes as YAML and TOML both read it, without anything that reads as a merge tag."""
    plain = "".join(letter for letter in re.sub(r"\s+", " ", text) if letter.isprintable()).strip()
    return json.dumps(harmless(plain), ensure_ascii=False)


def _table(key: str, writer: Writer) -> str:
    lines = [f"[{key}]", f"name = {_quoted(writer.name)}"]
    if writer.credentials:
        lines.append(f"credentials = [{', '.join(map(_quoted, writer.credentials))}]")
    if writer.role:
        lines.append(f"role = {_quoted(writer.role)}")
    if writer.bio:
        lines.append(f"bio = {_quoted(writer.bio)}")
    return "\n".join(lines) + "\n"


def _write(
    file: Path, text: str, pictures: list[Picture], issues_dir: Path, newcomer: tuple[str, Writer] | None
) -> None:
    made: list[Path] = []
    try:
        for picture in pictures:
            _create(file.parent / picture.name, picture.data, made)
        _create(file, text.encode("utf-8"), made)
        if newcomer:
            _append(issues_dir / AUTHORS_FILE, _table(*newcomer))
    except BaseException:
        for path in made:
            path.unlink(missing_ok=True)
        raise


def _create(path: Path, data: bytes, made: list[Path]) -> None:
    try:
        files.create(path, data)
    except FileExistsError as error:
        raise RefusedError(f"{path} exists already.", hint="Move it away, or import under another --title.") from error
    made.append(path)


def _append(path: Path, table: str) -> None:
    """Add a table at the end, in one step, keeping everything that is there."""
    before = path.read_text("utf-8") if path.exists() else ""
    gap = "" if not before else "\n" if before.endswith("\n") else "\n\n"
    mode = path.stat().st_mode & 0o777 if path.exists() else files.USUAL
    files.replace(path, (before + gap + table).encode("utf-8"), mode)

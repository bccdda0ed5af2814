"""Folders become issues: `issues/<slug>/issue.md` plus `NN-name.md` files, checked as a whole.

Everything an editor can get wrong in a folder is said here, at file and line and with a remedy, so that
the rooms above can rely on an `Issue` being complete: authors known, pictures whole, dates in order.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from newsletter import spelling
from newsletter.content.authors import FILE_NAME as AUTHORS_FILE
from newsletter.content.authors import load_authors
from newsletter.content.conditions import Condition, parse
from newsletter.content.frontmatter import FrontMatter, Key, Kind, Schema, read
from newsletter.content.images import open_image
from newsletter.content.markdown import image_refs
from newsletter.content.places import inside
from newsletter.content.typography import typeset
from newsletter.content.values import LAYOUTS, Article, Author, Image, Issue, Markdown
from newsletter.content.variants import is_marked, unmarked
from newsletter.errors import ContentError, NotFoundError

__all__ = ["ARTICLE_KEYS", "ISSUE_KEYS", "list_issues", "load_authors", "load_issue"]

ISSUE_KEYS = {
    "subject": Key(required=True),
    "preheader": Key(),
    "date": Key(Kind.DATE, required=True),
    "number": Key(Kind.NUMBER),
    "editor": Key(),
    "typography": Key(Kind.BOOL),
    "ignore": Key(Kind.TABLE),
}
ARTICLE_KEYS = {
    "title": Key(required=True),
    "author": Key(required=True),
    "category": Key(required=True),
    "written_at": Key(Kind.DATE, required=True),
    "updated_at": Key(Kind.DATE),
    "image": Key(),
    "image_alt": Key(),
    "excerpt": Key(),
    "link": Key(),
    "link_text": Key(),
    "typography": Key(Kind.BOOL),
    "layout": Key(),
    "only": Key(),
    "unless": Key(),
}

_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,99}")
_ARTICLE_FILE = re.compile(r"([0-9]{1,4})-([a-z0-9][a-z0-9-]*)\.md")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|//")


def list_issues(issues_dir: Path) -> list[str]:
    """The slugs of all folders that hold an `issue.md`, sorted."""
    if not issues_dir.is_dir():
        return []
    return sorted(
        entry.name for entry in issues_dir.iterdir() if _SLUG.fullmatch(entry.name) and (entry / "issue.md").is_file()
    )


def load_issue(issues_dir: Path, slug: str, *, language: str = "en", typography: bool = False) -> Issue:
    """The issue in `issues_dir/slug`, complete and checked.

    `typography` is whether prose is typeset as `language` does, where front matter does not say.

    Raises NotFoundError for a slug without an issue, ContentError (file, line, remedy) for anything
    wrong inside. `_draft.md` and `.hidden.md` are left out; any other stray Markdown file is an error.
    """
    folder = issues_dir / slug
    if not _SLUG.fullmatch(slug):
        raise NotFoundError(
            f'"{slug}" cannot be the name of an issue.',
            hint="Issues are named in lower-case letters, digits and hyphens, such as 007-sleep-and-your-spine.",
        )
    if not (folder / "issue.md").exists() and not (folder / "issue.md").is_symlink():
        close = spelling.nearest(slug, list_issues(issues_dir))
        raise NotFoundError(
            f'There is no issue "{slug}" in {issues_dir}.',
            hint=(f'Did you mean "{close}"? ' if close else "") + f'"newsletter new {slug}" creates it.',
        )
    desk = _Desk(issues_dir, language, typography)
    path = folder / "issue.md"
    inside(issues_dir, path, named_in=path, line=0)
    matter = desk.read(path, ISSUE_KEYS)
    desk.typography = matter.body.typography
    _require_body(matter)
    _refuse_blocks(matter)
    return Issue(
        slug=slug,
        path=folder,
        subject=matter.text("subject"),
        preheader=desk.prose(matter, "preheader"),
        date=matter.required_day("date"),
        number=matter.number("number"),
        letter=matter.body,
        sign_off=desk.author(matter, "editor") if matter.text("editor") else None,
        articles=tuple(desk.article(article, key) for article, key in _article_files(folder)),
        images=desk.pictures(matter.body),
        ignore=matter.table("ignore"),
    )


def _article_files(folder: Path) -> list[tuple[Path, str]]:
    """The article files in order of their numbers, with their keys."""
    numbers: dict[int, Path] = {}
    keys: dict[str, Path] = {}
    for path in sorted(folder.glob("*.md")):
        if path.name == "issue.md" or path.name.startswith((".", "_")):
            continue
        named = _ARTICLE_FILE.fullmatch(path.name)
        if not named:
            raise ContentError(
                "This file is neither issue.md nor an article.",
                path=path,
                hint="Name articles like 02-posture.md; a leading underscore (_notes.md) leaves a file out.",
            )
        number, key = int(named[1]), named[2]
        if number in numbers or key in keys:
            other = numbers.get(number) or keys[key]
            same = "number" if number in numbers else "name"
            raise ContentError(
                f'This article has the same {same} as "{other.name}".', path=path, hint="Rename one of them."
            )
        numbers[number] = keys[key] = path
    by_path = {path: key for key, path in keys.items()}
    return [(numbers[number], by_path[numbers[number]]) for number in sorted(numbers)]


def _require_body(matter: FrontMatter) -> None:
    if not matter.body.source.strip():
        raise ContentError(
            "There is no text below the front matter.",
            path=matter.path,
            line=matter.body.line,
            hint='Write it in Markdown after the second "---".',
        )


def _refuse_blocks(matter: FrontMatter) -> None:
    """Subject, preview text, title and the like are one for everybody: what they say would be told to all."""
    for key in matter.values:
        if is_marked(matter.text(key)):
            raise matter.error(
                key,
                f"{key} cannot be different for some readers.",
                hint="Blocks such as ::: only tag=member belong below; for a whole article write only: tag=member.",
            )


def _condition(matter: FrontMatter) -> Condition | None:
    """For whom the article is; None is everybody."""
    given = [key for key in ("only", "unless") if key in matter.lines]
    if len(given) > 1:
        raise matter.error("unless", "An article has either only or unless.", hint="Remove one of the two lines.")
    for key in given:
        return parse(matter.text(key), excludes=key == "unless", path=matter.path, line=matter.lines[key])
    return None


class _Desk:
    """What all files of one issue share: the folder they may not leave, the language, and the authors."""

    def __init__(self, issues_dir: Path, language: str, typography: bool) -> None:
        self.issues_dir = issues_dir
        self.language = language
        self.typography = typography
        self.authors = load_authors(issues_dir)

    def read(self, path: Path, schema: Schema) -> FrontMatter:
        """A file, its text marked for typesetting when it says so or, saying nothing, when the issue does."""
        matter = read(path, schema)
        typography = matter.flag("typography", default=self.typography)
        return replace(matter, body=replace(matter.body, language=self.language, typography=typography))

    def prose(self, matter: FrontMatter, key: str) -> str:
        """A text of front matter that readers read as such; a subject is a header, and stays as typed."""
        text = matter.text(key)
        return typeset(text, self.language) if matter.body.typography else text

    def author(self, matter: FrontMatter, key: str) -> Author:
        name = matter.text(key)
        if name in self.authors:
            author = self.authors[name]
            return replace(author, bio=typeset(author.bio, self.language)) if self.typography else author
        close = spelling.nearest(name, self.authors)
        raise matter.error(
            key,
            f'There is no author "{name}".',
            hint=(f'Did you mean "{close}"? ' if close else "") + f"Authors are declared in {AUTHORS_FILE}: [{name}].",
        )

    def picture(self, src: str, file: Path, line: int) -> Image:
        """The picture that `file` calls `src`, relative to its own folder."""
        if _SCHEME.match(src):
            raise ContentError(
                f'"{src[:80]}" is a picture on another server.',
                path=file,
                line=line,
                hint="Save it in the issue's folder and name it there, so that what was approved is what is sent.",
            )
        place = inside(self.issues_dir, file.parent / src, named_in=file, line=line)
        return open_image(place, named_in=file, line=line)

    def pictures(self, body: Markdown) -> dict[str, Image]:
        return {src: self.picture(src, body.path, line) for src, line in image_refs(unmarked(body))}

    def article(self, path: Path, key: str) -> Article:
        inside(self.issues_dir, path, named_in=path, line=0)
        matter = self.read(path, ARTICLE_KEYS)
        _require_body(matter)
        _refuse_blocks(matter)
        written_at, updated_at = matter.required_day("written_at"), matter.day("updated_at")
        if updated_at and updated_at < written_at:
            raise matter.error(
                "updated_at", f"{updated_at} is before written_at.", hint="Correct one of the two dates."
            )
        if matter.text("link") and not _is_web_address(matter.text("link")):
            raise matter.error(
                "link",
                f'"{matter.text("link")}" is not a web address.',
                hint="Write all of it: https://example.org/page.",
            )
        if matter.text("layout") not in ("", *LAYOUTS):
            raise matter.error(
                "layout",
                f'"{matter.text("layout")[:60]}" is not a way to show an article.',
                hint="Write lead, card, digest (a line in a list) or full, or leave it to the place in the issue.",
            )
        image: Image | None = None
        if matter.text("image"):
            if not matter.text("image_alt"):
                raise matter.error(
                    "image",
                    "This picture has no image_alt.",
                    hint='Add a line "image_alt: …" that says what it shows, for those who do not see it.',
                )
            image = self.picture(matter.text("image"), path, matter.lines["image"])
        return Article(
            path=path,
            key=key,
            title=self.prose(matter, "title"),
            author=self.author(matter, "author"),
            category=matter.text("category"),
            written_at=written_at,
            updated_at=updated_at,
            image=image,
            image_alt=matter.text("image_alt"),
            excerpt=self.prose(matter, "excerpt"),
            link=matter.text("link"),
            link_text=self.prose(matter, "link_text"),
            body=matter.body,
            images=self.pictures(matter.body),
            minutes=matter.body.minutes,
            layout=matter.text("layout"),
            condition=_condition(matter),
        )


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and " " not in text
    except ValueError:
        return False

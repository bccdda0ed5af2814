"""Articles of an issue: begun by hand, or brought in from a page, a file, a feed or an export."""

from __future__ import annotations

import sys
from typing import Any

import click

from newsletter.cli.console import Console, console_options, table
from newsletter.errors import NewsletterError, RefusedError

ARTICLE = """\
---
title: {title}
author: {author}
category: {category}
written_at: {date}
# updated_at: {date}
# image: picture.jpg
# image_alt: "What the picture shows"
# excerpt: "Shown in the mail instead of the whole text"
# link: https://…
# layout: card           # or lead, digest, full
---

TK: write the article here.
"""


@click.group()
@console_options
def article(_console: Console) -> None:
    """Add articles to an issue."""


@article.command("new")
@click.argument("title")
@click.option("--issue", "slug", required=True, help="Slug of the issue.")
@click.option("--author", default="", help="Key of the author in authors.toml (default: the first).")
@click.option("--category", default="Article", help="The line above the title.")
@console_options
def new_article(console: Console, title: str, slug: str, author: str, category: str) -> None:
    """Add an article called TITLE at the end of an issue."""
    from newsletter.content.loader import load_authors
    from newsletter.starter.plant import slug_for

    with console.open_site() as site:
        folder = site.issues_dir / slug
        if not (folder / "issue.md").is_file():
            site.load(slug)  # says what is wrong with the slug, or with the issue
        author = author or next(iter(load_authors(site.issues_dir)), "")
        taken = next(iter(sorted(folder.glob(f"[0-9][0-9]-{slug_for(title)}.md"))), None)
        if taken is not None:
            raise RefusedError(f"{taken} exists already.", hint="Edit that article, or give the new one another title.")
        numbers = [int(path.name[:2]) for path in folder.glob("[0-9][0-9]-*.md")]
        path = folder / f"{max(numbers, default=0) + 1:02d}-{slug_for(title)}.md"
        text = ARTICLE.format(
            title=_quoted(title), author=author, category=_quoted(category), date=site.clock().date().isoformat()
        )
        path.write_text(text, "utf-8")
    console.result({"issue": slug, "file": str(path)}, f"Made {path}.")


@article.command("import")
@click.argument("source")
@click.option("--issue", "slug", default="", help="Slug of the issue; not needed with --dry-run.")
@click.option(
    "--post", "--entry", "choice", default="", help="Which article of an export or a feed: its number or title."
)
@click.option("--title", default="", help="Title to use instead of the one found.")
@click.option("--author", default="", help='Who wrote it: a key of authors.toml, or "Name, Credentials".')
@click.option("--category", default="", help="Category to use instead of the one found.")
@click.option("--url", default="", help="Where a saved page came from, for its relative links.")
@click.option("--dry-run", is_flag=True, help="Show what was found and write nothing.")
@console_options
def import_article(
    console: Console,
    source: str,
    *,
    slug: str,
    choice: str,
    title: str,
    author: str,
    category: str,
    url: str,
    dry_run: bool,
) -> int:
    """Bring an article into an issue.

    SOURCE is a web address, a saved page (.html), a text (.txt), Markdown (.md), a WordPress export or an RSS
    or Atom feed (.xml), or - for standard input.
    """
    from newsletter.content.importing.placing import place
    from newsletter.content.importing.sources import open_source, read_source
    from newsletter.content.importing.values import Found

    if not dry_run and not slug:
        raise click.UsageError("Say which issue it is for: --issue SLUG; or look at it first: --dry-run.")
    _require_libraries()
    opened = open_source(source, standard_input=sys.stdin.buffer.read, url=url)
    found = read_source(opened, choice)
    if not isinstance(found, Found):
        rows = [(each.number, each.written_at or "", each.author, each.title) for each in found]
        console.result(
            {
                "posts": [
                    {
                        "number": each.number,
                        "title": each.title,
                        "author": each.author,
                        "written_at": _day(each.written_at),
                    }
                    for each in found
                ]
            },
            table(rows, ("number", "written", "author", "title")),
        )
        console.note("There are several; choose one with --post NUMBER or --post TITLE.")
        return 2
    found = found.but(title=title or found.title, category=category or found.category)
    if dry_run:
        for note in found.notes:
            console.note(note)
        console.result(found.as_json(), _shown(found))
        return 0
    with console.open_site() as site:
        if not (site.issues_dir / slug / "issue.md").is_file():
            site.load(slug)  # says what is wrong with the slug, or with the issue
        placed = place(found, site.issues_dir, slug, author=author, today=site.clock().date(), folder=opened.folder)
    lines = [f"Made {placed.file}."]
    lines += [f"Made {path}." for path in placed.pictures]
    if placed.new_author:
        lines.append(f"Added {placed.new_author.byline} to authors.toml as [{placed.author}].")
    for note in placed.notes:
        console.note(note)
    console.result(
        {
            "issue": slug,
            "file": str(placed.file),
            "author": placed.author,
            "author_added": placed.new_author is not None,
            "pictures": [str(path) for path in placed.pictures],
            "notes": list(placed.notes),
        },
        "\n".join([*lines, f"Next: read it over, then `newsletter check {slug}`."]),
    )
    return 0


def _require_libraries() -> None:
    from importlib.util import find_spec

    if find_spec("readability") is None or find_spec("trafilatura") is None:
        raise NewsletterError(
            "Importing needs two more libraries.", hint="Install them with `pip install 'newsletter-pipeline[import]'`."
        )


def _shown(found: Any) -> str:
    rows = [
        ("Title", found.title),
        ("Category", found.category),
        ("Author", found.author.byline if found.author.name else ""),
        ("Bio", found.author.bio),
        ("Written", _day(found.written_at)),
        ("Updated", _day(found.updated_at)),
        ("Picture", found.image),
        ("Page", found.link),
    ]
    head = "\n".join(f"{name + ':':<10}{value or '(not found)'}" for name, value in rows)
    return f"{head}\n\n{found.body}"


def _day(day: Any) -> str | None:
    return day.isoformat() if day else None


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

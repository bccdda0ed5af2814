"""Plain text and Markdown to an article; both go through the same HTML as pages, so that one dialect comes out."""

from __future__ import annotations

import re
from html import escape
from typing import Any

import yaml
from markdown_it import MarkdownIt

from newsletter.content.importing.bylines import split_byline
from newsletter.content.importing.dates import read_date
from newsletter.content.importing.page import read_fragment
from newsletter.content.importing.structured import clean
from newsletter.content.importing.values import Found, Writer
from newsletter.errors import NewsletterError

_KEYS = {
    "title": ("title", "headline", "subject", "name"),
    "author": ("author", "authors", "by", "byline", "writer"),
    "category": ("category", "categories", "section", "topic"),
    "written": ("written_at", "date", "published", "published_at", "publishdate", "pubdate", "created", "created_at"),
    "updated": ("updated_at", "updated", "modified", "lastmod", "last_modified"),
    "image": ("image", "cover", "cover_image", "featured_image", "feature_image", "thumbnail", "hero"),
    "image_alt": ("image_alt", "cover_alt", "feature_image_alt", "alt"),
    "excerpt": ("excerpt", "description", "summary", "subtitle"),
    "link": ("link", "url", "canonical_url", "canonical"),
    "bio": ("bio", "author_bio"),
    "credentials": ("credentials", "author_credentials"),
}
_BYLINE = re.compile(
    r"^(?:(?:written|posted|words|text|article|story)\s+)?(?:by|author)\b\s*:?\s+(.{2,120})$", re.IGNORECASE
)
_LABEL = re.compile(r"^(category|filed under|posted in|section|topic)\s*:?\s+(.{2,60})$", re.IGNORECASE)
_DATED = re.compile(
    r"^(?:(?:first |originally )?(?:published|posted|written|date|created)|"
    r"(?:last )?(?:updated|modified|reviewed|revised))?(?: on)?\s*:?\s*(.{6,60})$",
    re.IGNORECASE,
)


def looks_like_markdown(text: str) -> bool:
    """Whether a text without a name is Markdown: front matter, ATX headings, links or pictures in its way."""
    return bool(
        re.search(r"\A---[ \t]*\n|^#{1,6} \S|!?\[[^\]\n]+\]\([^)\s]+\)|^```|^(?:\*\*|__)\S", text, re.MULTILINE)
    )


def read_markdown(source: str, base_url: str = "") -> Found:
    """An article in Markdown, with or without front matter of any tool."""
    matter, body = _front_matter(source.replace("\r\n", "\n").lstrip("\ufeff"))
    html = MarkdownIt("commonmark", {"html": True, "maxNesting": 30}).enable(["table", "strikethrough"]).render(body)
    found = _found(matter)
    title = found.title
    heading = re.match(r"\s*<h1>(.*?)</h1>", html, re.DOTALL)
    if heading and (not title or clean(re.sub(r"<[^>]+>", "", heading[1])).casefold() == title.casefold()):
        title = clean(re.sub(r"<[^>]+>", "", heading[1]))
        html = html[heading.end() :]
    head, html = _head_paragraphs(html)
    found = _merged(found, head).but(title=title)
    return _complete(found, read_fragment(html, base_url or found.link))


def read_text(source: str) -> Found:
    """An article in plain text: title first, then perhaps byline, category and dates, then paragraphs."""
    text = source.replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff").strip("\n")
    blocks = [block.strip("\n") for block in re.split(r"\n[ \t]*\n", text) if block.strip()]
    title = ""
    head: list[str] = []
    if blocks:
        lines = blocks[0].split("\n")
        if len(lines[0].strip()) <= 150 and (len(lines) == 1 or not _is_prose(lines)):
            title = re.sub(r"^title:\s*", "", lines[0].strip().strip("#*=_ "), flags=re.IGNORECASE)
            head = [
                line.strip() for line in lines[1:] if line.strip() and not re.fullmatch(r"[=\-*_~]{3,}", line.strip())
            ]
            blocks = blocks[1:]
    rest: list[str] = []
    while head and _is_head(head[0]):
        rest.append(head.pop(0))
    if head:
        blocks.insert(0, "\n".join(head))
    while blocks and all(_is_head(line.strip()) for line in blocks[0].split("\n")):
        rest.extend(line.strip() for line in blocks.pop(0).split("\n"))
    html = "\n".join(_text_block(block) for block in blocks)
    return _complete(_merged(Found(title=title), rest), read_fragment(html))


def _complete(found: Found, body: str) -> Found:
    if not body:
        raise NewsletterError("There is no text in this source.", hint="Look whether it is the right file.")
    return found.but(body=body)


def _is_prose(lines: list[str]) -> bool:
    """Whether a first paragraph of several lines is text already, and not a title with a byline below."""
    if any(_is_head(line.strip()) for line in lines[1:3]) or re.fullmatch(r"[=\-*_~]{3,}", lines[1].strip()):
        return False
    return len(lines[0].strip()) > 60 or lines[0].rstrip()[-1:] in ",;."


def _is_head(line: str) -> bool:
    """Whether a line at the top is a byline, a category or a date."""
    if (_BYLINE.match(line) and split_byline(line)[0]) or _LABEL.match(line):
        return True
    dated = _DATED.match(line)
    return bool(dated and len(line) < 70 and read_date(line) and len(re.findall(r"[A-Za-z]{3,}", line)) <= 6)


def _merged(found: Found, head: list[str]) -> Found:
    for line in head:
        if (byline := _BYLINE.match(line)) and not found.author.name:
            name, credentials = split_byline(byline[1])
            found = found.but(author=Writer(name, credentials))
            line = line[len(name) :]  # noqa: PLW2901 - the rest of the line may hold a date
        elif (label := _LABEL.match(line)) and not found.category:
            found = found.but(category=clean(label[2]))
            continue
        for piece in re.split(r"[|·•;]|\s[-–—]\s|(?<=\d{4})[,.]?\s+(?=\w)", line):
            day = read_date(piece)
            if day is None:
                continue
            if re.search(r"updated|modified|revised|reviewed", piece, re.IGNORECASE):
                found = found.but(updated_at=found.updated_at or day)
            else:
                found = found.but(written_at=found.written_at or day)
    return found


def _head_paragraphs(html: str) -> tuple[list[str], str]:
    """Bylines and dates that stand as paragraphs above the text."""
    head: list[str] = []
    while found := re.match(r"\s*<p>(.*?)</p>", html, re.DOTALL):
        lines = [clean(re.sub(r"<[^>]+>", "", line)) for line in re.split(r"<br ?/?>|\n", found[1])]
        if not all(_is_head(line) for line in lines if line):
            break
        head += [line for line in lines if line]
        html = html[found.end() :]
    return head, html


def _front_matter(text: str) -> tuple[dict[str, Any], str]:
    found = re.match(r"---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", text, re.DOTALL)
    if not found:
        return {}, text
    try:
        values = yaml.load(found[1].replace("\t", "  "), Loader=yaml.BaseLoader)  # noqa: S506 - texts only, no objects
    except (yaml.YAMLError, RecursionError):
        pairs = re.findall(r"^([A-Za-z_ -]+):[ \t]*(.*)$", found[1], re.MULTILINE)
        values = {key: value.strip().strip("\"'") for key, value in pairs}
    return (
        {str(key).strip().lower(): value for key, value in values.items()} if isinstance(values, dict) else {}
    ), text[found.end() :]


def _found(matter: dict[str, Any]) -> Found:
    def text(kind: str) -> str:
        value = next((matter[key] for key in _KEYS[kind] if matter.get(key)), "")
        if isinstance(value, list):
            value = value[0] if value else ""
        if isinstance(value, dict):
            value = value.get("name") or value.get("src") or value.get("url") or ""
        return clean(str(value))

    name, credentials = split_byline(text("author"))
    listed = tuple(part.strip(" []") for part in text("credentials").split(",") if part.strip(" []"))
    return Found(
        title=text("title"),
        category=text("category"),
        author=Writer(name, credentials or listed, text("bio")),
        written_at=read_date(text("written")),
        updated_at=read_date(text("updated")),
        image=text("image"),
        image_alt=text("image_alt"),
        excerpt=text("excerpt"),
        link=text("link") if text("link").startswith(("http://", "https://")) else "",
    )


def _text_block(block: str) -> str:  # noqa: PLR0911 - one answer for each kind of block
    lines = block.split("\n")
    if all(re.match(r"\s*[-*•–]\s+\S|\s{2,}\S", line) for line in lines) and re.match(r"\s*[-*•–]\s+\S", lines[0]):
        return f"<ul>{_items(lines, r'[-*•–]')}</ul>"
    if all(re.match(r"\s*\d{1,3}[.)]\s+\S|\s{2,}\S", line) for line in lines) and re.match(
        r"\s*\d{1,3}[.)]\s+\S", lines[0]
    ):
        first = re.match(r"\s*(\d+)", lines[0])
        items = _items(lines, r"\d{1,3}[.)]")
        return f'<ol start="{first[1] if first else 1}">{items}</ol>'
    if len(lines) == 2 and re.fullmatch(r"[=\-~]{3,}", lines[1].strip()):
        return f"<h2>{escape(lines[0].strip())}</h2>"
    if re.fullmatch(r"[*\-_=~# ]{3,}", block.strip()):
        return "<hr>"
    if len(lines) == 1 and len(block) <= 70 and block == block.upper() and re.search(r"[A-Z]{3}", block):
        return f"<h2>{escape(block.strip().capitalize())}</h2>"
    if all(line.startswith(">") for line in lines):
        return f"<blockquote><p>{escape(' '.join(line.lstrip('> ') for line in lines))}</p></blockquote>"
    return f"<p>{escape(' '.join(line.strip() for line in lines))}</p>"


def _items(lines: list[str], marker: str) -> str:
    items: list[str] = []
    for line in lines:
        if re.match(rf"\s*{marker}\s+\S", line):
            items.append(escape(re.sub(rf"^\s*{marker}\s+", "", line).strip()))
        elif items:
            items[-1] += " " + escape(line.strip())
    return "".join(f"<li>{item}</li>" for item in items)

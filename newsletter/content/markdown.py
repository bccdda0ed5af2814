"""Markdown to mail: CommonMark with tables in, sanitised HTML or pleasant plain text out.

Content is not trusted and not silently mended. Raw HTML is shown as the text it is; a link or picture
that would not work in somebody's inbox is an error at its file and line, and nh3 stands behind our own
rules in case they have a hole. Merge tags have become alphanumeric tokens before Markdown sees them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from urllib.parse import unquote, urlsplit

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode

from newsletter.content import plain
from newsletter.content.frontmatter import MAX_BYTES
from newsletter.content.values import Image, Markdown
from newsletter.errors import ContentError

SHOWN_WIDTH = 536
"""Width of the text column in CSS pixels: the 600 px container less its gutters."""

MAX_NESTING = 12
"""Lists in quotes in lists: more levels than this are a mistake (each list takes two)."""

_SLOT = re.compile(r"NLSLOT[0-9a-f]+X")
_HALF_LINK = re.compile(r"!?\[[^\[\]]*\]\([^()]*\)")
_TAGS = {
    *("p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "pre", "code"),
    *("em", "strong", "a", "img", "table", "thead", "tbody", "tr", "th", "td"),
}
_ATTRIBUTES = {
    "a": {"href", "title"},
    "img": {"src", "alt", "title", "width", "height", "class"},
    "ol": {"start"},
    "table": {"class"},
    "th": {"align", "scope"},
    "td": {"align"},
}


class _Parser(MarkdownIt):
    """CommonMark plus tables that keeps refused addresses visible to us instead of leaving them as text."""

    def __init__(self) -> None:
        # One level of slack: what lies deeper is dropped by the parser, so _parse must see it coming.
        super().__init__("commonmark", {"html": False, "maxNesting": MAX_NESTING + 2})
        self.enable("table")

    def validateLink(self, url: str) -> bool:
        """Accept everything here; _check_link says no, with a line number."""
        return True


_parser = _Parser()


def to_html(
    md: Markdown, images: Mapping[str, Image], image_url: Callable[[Image], str], *, heading_offset: int = 1
) -> str:
    """Sanitised HTML of `md`; headings move down by `heading_offset` levels (`##` → `<h3>`), to h6 at most.

    `images` maps the paths as written to pictures; each becomes `<img class="pic">` at `image_url(image)`,
    at most 536 px wide, with width and height. Raises ContentError with file and line for links that are
    not http, https, mailto, `#…` or a slot token, for pictures unknown or without alt text, and for
    Markdown too long or too deeply nested.
    """
    tokens = _parse_checked(md)
    for token in tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(6, int(token.tag[1]) + heading_offset)}"
        elif token.type == "table_open":
            token.attrSet("class", "data")
        elif token.type in {"th_open", "td_open"}:
            style = str(token.attrs.pop("style", ""))  # mail clients know align; nh3 refuses style
            if style:
                token.attrSet("align", style.removeprefix("text-align:"))
            if token.type == "th_open":
                token.attrSet("scope", "col")
    for token, line in _inline(tokens, md.line):
        if token.type == "image":
            _place_image(token, images, image_url, md, line)
        elif token.type == "text" and (found := _HALF_LINK.search(token.content)):
            raise ContentError(
                f'"{found[0][:80]}" is not a complete link or picture.',
                path=md.path,
                line=line,
                hint="An address with spaces belongs in angle brackets: [text](<my page.html>).",
            )
    html = _parser.renderer.render(tokens, _parser.options, {})
    return nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto", "cid"},  # the last for pictures in the mail: no link has it
        clean_content_tags={"script", "style"},
        strip_comments=True,
        link_rel=None,
    )


def to_text(md: Markdown) -> str:
    """Plain text of `md`: wrapped at 72 columns except for addresses, no markup, no entities.

    A link alone in its paragraph gets its address alone on the next line; others stand as
    `text <address>`. Ends without a line break. Raises ContentError like `to_html`, pictures aside.
    """
    return plain.render(SyntaxTreeNode(_parse_checked(md)))


def image_refs(md: Markdown) -> list[tuple[str, int]]:
    """The picture paths of `md` as written (percent-escapes undone), each with its 1-based line."""
    return [(_src(token), line) for token, line in _inline(_parse(md), md.line) if token.type == "image"]


def _parse(md: Markdown) -> list[Token]:
    """Tokens of `md`, refusing what would take the parser long or make it drop text silently."""
    if len(md.source.encode()) > MAX_BYTES:
        raise ContentError(
            f"This text is larger than {MAX_BYTES // 1000} KB.", path=md.path, line=md.line, hint="Split it."
        )
    try:
        tokens = _parser.parse(md.source)
    except RecursionError:
        tokens = []
        line = md.line
    else:
        deep = (line for token, line in _all(tokens, md.line) if token.level > MAX_NESTING or _nests_pictures(token))
        line = next(deep, 0)
    if line:
        raise ContentError(
            "The Markdown is nested too deeply here.", path=md.path, line=line, hint="Use fewer lists within lists."
        )
    return tokens


def _parse_checked(md: Markdown) -> list[Token]:
    """Tokens of `md` whose links all work in a mail."""
    tokens = _parse(md)
    for token, line in _inline(tokens, md.line):
        if token.type == "link_open":
            _check_link(str(token.attrs.get("href", "")), md, line)
    return tokens


def _nests_pictures(token: Token) -> bool:
    return token.type == "image" and any(child.type == "image" for child in token.children or ())


def _all(tokens: Sequence[Token], first: int) -> Iterator[tuple[Token, int]]:
    """Block tokens and inline tokens with their lines in the file."""
    for token in tokens:
        line = first + (token.map[0] if token.map else 0)
        yield token, line
        for child in token.children or ():
            yield child, line
            line += child.type in {"softbreak", "hardbreak"}


def _inline(tokens: Sequence[Token], first: int) -> Iterator[tuple[Token, int]]:
    """Inline tokens only, with their lines in the file."""
    return ((token, line) for token, line in _all(tokens, first) if not token.block)


def _src(token: Token) -> str:
    return unquote(str(token.attrs.get("src", "")))


def _place_image(
    token: Token, images: Mapping[str, Image], image_url: Callable[[Image], str], md: Markdown, line: int
) -> None:
    src = _src(token)
    if not token.content.strip():
        raise ContentError(
            f'The picture "{src}" has no description.',
            path=md.path,
            line=line,
            hint="Say between the square brackets what it shows: ![Two people stretching](stretch.jpg).",
        )
    if src not in images:
        raise ContentError(
            f'The picture "{src}" is not known.', path=md.path, line=line, hint="Put it in the issue's folder."
        )
    image = images[src]
    width = min(SHOWN_WIDTH, image.width)
    token.attrSet("src", image_url(image))
    token.attrSet("width", str(width))
    token.attrSet("height", str(max(1, round(image.height * width / image.width))))
    token.attrSet("class", "pic")


def _check_link(href: str, md: Markdown, line: int) -> None:
    if _SLOT.fullmatch(href) or (href.startswith("#") and len(href) > 1):
        return
    try:
        parts = urlsplit(href)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme in {"http", "https"} and parts.hostname:
        return
    if parts.scheme == "mailto" and "@" in parts.path:
        return
    shown = unquote(href)[:80]
    if not parts.scheme:
        raise ContentError(
            f'The link to "{shown}" works nowhere but here.',
            path=md.path,
            line=line,
            hint="Write the absolute address, beginning with https://.",
        )
    raise ContentError(
        f'The link to "{shown}" is not one a mail can carry.',
        path=md.path,
        line=line,
        hint="Use an address that begins with https://, http:// or mailto:.",
    )

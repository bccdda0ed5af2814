"""Markdown to mail: CommonMark, tables and what newsletters need besides; sanitised HTML or pleasant plain text out.

Content is not trusted and not silently mended. Raw HTML is shown as the text it is; a link, picture or
container that would not work in somebody's inbox is an error at its file and line, and nh3 stands behind our
own rules in case they have a hole. Merge tags have become alphanumeric tokens before Markdown sees them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from urllib.parse import unquote

import nh3
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode

from newsletter.content import blocks, figures, footnotes, plain
from newsletter.content.figures import SHOWN_WIDTH
from newsletter.content.frontmatter import MAX_BYTES
from newsletter.content.links import check_link
from newsletter.content.typography import typeset, typeset_inline
from newsletter.content.values import Image, Markdown
from newsletter.errors import ContentError

__all__ = ["MAX_NESTING", "SHOWN_WIDTH", "image_refs", "to_html", "to_text"]

MAX_BRACKETS = 2_000
"""Opening square brackets in one text: no letter has so many links, and the parser tries each against all others."""
MAX_NESTING = 12
"""Lists in quotes in lists: more levels than this are a mistake (each list takes two)."""

_HALF_LINK = re.compile(r"!?\[[^\[\]]*\]\([^()]*\)")
_EMBED = re.compile(r"</?(script|style|iframe|object|embed|form)\b", re.IGNORECASE)
_TAGS = {
    *("p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "pre", "code", "div"),
    *("em", "strong", "sup", "a", "img", "table", "thead", "tbody", "tr", "th", "td"),
}
_ATTRIBUTES = {
    "a": {"href", "title", "id"},
    "img": {"src", "alt", "width", "height"},
    "ol": {"start"},
    "p": {"id"},
    "table": {"cellpadding", "cellspacing", "border"},
    "th": {"align", "scope"},
    "td": {"align"},
}
_ROLES = {"a": {"role": {"doc-noteref", "doc-backlink"}}, "table": {"role": {"presentation"}}}
_CLASSES = {
    "blockquote": {"quote"},
    "div": {*blocks.CALLOUTS, "figure", "footnotes"},
    "img": {"pic"},
    "p": {"callout-title", "caption", "quote-by"},
    "sup": {"fn"},
    "table": {"btn", "data", "events"},
    "td": {"what", "when"},
    "ul": {"digest"},
}


class _Parser(MarkdownIt):
    """CommonMark plus ours, that keeps refused addresses visible to us instead of leaving them as text."""

    def __init__(self) -> None:
        # One level of slack: what lies deeper is dropped by the parser, so _parse must see it coming.
        super().__init__("commonmark", {"html": False, "maxNesting": MAX_NESTING + 2})
        self.enable("table")
        self.block.ruler.before(
            "fence", "container", blocks.find_container, {"alt": ["paragraph", "reference", "blockquote", "list"]}
        )
        self.inline.ruler.after("image", "picture_size", figures.find_size)
        # Before escaped characters become like others: they are typed so to stay as they are.
        self.core.ruler.before("text_join", "prose", _prose)
        footnotes.enable_footnotes(self)

    def validateLink(self, url: str) -> bool:
        """Accept everything here; check_link says no, with a line number."""
        return True


def _prose(state: StateCore) -> None:
    """Core rule: typeset what is prose, and note tags that an editor may believe to work."""
    for token in state.tokens:
        if token.type != "inline":
            continue
        children = token.children or []
        breaks = 0
        for child in children:
            breaks += child.type in {"softbreak", "hardbreak"}
            if child.type == "text" and (found := _EMBED.search(child.content)):
                token.meta.setdefault("embed", (found[1].lower(), breaks))
        if language := state.env.get("typography"):
            typeset_inline(children, language)
            for child in children:
                if child.type == "image" and "title" in child.attrs:
                    child.attrSet("title", typeset(str(child.attrs["title"]), language))


_parser = _Parser()


def to_html(
    md: Markdown, images: Mapping[str, Image], image_url: Callable[[Image, int], str], *, heading_offset: int = 1
) -> str:
    """Sanitised HTML of `md`; headings move down by `heading_offset` levels (`##` → `<h3>`), to h6 at most.

    `images` maps the paths as written to pictures; each becomes `<img class="pic">` at `image_url(image, width)`,
    as wide as its braces say and at most 536 px, with width and height. Raises ContentError with file and line
    for links that are not http, https, mailto, `#…` or a slot token, for pictures unknown or without alt text,
    for containers and footnotes that are not right, and for Markdown too long or too deeply nested.
    """

    def placed(token: Token, line: int) -> Token:
        return _placed(token, images, image_url, md, line) if token.type == "image" else token

    tokens = [_adapted(token, heading_offset) for token in _arranged(md)]
    for at, token in enumerate(tokens):
        if any(child.type == "image" for child in token.children or ()):
            tokens[at] = token.copy(children=[placed(*each) for each in _lines(token, md.line)])
    html = _parser.renderer.render(tokens, _parser.options, {})
    return nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        tag_attribute_values=_ROLES,
        allowed_classes=_CLASSES,
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
    return plain.render(SyntaxTreeNode(_arranged(md)))


def image_refs(md: Markdown) -> list[tuple[str, int]]:
    """The picture paths of `md` as written (percent-escapes undone), each with its 1-based line."""
    if "![" not in md.source:
        return []
    return [(_src(token), line) for token, line in _inline(_parse(md), md.line) if token.type == "image"]


def _parse(md: Markdown) -> list[Token]:
    """Tokens of `md`, refusing what would take the parser long or make it drop text silently."""
    if len(md.source.encode()) > MAX_BYTES:
        raise ContentError(
            f"This text is larger than {MAX_BYTES // 1000} KB.", path=md.path, line=md.line, hint="Split it."
        )
    if md.source.count("[") > MAX_BRACKETS:
        raise ContentError(
            f"There are more than {MAX_BRACKETS:,} square brackets in this text.",
            path=md.path,
            line=md.line,
            hint="Split it; `&#91;` is a bracket that begins no link.",
        )
    try:
        tokens = _parser.parse(md.source, {"typography": md.language if md.typography else ""})
    except RecursionError:
        tokens = []
        line = md.line
    else:
        deep = (line for token, line in _all(tokens, md.line) if token.level > MAX_NESTING or _nests_pictures(token))
        line = next(deep, 0)
    if line:
        raise ContentError(
            "The Markdown is nested too deeply here.",
            path=md.path,
            line=line,
            hint="Use fewer lists, quotes or containers within each other.",
        )
    return tokens


@lru_cache(maxsize=64)
def _arranged(md: Markdown) -> tuple[Token, ...]:
    """Tokens of `md` in their final order, everything checked but the files of pictures. They must not be changed.

    A text is needed several times in one rendering, and again with every change of another.
    """
    body, notes = footnotes.extract(_parse(md), md)
    body = blocks.arrange(body, md)
    for note in notes.values():
        note.tokens[:] = blocks.arrange(note.tokens, md)
    tokens = figures.arrange(footnotes.append(body, notes, md))
    for token, line in _inline(tokens, md.line):
        if token.type == "link_open":
            check_link(str(token.attrs.get("href", "")), md, line)
        elif token.type == "text" and (found := _HALF_LINK.search(token.content)):
            raise ContentError(
                f'"{found[0][:80]}" is not a complete link or picture.',
                path=md.path,
                line=line,
                hint="An address with spaces belongs in angle brackets: [text](<my page.html>).",
            )
        elif token.type == "image":
            figures.check(token, md, line)
    for token in tokens:
        if "embed" in token.meta:
            name, breaks = token.meta["embed"]
            raise ContentError(
                f"A mail cannot carry <{name}>.",
                path=md.path,
                line=md.line + (token.map[0] if token.map else 0) + breaks,
                hint="Remove it, link to a page that has it, or put it between `backticks` to show it.",
            )
    return tuple(tokens)


def _adapted(token: Token, heading_offset: int) -> Token:
    """A block token as mail needs it: headings lower, tables with roles, alignment as clients read it."""
    if token.type in {"heading_open", "heading_close"}:
        return token.copy(tag=f"h{min(6, int(token.tag[1]) + heading_offset)}")
    if token.type == "table_open":
        return token.copy(attrs={"class": "data"})
    if token.type in {"th_open", "td_open"}:
        style = str(token.attrs.get("style", ""))  # mail clients know align; nh3 refuses style
        align = {"align": style.removeprefix("text-align:")} if style else {}
        return token.copy(attrs=align | ({"scope": "col"} if token.type == "th_open" else {}))
    return token


def _nests_pictures(token: Token) -> bool:
    return token.type == "image" and any(child.type == "image" for child in token.children or ())


def _all(tokens: Sequence[Token], first: int) -> Iterator[tuple[Token, int]]:
    """Block tokens and inline tokens with their lines in the file."""
    for token in tokens:
        line = first + (token.map[0] if token.map else 0)
        yield token, line
        yield from _lines(token, first)


def _lines(token: Token, first: int) -> Iterator[tuple[Token, int]]:
    """The inline tokens of one block token with their lines in the file."""
    line = first + (token.map[0] if token.map else 0)
    for child in token.children or ():
        yield child, line
        line += child.type in {"softbreak", "hardbreak"}


def _inline(tokens: Sequence[Token], first: int) -> Iterator[tuple[Token, int]]:
    """Inline tokens only, with their lines in the file."""
    return ((token, line) for token, line in _all(tokens, first) if not token.block)


def _src(token: Token) -> str:
    return unquote(str(token.attrs.get("src", "")))


def _placed(
    token: Token, images: Mapping[str, Image], image_url: Callable[[Image, int], str], md: Markdown, line: int
) -> Token:
    """A picture with its address and size. Raises ContentError when it is unknown or has no description."""
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
    width = min(figures.shown_width(token, md, line), image.width)
    height = str(max(1, round(image.height * width / image.width)))
    address = image_url(image, width)
    return token.copy(attrs=token.attrs | {"src": address, "width": str(width), "height": height, "class": "pic"})

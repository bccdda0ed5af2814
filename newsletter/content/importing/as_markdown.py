"""HTML of an article to the Markdown that `content.markdown` accepts: no raw HTML, nothing that reads as a merge tag.

Written for our own dialect and its limits: links become absolute or plain text, headings begin at `##`, lists
nest four deep, layout tables fall apart into paragraphs. Every character that Markdown would take for
markup is escaped, and no other, so that the result can be edited by hand.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urljoin, urlsplit

from newsletter.content.importing.spans import BREAK, INVISIBLE, SPACES, Run, encoded, escape, harmless, paragraphs

UNDESCRIBED = "TK"
"""Stands for the description of a picture that has none; `newsletter check` finds it."""

_BLOCKS = {
    *("address", "article", "aside", "blockquote", "body", "center", "dd", "details", "dialog", "div", "dl", "dt"),
    *(
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hgroup",
        "hr",
    ),
    *(
        "html",
        "li",
        "main",
        "menu",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "summary",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
    ),
    *("thead", "tr", "ul", "caption"),
}
_LEFT_OUT = {
    *(
        "script",
        "style",
        "noscript",
        "template",
        "head",
        "title",
        "meta",
        "link",
        "iframe",
        "object",
        "embed",
        "svg",
        "math",
    ),
    *("canvas", "audio", "video", "source", "track", "input", "select", "textarea", "button", "map", "area", "param"),
}
_BOLD = {"b", "strong"}
_ITALIC = {"i", "em", "cite", "dfn", "var"}
_CODE = {"code", "kbd", "samp", "tt"}


def as_markdown(root: Any, base_url: str = "") -> str:
    """Markdown of an lxml element's content; relative addresses are joined to `base_url`.

    Without a `base_url` relative links become plain text and relative pictures keep their path.
    """
    blocks = [block for block in _Converter(base_url).blocks(root, room=12) if block.strip()]
    while blocks and blocks[0] == "---":
        blocks.pop(0)
    while blocks and blocks[-1] == "---":
        blocks.pop()
    return _level_headings("\n\n".join(blocks).strip())


def _level_headings(markdown: str) -> str:
    """Move headings so that the highest one is `##`: the title of the article is above them."""
    out: list[str] = []
    fenced = False
    lines = markdown.split("\n")
    levels = []
    for line in lines:
        fenced ^= line.startswith("```")
        if not fenced and (found := re.match(r"#{1,6}(?= )", line)):
            levels.append(len(found[0]))
    shift = 2 - min(levels, default=2)
    fenced = False
    for line in lines:
        fenced ^= line.startswith("```")
        found = re.match(r"(#{1,6})( .*)", line)
        out.append(
            f"{'#' * max(2, min(6, len(found[1]) + shift))}{found[2]}" if found and shift and not fenced else line
        )
    return "\n".join(out)


class _Converter:
    def __init__(self, base_url: str) -> None:
        self._base_url = base_url

    # -- blocks ----------------------------------------------------------------------------------

    def blocks(self, parent: Any, room: int) -> list[str]:
        """The content of an element as blocks of Markdown; `room` levels of nesting are left."""
        found: list[str] = []
        runs: list[Run] = []

        def flush() -> None:
            found.extend(paragraphs(runs))
            runs.clear()

        if parent.text:
            runs.append(Run(parent.text))
        for child in parent:
            tag = child.tag
            if isinstance(tag, str) and tag not in _LEFT_OUT:
                if tag in _BLOCKS or _holds_blocks(child):
                    flush()
                    found.extend(self._block(child, room))
                else:
                    runs.extend(self._runs(child, Run("")))
            if child.tail:
                runs.append(Run(child.tail))
        flush()
        return found

    def _block(self, element: Any, room: int) -> list[str]:  # noqa: PLR0911 - one answer for each kind of element
        tag = element.tag
        if tag in {"h1", "h2", "h3", "h4", "h5", "h6"}:
            text = self._line(element, plain=True)
            if not text:
                return self.blocks(element, room)  # a picture in a heading
            return [f"{'#' * int(tag[1])} {text}" if room == 12 else f"**{text}**"]
        if tag in {"ul", "ol", "menu"} and room >= 6:
            return self._list(element, room)
        if tag == "blockquote" and room >= 10:
            inner = [block for block in self.blocks(element, room - 1) if block]
            quoted = "\n\n".join(inner)
            return ["\n".join(f"> {line}".rstrip() for line in quoted.split("\n"))] if inner else []
        if tag == "pre":
            return _fenced("".join(element.itertext()))
        if tag == "table":
            return self._table(element, room)
        if tag == "hr":
            return ["---"] if room == 12 else []
        if tag == "dt":
            text = self._line(element, plain=True)
            return [f"**{text}**"] if text else []
        if tag in {"figcaption", "caption"}:
            text = self._line(element, plain=True)
            return [f"*{text}*"] if text else []
        return self.blocks(element, room)

    def _list(self, element: Any, room: int) -> list[str]:
        items: list[str] = []
        number = _start(element)
        loose = False

        def add(blocks: list[str]) -> None:
            nonlocal number, loose
            if not blocks:
                return
            marker = f"{number}. " if element.tag == "ol" else "- "
            number += 1
            text = blocks[0]
            for block in blocks[1:]:
                is_list = bool(re.match(r"(?:- |1\. )", block))  # another number cannot interrupt a paragraph
                loose = loose or not is_list
                text += ("\n" if is_list else "\n\n") + block
            items.append(marker + _indented(text, len(marker)).lstrip(" "))

        add(paragraphs([Run(element.text or "")]))
        for child in element:
            if isinstance(child.tag, str) and child.tag not in _LEFT_OUT:
                if child.tag in {"ul", "ol"} and items:  # a list between the items instead of in one
                    nested = "\n".join(self._block(child, room - 2))
                    loose = True
                    items[-1] += "\n\n" + _indented(nested, 3 if element.tag == "ol" else 2)
                elif child.tag in _BLOCKS or _holds_blocks(child):
                    add([block for block in self.blocks(child, room - 2) if block])
                else:
                    add(paragraphs(self._runs(child, Run(""))))
            add(paragraphs([Run(child.tail or "")]))
        return [("\n\n" if loose else "\n").join(items)] if items else []

    def _table(self, table: Any, room: int) -> list[str]:
        rows = [row for row in table.iter("tr") if _owner(row) is table]
        cells = [[cell for cell in row if cell.tag in {"td", "th"}] for row in rows]
        cells = [row for row in cells if row]
        width = max((sum(_span(cell) for cell in row) for row in cells), default=0)
        is_layout = (
            width < 2
            or len(cells) < 2
            or room < 6
            or table.get("role") in {"presentation", "none"}
            or next(table.iter("form", "h1", "h2", "h3"), None) is not None
            or any(inner is not table for inner in table.iter("table"))
            or any(len("".join(cell.itertext())) > 700 for row in cells for cell in row)
        )
        caption = [block for each in table.findall("caption") for block in self._block(each, room)]
        if is_layout:
            return caption + [block for row in cells for cell in row for block in self.blocks(cell, room)]
        lines = []
        for row in cells:
            texts: list[str] = []
            for cell in row:
                texts.append(self._line(cell).replace("|", "\\|"))
                texts += [""] * (_span(cell) - 1)
            texts += [""] * (width - len(texts))
            lines.append(f"| {' | '.join(texts)} |")
        if all(not line.strip("| ") for line in lines):
            return caption
        return [*caption, "\n".join([lines[0], f"|{' --- |' * width}", *lines[1:]])]

    # -- text ------------------------------------------------------------------------------------

    def _line(self, element: Any, *, plain: bool = False) -> str:
        """All of an element on one line; `plain` leaves bold and italic out."""
        runs = self._runs(element, Run(""), deep=True)
        if plain:
            runs = [Run(run.text, run.href, False, False, run.code) for run in runs if not run.ready]
        text = " ".join(paragraphs([Run(" ") if run.text == BREAK else run for run in runs], guarded=False))
        text = text.replace("\\\n", " ").replace("\n", " ").strip()
        return re.sub(r"(#+)$", r"\\\1", text)

    def _runs(self, element: Any, style: Run, *, deep: bool = False) -> list[Run]:
        tag = element.tag
        if not isinstance(tag, str) or tag in _LEFT_OUT:
            return []
        if tag == "br":
            return [Run(BREAK)]
        if tag == "img":
            return self._picture(element)
        href, bold, italic, code = style.href, style.bold, style.italic, style.code
        if tag == "a":
            href = self._address(element.get("href", "")) or href
        bold = bold or tag in _BOLD
        italic = italic or tag in _ITALIC
        code = code or tag in _CODE
        inner = Run("", href, bold, italic, code)
        runs: list[Run] = []
        if deep and tag in _BLOCKS:
            runs.append(Run(" "))
        if element.text:
            runs.append(Run(element.text, href, bold, italic, code))
        for child in element:
            runs.extend(self._runs(child, inner, deep=deep))
            if child.tail:
                runs.append(Run(child.tail, href, bold, italic, code))
        if tag == "q":
            runs = [Run("“"), *runs, Run("”")]
        if deep and tag in _BLOCKS:
            runs.append(Run(" "))
        return runs

    def _picture(self, image: Any) -> list[Run]:
        src = picture_source(image, self._base_url)
        if not src:
            return []
        alt = SPACES.sub(" ", INVISIBLE.sub("", image.get("alt") or image.get("title") or "")).strip()
        if not alt:
            figure = next(image.iterancestors("figure"), None)
            caption = next(figure.iter("figcaption"), None) if figure is not None else None
            alt = SPACES.sub(" ", "".join(caption.itertext())).strip() if caption is not None else ""
        return [Run(f"![{escape(alt[:300]) or UNDESCRIBED}]({encoded(src)})", ready=True)]

    def _address(self, href: str) -> str:
        """The absolute address of a link, or nothing when a mail could not carry it."""
        href = href.strip()
        if not href or href.startswith("#"):
            return ""
        try:
            absolute = urljoin(self._base_url, href) if self._base_url else href
            parts = urlsplit(absolute)
        except ValueError:
            return ""
        if self._base_url and parts.fragment and absolute.partition("#")[0] == self._base_url.partition("#")[0]:
            return ""
        if parts.scheme in {"http", "https"} and parts.hostname:
            return encoded(absolute)
        return encoded(absolute) if parts.scheme == "mailto" and "@" in parts.path else ""


def picture_source(image: Any, base_url: str = "") -> str:
    """Where the picture of an `<img>` really is, behind lazy loading; empty for icons, pixels and data URIs."""
    widest = _widest(image.get("srcset") or image.get("data-srcset") or image.get("data-lazy-srcset") or "")
    candidates = [
        *(
            image.get(name, "")
            for name in ("data-src", "data-lazy-src", "data-original", "data-orig-src", "data-hi-res-src")
        ),
        image.get("src", ""),
        widest,
    ]
    for size in ("width", "height"):
        if re.fullmatch(r"\d{1,2}(?:px)?", image.get(size, "")) and int(image.get(size).removesuffix("px")) <= 48:
            return ""
    for candidate in candidates:
        src = candidate.strip()
        if (
            not src
            or src.startswith(("data:", "blob:", "about:"))
            or re.search(r"\.svg(?:\?|$)|/(?:spacer|blank|pixel)\.", src)
        ):
            continue
        try:
            joined = urljoin(base_url, src) if base_url else src
            scheme = urlsplit(joined).scheme
        except ValueError:
            continue
        if scheme in {"http", "https"} or (not base_url and not scheme):
            return str(joined)
    return ""


def _widest(srcset: str) -> str:
    """The picture of a `srcset` that fits a mail best: the smallest from 1072 pixels, or the widest."""
    found = [(int(width), url) for url, width in re.findall(r"(\S+)\s+(\d+)w", srcset)]
    big = [each for each in found if each[0] >= 1072]
    return min(big)[1] if big else max(found)[1] if found else ""


def _holds_blocks(element: Any) -> bool:
    return any(isinstance(inner.tag, str) and inner.tag in _BLOCKS for inner in element.iterdescendants())


def _owner(row: Any) -> Any:
    return next(row.iterancestors("table"), None)


def _span(cell: Any) -> int:
    span = cell.get("colspan", "1")
    return min(20, int(span)) if re.fullmatch(r"[1-9]\d?", span) else 1


def _start(element: Any) -> int:
    start = element.get("start", "1")
    return int(start) if re.fullmatch(r"\d{1,6}", start) else 1


def _indented(text: str, width: int) -> str:
    return "\n".join(" " * width + line if line else line for line in text.split("\n"))


def _fenced(text: str) -> list[str]:
    text = INVISIBLE.sub("", text.replace("\r\n", "\n").replace("\t", "    ")).strip("\n")
    text = harmless(text)
    if not text.strip():
        return []
    longest = max((len(ticks) for ticks in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return [f"{fence}\n{text}\n{fence}"]

"""A Markdown tree as plain text that is pleasant to read in a mail window.

Our own, because general converters print layout padding, lose links or bring a licence this project
cannot carry. Nothing here is HTML: text that looks like a tag is printed with ‹angle quotes›, so that no
client that guesses can mistake it for one.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from urllib.parse import unquote

from markdown_it.tree import SyntaxTreeNode

WIDTH = 72
_MIN_WIDTH = 24
_MAX_DATE = 26
_TAG = re.compile(r"<(?=[A-Za-z/!?])([^<>]*)(>?)")


def render(root: SyntaxTreeNode) -> str:
    """The text of a document tree, wrapped at 72 columns; long addresses are never broken."""
    return "\n".join(line.rstrip() for line in _blocks(root.children, WIDTH)).strip("\n")


def _blocks(nodes: Sequence[SyntaxTreeNode], width: int, *, tight: bool = False) -> list[str]:
    """Lines of consecutive blocks, one empty line between them unless the list is tight."""
    lines: list[str] = []
    joins = True
    for node in nodes:
        block = _block(node, max(width, _MIN_WIDTH))
        if lines and block and not joins:
            lines.append("")
        lines.extend(block)
        joins = tight or node.type == "callout_title"
    return lines


def _block(node: SyntaxTreeNode, width: int) -> list[str]:  # noqa: PLR0911, PLR0912 - one answer for each kind
    match node.type:
        case "heading":
            title = _one_line(_inline(node))
            rule = "=" if node.tag == "h1" else "-"
            lines = _wrap(title, width)
            return [*lines, rule * min(width, max(map(len, lines), default=1))]
        case "paragraph":
            return _paragraph(node, width)
        case "bullet_list":
            return _list(node, ["- "] * len(node.children), width)
        case "ordered_list":
            first = int(node.attrs.get("start", 1))
            return _list(node, [f"{first + i}. " for i in range(len(node.children))], width)
        case "fence" | "code_block":
            return [f"    {line}" for line in node.content.rstrip("\n").split("\n")]
        case "hr":
            return ["* * *"]
        case "table":
            return _table(node, width)
        case "callout":
            return [f"| {line}".rstrip() for line in _blocks(node.children, width - 2)]
        case "quote_by":
            return _hanging("— ", _wrap(_inline(node), width - 2))
        case "blockquote" | "quote":
            return [f"> {line}".rstrip() for line in _blocks(node.children, width - 2)]
        case "button":
            return _address_below(next(each for each in node.walk() if each.type == "button_link"), width)
        case "figure":
            return _blocks(node.children, width, tight=True)
        case "events":
            return _events(node, width)
        case "endnotes":
            return _blocks(node.children, width)
        case "endnote":
            mark = f"[{node.meta['number']}] "
            return _hanging(mark, _blocks(node.children, width - len(mark)))
        case _:
            return _wrap(_inline(node), width)


def _list(node: SyntaxTreeNode, markers: Sequence[str], width: int) -> list[str]:
    tight = all(block.hidden for item in node.children for block in item.children if block.type == "paragraph")
    lines: list[str] = []
    for marker, item in zip(markers, node.children, strict=True):
        if lines and not tight:
            lines.append("")
        lines.extend(_hanging(marker, _blocks(item.children, width - len(marker), tight=tight)))
    return lines


def _paragraph(node: SyntaxTreeNode, width: int) -> list[str]:
    """A paragraph; one that is nothing but a link puts the address on a line of its own."""
    parts = [child for inline in node.children for child in inline.children]
    parts = [part for part in parts if part.type != "text" or part.content.strip()]
    while len(parts) == 1 and parts[0].type in {"strong", "em"}:
        parts = parts[0].children
    if len(parts) == 1 and parts[0].type == "link":
        return _address_below(parts[0], width)
    return _wrap(_inline(node), width)


def _address_below(link: SyntaxTreeNode, width: int) -> list[str]:
    """A link that people may want to follow by hand: its text, and its address alone on the next line."""
    text, address = _link_parts(link)
    if address and text and not _same(text, address):
        colon = ":" if text[-1].isalnum() else ""
        return [*_wrap(text + colon, width), address]
    return [address or text]


def _hanging(mark: str, lines: Sequence[str]) -> list[str]:
    """`lines` behind a mark, the others indented below the first."""
    indent = " " * len(mark)
    first, *rest = lines or [""]
    return [mark + first, *(indent + line if line else "" for line in rest)]


def _events(node: SyntaxTreeNode, width: int) -> list[str]:
    """What happens beside its date; below it where dates are long."""
    rows = [event.children for body in node.children for event in body.children]
    dates = [_one_line(_inline(when)) for when, _ in rows]
    size = max(map(len, dates)) + 2
    lines: list[str] = []
    for date, (_, what) in zip(dates, rows, strict=True):
        if size <= _MAX_DATE:
            lines += _hanging(date.ljust(size), _blocks(what.children, width - size))
        else:
            lines += [*_wrap(date, width), *_hanging("    ", _blocks(what.children, width - 4))]
    return lines


def _inline(node: SyntaxTreeNode) -> str:
    """Text of the inline nodes below `node`; hard breaks are line feeds."""
    return "".join(map(_span, node.children))


def _span(node: SyntaxTreeNode) -> str:  # noqa: PLR0911 - one answer for each kind of node
    match node.type:
        case "text":
            return _TAG.sub(lambda found: f"‹{found[1]}{'›' if found[2] else ''}", node.content)
        case "code_inline":
            return node.content
        case "softbreak":
            return " "
        case "hardbreak":
            return "\n"
        case "footnote_ref":
            return f"[{node.meta['number']}]"
        case "footnote_back":
            return ""
        case "image":
            alt = _one_line(_inline(node))
            return f"[{alt}]" if alt else ""
        case "link":
            text, address = _link_parts(node)
            if not address or _same(text, address):
                return text
            return f"{text} <{address}>" if text else f"<{address}>"
        case _:
            return _inline(node)


def _link_parts(node: SyntaxTreeNode) -> tuple[str, str]:
    """A link's text and printable address; in-page links have none."""
    href = str(node.attrs.get("href", ""))
    address = "" if href.startswith("#") else href.removeprefix("mailto:")
    return _one_line(_inline(node)), address


def _same(text: str, address: str) -> bool:
    """Whether the text is the address itself; addresses come percent-encoded, texts do not."""
    return unquote(text) == unquote(address)


def _one_line(text: str) -> str:
    """Line breaks and runs of spaces as one space; those that must not break stay."""
    return re.sub(r"[ \t\n]+", " ", text).strip(" ")


def _wrap(text: str, width: int) -> list[str]:
    lines: list[str] = []
    for line in text.split("\n"):
        lines.extend(textwrap.wrap(line.strip(" \t"), width, break_long_words=False, break_on_hyphens=False))
    return lines


def _table(node: SyntaxTreeNode, width: int) -> list[str]:
    """Aligned columns when they fit, else one `Heading: value` block for each row."""
    rows = [
        [_one_line(_inline(cell)) for cell in row.children] for section in node.children for row in section.children
    ]
    head, body = rows[0], rows[1:]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    if sum(widths) + 2 * (len(widths) - 1) <= width:
        rule = ["-" * max(1, size) for size in widths]
        return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in (head, rule, *body)]
    lines: list[str] = []
    for row in body:
        if lines:
            lines.append("")
        for name, cell in zip(head, row, strict=True):
            if cell:
                lines.extend(_wrap(f"{name}: {cell}" if name else cell, width))
    return lines

"""Pictures as a newsletter needs them: with a width, `{width=300}`, and a caption, `"…"`, where they stand alone."""

from __future__ import annotations

import re
from collections.abc import Sequence

from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from newsletter.content.values import Markdown
from newsletter.errors import ContentError

SHOWN_WIDTH = 536
"""Width of the text column in CSS pixels: the 600 px container less its gutters."""

MIN_WIDTH = 16

_BRACES = re.compile(r"\{([^{}\n]{0,200})\}")
_WIDTH = re.compile(r"""\s*width\s*=\s*(["']?)([0-9]{1,4})(px|%|)\1\s*""")


def find_size(state: StateInline, silent: bool) -> bool:
    """Inline rule of markdown-it for braces right behind a picture; `shown_width` reads what they say."""
    if silent or not state.tokens or state.tokens[-1].type != "image" or state.pending.strip():
        return False
    found = _BRACES.match(state.src, state.pos, state.posMax)
    if not found:
        return False
    state.pending = ""
    state.tokens[-1].meta["size"] = found[1]
    state.pos = found.end()
    return True


def shown_width(picture: Token, md: Markdown, line: int) -> int:
    """The width in CSS pixels that a picture may take: the column's, or less when its braces say so."""
    size = picture.meta.get("size")
    if size is None:
        return SHOWN_WIDTH
    width = 0
    if said := _WIDTH.fullmatch(size):
        width = round(SHOWN_WIDTH * int(said[2]) / 100) if said[3] == "%" else int(said[2])
    if not MIN_WIDTH <= width <= SHOWN_WIDTH:
        raise ContentError(
            f'"{{{size[:60]}}}" is not a width that a picture can have here.',
            path=md.path,
            line=line,
            hint=f"Write {{width=300}} (pixels, {MIN_WIDTH} to {SHOWN_WIDTH}) or {{width=50%}} (of the column).",
        )
    return width


def check(picture: Token, md: Markdown, line: int) -> None:
    """Raise ContentError when a picture has a width it cannot have, or a caption in the middle of a text."""
    shown_width(picture, md, line)
    if "title" in picture.attrs:
        raise ContentError(
            "A picture within a text cannot have a caption.",
            path=md.path,
            line=line,
            hint='Give it a paragraph of its own, or leave out the "…" behind its name.',
        )


def arrange(tokens: Sequence[Token]) -> list[Token]:
    """`tokens` with every paragraph that is one captioned picture, linked or not, made a figure."""
    done: list[Token] = []
    for token in tokens:
        done.append(token)
        if token.type != "paragraph_close" or not (picture := _alone(done[-2])) or "title" not in picture.attrs:
            continue
        caption = Token("text", "", 0, content=str(picture.attrs.pop("title")))
        done[-3:] = [
            Token("figure_open", "div", 1, attrs={"class": "figure"}, block=True, map=done[-3].map),
            done[-2],
            Token("caption_open", "p", 1, attrs={"class": "caption"}, block=True),
            Token("inline", "", 0, children=[caption]),
            Token("caption_close", "p", -1, block=True),
            Token("figure_close", "div", -1, block=True),
        ]
    return done


def _alone(inline: Token) -> Token | None:
    """The one picture of a paragraph that has nothing else but, perhaps, a link around it."""
    children = [child for child in inline.children or () if child.type not in {"link_open", "link_close"}]
    children = [child for child in children if child.type != "text" or child.content.strip()]
    return children[0] if len(children) == 1 and children[0].type == "image" else None

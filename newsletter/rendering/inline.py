"""The box around premailer, the only module that knows it.

premailer puts the theme's rules into style attributes, which most mail programs need. It is
unmaintained and has habits: it fetches what `@import` names, forces sizes on pictures, loses doctypes
and drops what it does not know. So it only ever sees our own theme, in a restricted dialect of CSS,
and what comes out is compared with what went in.
"""

from __future__ import annotations

import logging
import os
import re
import threading
from collections import Counter
from collections.abc import Iterator

import cssutils
import tinycss2

from newsletter.errors import RenderError
from newsletter.rendering.slots import TOKEN

# premailer keeps 128 parsed pieces of CSS; an issue in full dress needs more, and would be parsed anew each time.
os.environ.setdefault("PREMAILER_CACHE_MAXSIZE", "384")

from premailer import Premailer

DOCTYPE = "<!DOCTYPE html>"
_IGNORED = re.compile(r"<style\b[^>]*\bdata-premailer=\"ignore\"[^>]*>(.*?)</style>", re.DOTALL)
_STYLE = re.compile(r"<style\b(?P<attributes>[^>]*)>(?P<css>.*?)</style>", re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_LINK = re.compile(r"<link\b", re.IGNORECASE)
_IMAGE_SIZE = re.compile(r"<img\b[^>]*?\b(width|height)=[\"']([^\"']*)", re.DOTALL)
_lock = threading.Lock()


class _Complaints(logging.Handler):
    """Collects what cssutils would otherwise print: a rule it could not read is a rule it dropped."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(record.getMessage())


def _fetch_nothing(url: str) -> tuple[None, bytes]:
    """cssutils asks this for every `@import`, however it is spelt and whatever premailer allows."""
    return None, b""


_complaints = _Complaints()
_log = logging.getLogger("CSSUTILS")
_log.handlers[:] = [_complaints]
_log.propagate = False
cssutils.util._defaultFetcher = _fetch_nothing
cssutils.ser.prefs.minimizeColorHash = False


def inline_css(html: str) -> str:
    """`html` with the rules of its `<style>` block as style attributes; the block that says to ignore it stays.

    `html` is a whole document beginning with `<!DOCTYPE html>`. It holds exactly one
    `<style data-premailer="ignore">` (media queries, dark mode), and is never this function's own output.
    Raises `RenderError` when the theme's CSS leaves the dialect, or when the inliner changed anything it
    had to leave alone.
    """
    _check_input(html)
    with _lock:
        _complaints.heard.clear()
        result: str = Premailer(
            html,
            strip_important=True,
            keep_style_tags=False,
            disable_basic_attributes=["width", "height", "align"],
            disable_validation=True,
            cache_css_parsing=True,
            allow_network=False,
            allow_loading_external_files=False,
            disable_link_rewrites=True,
            exclude_pseudoclasses=True,
            include_star_selectors=False,
            remove_classes=False,
            align_floating_images=False,
            preserve_handlebar_syntax=False,
        ).transform(pretty_print=False)
        heard = list(_complaints.heard)
    if heard:
        raise _broken(f"The theme's CSS has an error: {heard[0]}")
    _check_output(html, result)
    return result


def _check_input(html: str) -> None:
    if not html.startswith(DOCTYPE):
        raise _broken(f"A layout must begin with {DOCTYPE}, in capitals, before anything else")
    if len(_IGNORED.findall(html)) != 1:
        raise _broken('A layout needs exactly one <style data-premailer="ignore"> block, and is inlined only once')
    if _LINK.search(_COMMENT.sub("", html)):
        raise _broken("A layout must not use <link>: mail programs do not fetch style sheets")
    for block in _STYLE.finditer(_COMMENT.sub("", html)):
        if "data-premailer" not in block["attributes"]:
            for line, words in dialect_problems(block["css"]):
                raise _broken(f"theme.css: line {line}: {words}")


def dialect_problems(css: str) -> Iterator[tuple[int, str]]:
    """What in `css` cannot be inlined faithfully: 1-based line and words; nothing for good style sheets."""
    for rule in tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True):
        line = rule.source_line
        if rule.type == "error":
            yield line, rule.message
        elif rule.type == "at-rule":
            is_import = rule.lower_at_keyword == "import"
            yield line, "@import is never fetched" if is_import else f"@{rule.lower_at_keyword} belongs in head.css"
        else:
            selector = tinycss2.serialize(rule.prelude).strip()
            if re.search(r"[:>+~*\[]", selector):
                yield line, f"the selector {selector!r} is more than types, classes and descendants"
            yield from _declaration_problems(rule.content)


def _declaration_problems(content: list[object]) -> Iterator[tuple[int, str]]:
    for declaration in tinycss2.parse_blocks_contents(content, skip_comments=True, skip_whitespace=True):
        line = declaration.source_line
        if declaration.type != "declaration":
            yield line, "this is not a declaration"
            continue
        value = tinycss2.serialize(declaration.value).strip()
        if declaration.important:
            yield line, "!important belongs in head.css"
        elif declaration.lower_name == "background":
            yield line, "write background-color, not the shorthand"
        elif re.search(r"\bvar\(|\brgba?\(|\bhsla?\(|\burl\(|#(?![0-9a-fA-F]{6}\b)", value):
            yield line, f"write {declaration.name} with a six-digit colour, not {value}"


def _check_output(before: str, after: str) -> None:
    if not after.startswith(DOCTYPE):
        raise _broken("The doctype was lost")
    if Counter(TOKEN.findall(before)) != Counter(TOKEN.findall(after)):
        raise _broken("A slot was lost or doubled")
    if "data-premailer" in after or _IGNORED.findall(before) != [
        block["css"] for block in _STYLE.finditer(_COMMENT.sub("", after))
    ]:
        raise _broken("The media queries were changed")
    if _COMMENT.findall(before) != _COMMENT.findall(after):
        raise _broken("A conditional comment was changed")
    if _IMAGE_SIZE.findall(before) != _IMAGE_SIZE.findall(after):
        raise _broken("The size of a picture was changed")


def _broken(what: str) -> RenderError:
    return RenderError(f"{what.rstrip('.')}.", hint="See templates/issue/layout.html for one that works.")

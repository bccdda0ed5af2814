"""What one message looks like under other people's conditions: at night, without pictures, without style sheets.

Readers meet the same bytes in very different programs. Every view is a function of the HTML alone, so that
the studio, the contact sheet and the matrix of pictures cannot disagree. A view that imitates a program
instead of switching something off says so: it is an approximation, and no proof.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from newsletter.errors import NotFoundError
from newsletter.rendering.clients import CLIENTS, as_client
from newsletter.rendering.inversion import inverted

WIDE = 680
"""CSS pixels of a window in which nothing has to be narrow: the mail's 600 and some of its page on both sides."""


@dataclass(frozen=True)
class View:
    """One way to look at a message."""

    key: str
    """Name in addresses and files."""
    title: str
    letter: str
    """The key that shows it in the studio."""
    group: str
    says: str
    """One sentence on what it stands for."""
    width: int = WIDE
    """CSS pixels of its window."""
    is_fixed: bool = False
    """Whether that width is the point of the view."""
    is_approximate: bool = False
    """Whether it imitates a program that we cannot run."""


MAIL_VIEWS = (
    View("desktop", "Desktop", "d", "Screens", "A wide window in daylight.", 840),
    View("phone", "Phone", "p", "Screens", "A phone in the hand.", 375, is_fixed=True),
    View("narrow", "Narrow", "n", "Screens", "The narrowest screen, or a phone with large type.", 320, is_fixed=True),
    View("dark", "Dark", "k", "At night", "The dark colours the theme itself brings (Apple Mail, Thunderbird)."),
    View(
        "forced",
        "Forced dark",
        "f",
        "At night",
        "No head styles, and every colour turned from light to dark: what Gmail's apps do.",
        is_approximate=True,
    ),
    View("pictureless", "Pictures off", "i", "With less", "Pictures blocked until the reader asks for them."),
    View("styleless", "No <style>", "s", "With less", "Head styles removed, as Gmail does for mail of other accounts."),
    *(View(each.key, each.title, each.letter, "Imitated", each.says, is_approximate=True) for each in CLIENTS),
)
"""Views of the HTML part."""

TEXT = View("text", "Plain text", "t", "With less", "The text part, for programs and people that prefer it.")
INBOX = View("inbox", "Inbox row", "b", "With less", "From, subject and preheader, cut as lists of mail cut them.")
VIEWS = (*MAIL_VIEWS[:7], TEXT, INBOX, *MAIL_VIEWS[7:])
"""Every view, in the order of the studio."""

Address = Callable[[str], str]
"""Where the picture of a media name is to be had."""

_STYLE = re.compile(r"(<style\b[^>]*>)(.*?)(</style\s*>)", re.DOTALL | re.IGNORECASE)
_SCHEME = re.compile(r"\(\s*prefers-color-scheme\s*:\s*([a-z-]+)\s*\)", re.IGNORECASE)
_ALWAYS, _NEVER = "(min-width:0)", "(max-width:0)"
_SOURCE = re.compile(r"(<img\b[^>]*?\ssrc=)(?:\"[^\"]*\"|'[^']*')", re.IGNORECASE)
_OTHER_SOURCES = re.compile(r"\s(?:srcset|background)=(?:\"[^\"]*\"|'[^']*')", re.IGNORECASE)
_URL = re.compile(r"url\([^)]*\)", re.IGNORECASE)
_HEAD_END = re.compile(r"</head\s*>", re.IGNORECASE)
_PICTURE = re.compile(
    r"(?<=[\"'(])(?:https?://[^\s\"'()<>]{1,500}?/media/|cid:)([0-9a-f]{64}\.[a-z]{2,5})(?:@[A-Za-z0-9.-]+)?"
)


def view(key: str) -> View:
    """The view of that name. Raises `NotFoundError`."""
    for each in VIEWS:
        if each.key == key:
            return each
    raise NotFoundError(f"There is no view {key!r}.", hint=f"Known are {', '.join(each.key for each in VIEWS)}.")


def seen(html: str, key: str) -> str:
    """The HTML part as the mail view `key` shows it, a whole document. Raises `NotFoundError`."""
    make = _MAKERS.get(key)
    if make is None:
        raise NotFoundError(f"There is no view {key!r} of the HTML part.", hint=f"Known are {', '.join(_MAKERS)}.")
    return make(html)


def with_pictures(html: str, address: Address) -> str:
    """`html` with our own pictures (`…/media/<name>`, `cid:<name>@…`) taken from where `address` says.

    Readers find pictures at the public address after launch, and nobody before.
    """
    return _PICTURE.sub(lambda found: address(found[1]), html)


def by_day(html: str) -> str:
    """As a program in its light mode shows it, whatever the browser around it prefers."""
    return _pinned(html, "light")


def by_night(html: str) -> str:
    """As a program in its dark mode shows it that obeys the theme's own dark rules."""
    return _pinned(html, "dark")


def without_pictures(html: str) -> str:
    """Every picture replaced by nothing, so that its alternative text shows in the place kept for it."""
    bare = _OTHER_SOURCES.sub("", _SOURCE.sub(r'\1"data:,"', html))
    return by_day(_URL.sub("none", bare))


def without_styles(html: str) -> str:
    """Only what stands in style attributes is left."""
    return by_day(_STYLE.sub("", html))


def forced_dark(html: str) -> str:
    """Without head styles, light and dark exchanged in every colour; pictures stay as they are."""
    return by_night(inverted(_STYLE.sub("", html)))


def _pinned(html: str, scheme: str) -> str:
    """`html` in one colour scheme: a frame cannot be asked for another one than its window has."""

    def answered(block: re.Match[str]) -> str:
        css = _SCHEME.sub(lambda asked: _ALWAYS if asked[1].lower() == scheme else _NEVER, block[2])
        return f"{block[1]}{css}{block[3]}"

    pin = f"<style>:root{{color-scheme:{scheme}!important}}</style>"
    pinned = _STYLE.sub(answered, html)
    if _HEAD_END.search(pinned):
        return _HEAD_END.sub(lambda end: pin + end[0], pinned, count=1)
    return pin + pinned


_MAKERS: dict[str, Callable[[str], str]] = {
    "desktop": by_day,
    "phone": by_day,
    "narrow": by_day,
    "dark": by_night,
    "forced": forced_dark,
    "pictureless": without_pictures,
    "styleless": without_styles,
    **{each.key: (lambda html, client=each: by_day(as_client(html, client))) for each in CLIENTS},  # type: ignore[misc]
}

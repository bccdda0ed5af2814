"""How words are written: the known one nearest to one that is not, and how file names and addresses take them.

Both are asked for by commands and by what reads content, so they stand below all of it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_SPELT_OUT = str.maketrans(
    {
        "ä": "ae",
        "ö": "oe",
        "ü": "ue",
        "ß": "ss",
        "æ": "ae",
        "œ": "oe",
        "ø": "o",
        "ł": "l",
        "đ": "d",
        "ð": "d",
        "þ": "th",
    }
)


def nearest(word: str, known: Iterable[str], cutoff: float = 0.5) -> str:
    """The word among `known` most like `word`, or nothing when none is as like as `cutoff` (0 to 1)."""
    from difflib import get_close_matches  # only needed by who has made a mistake

    return next(iter(get_close_matches(word, sorted(known), n=1, cutoff=cutoff)), "")


def hint(word: str, known: Iterable[str]) -> str:
    """The remedy for a word that is not known: the nearest one, or all of them."""
    choices = sorted(known)
    near = nearest(word, choices)
    return f"Did you mean {near}?" if near else f"Known: {', '.join(choices)}."


def slug(text: str, most: int) -> str:
    """`Der gerade Rücken` → `der-gerade-ruecken`: a-z, 0-9 and hyphens, at most `most` characters, cut between words.

    Empty when nothing of `text` can be written so.
    """
    spelt = unicodedata.normalize("NFC", text).lower().translate(_SPELT_OUT)
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", spelt) if not unicodedata.combining(letter))
    words = re.sub(r"[^a-z0-9]+", "-", re.sub(r"['’]", "", plain)).strip("-")
    if len(words) > most:
        words = words[: most + 1].rpartition("-")[0] or words[:most]
    return words

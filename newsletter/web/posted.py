"""What a post brings along, read with care: a form in UTF-8, the page it says it stood on, and no more than is read.

Visitors are strangers, and what they send need not be what a browser would send. Here it becomes a value or a plain
refusal, never a surprise further in.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import SplitResult, unquote_to_bytes, urlsplit

from flask import abort, request
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.utilities import RequestEntityTooLarge
from werkzeug.datastructures import MultiDict

URLENCODED = "application/x-www-form-urlencoded"
FORM_TYPES = frozenset({URLENCODED, "multipart/form-data"})

MOST_DISCARDED = 64 * 1024 * 1024
"""Octets of a refused body that are read and thrown away; beyond that the line is closed."""


def form() -> MultiDict[str, str]:
    """The posted form: 415 for anything else, 400 for octets that are no UTF-8.

    Forms of ours and copies of them say that they are UTF-8 (HTML §4.10.21). Werkzeug would keep other octets as
    `%FF`, and somebody would be asked to confirm an address that nobody has typed.
    """
    if request.mimetype not in FORM_TYPES:
        abort(415)
    if request.mimetype == URLENCODED:
        try:
            unquote_to_bytes(request.get_data()).decode("utf-8")
        except UnicodeDecodeError:
            abort(400)
    return request.form


def origin() -> SplitResult:
    """The page a browser says the post comes from; empty when it says nothing, or something that is no address."""
    try:
        return urlsplit(request.headers.get("Origin", ""))
    except ValueError:
        return urlsplit("")


class _Patient(HTTPRequestParser):  # type: ignore[misc]
    """Reads a body that is too large to its end, and keeps nothing of it.

    Who is cut off in the middle of sending sees a broken connection instead of our page. The application gets no
    body and refuses it by its length.
    """

    error: Any = None
    _left = 0

    def received(self, data: bytes) -> int:
        """See waitress: how many octets were taken."""
        if self._left:
            taken = min(len(data), self._left)
            self._left -= taken
            self.completed = not self._left
            return taken
        taken = int(super().received(data))
        is_too_much = isinstance(self.error, RequestEntityTooLarge)
        if self.completed and is_too_much and self.content_length <= MOST_DISCARDED and not self.chunked:
            self._left, self.completed, self.error, self.body_rcv = self.content_length, False, None, None
        return taken


class PatientChannel(HTTPChannel):  # type: ignore[misc]
    """A connection of waitress whose sender may finish."""

    parser_class = _Patient

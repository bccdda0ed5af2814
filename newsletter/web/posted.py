"""What a post brings along, read with care: a form in UTF-8, and the page it says it stood on.

Visitors are strangers, and what they send need not be what a browser would send. Here it becomes a value or a plain
refusal, never a surprise further in.
"""

from __future__ import annotations

from urllib.parse import SplitResult, unquote_to_bytes, urlsplit

from flask import abort, request
from werkzeug.datastructures import MultiDict

URLENCODED = "application/x-www-form-urlencoded"
FORM_TYPES = frozenset({URLENCODED, "multipart/form-data"})


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

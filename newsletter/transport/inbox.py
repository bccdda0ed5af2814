"""The sandbox's mail as a person wants to look at it: newest first, headers decoded, parts taken apart.

Everything here is read from foreign bytes: sizes, depth and time are bounded, and the parser is the
lazy `compat32` one, because the modern policies can be made to run for seconds on a hostile header.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.errors import MessageError
from email.header import Header, decode_header
from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import compat32
from pathlib import Path

from newsletter.errors import NotFoundError
from newsletter.transport.maildrop import Maildrop
from newsletter.transport.replies import printable

FROM_HEADER = "X-Sandbox-Envelope-From"
TO_HEADER = "X-Sandbox-Envelope-To"

_HEAD = 65536
_VALUE = 4000
_PARTS = 500
_LARGEST = 40_000_000
_ID = re.compile(r"\d{6,12}")
_PICTURES = frozenset({"image/gif", "image/jpeg", "image/png", "image/webp"})


@dataclass(frozen=True)
class StoredMail:
    """One message in the sandbox, as a list shows it."""

    id: str
    """What `read` takes: the number of its file, as text."""
    received_at: datetime
    sender: str
    """Envelope sender."""
    recipient: str
    """Envelope recipient; several are joined by commas."""
    subject: str
    path: Path
    size: int
    """In bytes, the sandbox's own headers included."""


@dataclass(frozen=True)
class ParsedMail:
    """One message taken apart. `html` and `text` are the first part of that kind, None without one."""

    mail: StoredMail
    html: str | None
    text: str | None
    headers: tuple[tuple[str, str], ...]
    """In order, decoded, the sandbox's own left out."""
    attachments: int
    embedded: Mapping[str, tuple[str, bytes]]
    """Media type and bytes of pictures the HTML shows from inside the mail, by Content-ID (RFC 2392)."""

    def header(self, name: str) -> str:
        """The first header of that name, or empty."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")


def messages(folder: Path, *, limit: int | None = None) -> list[StoredMail]:
    """What is in the sandbox under `folder`, newest first, at most `limit`."""
    found: list[StoredMail] = []
    for number in sorted(Maildrop(folder).numbers(), reverse=True):
        if limit is not None and len(found) >= limit:
            break
        try:
            found.append(_summary(Maildrop(folder).path(number)))
        except FileNotFoundError:  # cleared while we were looking
            continue
    return found


def read(folder: Path, id: str) -> ParsedMail:
    """The message `id` taken apart. Raises `NotFoundError` when there is none."""
    path = folder / f"{id}.eml"
    try:
        if not _ID.fullmatch(id):
            raise FileNotFoundError(id)
        mail = _summary(path)
        with path.open("rb") as file:
            data = file.read(_LARGEST)
    except FileNotFoundError as error:
        raise NotFoundError(f"There is no message {printable(id, 20)} in the sandbox.") from error
    html = text = None
    attachments = 0
    embedded: dict[str, tuple[str, bytes]] = {}
    try:
        message = message_from_bytes(data, policy=compat32)
        for count, part in enumerate(message.walk()):
            if count >= _PARTS:
                break
            if part.is_multipart():
                continue
            kind = part.get_content_type()
            if kind in _PICTURES and part["Content-ID"]:
                embedded[str(part["Content-ID"]).strip().strip("<>")] = (kind, _bytes(part))
            elif part.get_filename() or part.get_content_disposition() == "attachment":
                attachments += 1
            elif kind == "text/html" and html is None:
                html = _payload(part)
            elif kind == "text/plain" and text is None:
                text = _payload(part)
            else:
                attachments += 1
    except (MessageError, RecursionError, ValueError, LookupError):
        text = text if text is not None else data[:_HEAD].decode("utf-8", "replace")
    ours = {FROM_HEADER.lower(), TO_HEADER.lower()}
    headers = tuple((name, value) for name, value in _headers(data[:_HEAD]) if name.lower() not in ours)
    return ParsedMail(mail, html, text, headers, attachments, embedded)


def clear(folder: Path) -> int:
    """Empty the sandbox; how many messages there were."""
    return Maildrop(folder).clear()


def stamp(sender: str, recipients: list[str], message: bytes) -> bytes:
    """The message as it is stored: two headers about the envelope in front, the rest untouched."""
    lines = [f"{FROM_HEADER}: {_encoded(sender)}", f"{TO_HEADER}: {_encoded(', '.join(recipients))}"]
    return "".join(f"{line}\r\n" for line in lines).encode("ascii") + message


def _encoded(value: str) -> str:
    value = printable(value, _VALUE)
    return value if value.isascii() else Header(value, "utf-8", maxlinelen=10 * _VALUE).encode()


def _summary(path: Path) -> StoredMail:
    with path.open("rb") as file:
        head = file.read(_HEAD)
    status = path.stat()
    first: dict[str, str] = {}
    for name, value in _headers(head):
        first.setdefault(name.lower(), value)
    return StoredMail(
        id=path.stem,
        received_at=datetime.fromtimestamp(status.st_mtime, UTC),
        sender=first.get(FROM_HEADER.lower(), ""),
        recipient=first.get(TO_HEADER.lower(), ""),
        subject=first.get("subject", ""),
        path=path,
        size=status.st_size,
    )


def _headers(head: bytes) -> list[tuple[str, str]]:
    end = re.search(rb"\r?\n\r?\n", head)
    message = BytesHeaderParser(policy=compat32).parsebytes(head[: end.end()] if end else head)
    return [(name, _decoded(str(value))) for name, value in message.raw_items()]


def _decoded(raw: str) -> str:
    raw = raw[:_VALUE].encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    try:
        pieces = decode_header(raw)
        value = "".join(
            piece if isinstance(piece, str) else piece.decode(charset or "ascii", "replace")
            for piece, charset in pieces
        )
    except (MessageError, ValueError, LookupError):
        value = raw
    return printable(value, _VALUE)


def _bytes(part: Message) -> bytes:
    data = part.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""


def _payload(part: Message) -> str:
    data = _bytes(part)
    try:
        return data.decode(part.get_content_charset("utf-8"), "replace")
    except LookupError:
        return data.decode("utf-8", "replace")

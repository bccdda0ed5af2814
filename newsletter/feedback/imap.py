"""An IMAP folder as a mailbox (RFC 3501, RFC 9051), over TLS, with nothing but what every server has.

A message is named by UIDVALIDITY and UID, which mean it and no other for good (RFC 3501 §2.3.1.1). Only `MOVE`
(RFC 6851) and `UIDPLUS` (RFC 4315) are used beyond the base when they are there.
"""

from __future__ import annotations

import contextlib
import imaplib
import re
import ssl
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from newsletter.feedback.mailbox import BATCH, Letter, MailboxError, Place

SECONDS = 60.0
"""For every answer of the server."""

_ITEM = re.compile(rb"UID (\d+)")
_SIZE = re.compile(rb"RFC822\.SIZE (\d+)")
_DELIMITER = re.compile(rb'\(.*?\) "(.)"')


class Imap:
    """One folder of one account, opened."""

    def __init__(self, place: Place, password: str, tls: ssl.SSLContext | None) -> None:
        self.name = f"{place.scheme}://{place.user}@{place.host}:{place.port}/{place.folder}"[-255:]
        self._host = place.host
        self._folders: dict[str, str] = {}
        with self._sentences():
            if tls is None:
                self._imap = imaplib.IMAP4(place.host, place.port, timeout=SECONDS)
            else:
                self._imap = imaplib.IMAP4_SSL(place.host, place.port, ssl_context=tls, timeout=SECONDS)
        try:
            self._log_in(place, password)
            self._folder_name = _quoted(place.folder)
        except BaseException:
            self.close()
            raise

    def waiting(self) -> Sequence[Letter]:
        """The first messages of the folder, by their present numbers."""
        with self._sentences():
            exists = int(self._ask("SELECT", self._folder_name)[0] or 0)
            validity = int((self._imap.response("UIDVALIDITY")[1] or [b"0"])[0] or 0)
            if not exists:
                return []
            # Deliberately no SEARCH: its answer is one line, which imaplib refuses when the folder is large.
            answers = self._ask("FETCH", f"1:{min(BATCH, exists)}", "(UID RFC822.SIZE)")
        found = []
        for answer in answers:
            line = answer[0] if isinstance(answer, tuple) else answer
            uid, size = _ITEM.search(line or b""), _SIZE.search(line or b"")
            if uid and size:
                found.append(Letter(f"{validity}.{int(uid[1])}", int(size[1])))
        return found

    def fetch(self, letter: Letter) -> bytes | None:
        """The whole message, without marking it as seen."""
        with self._sentences():
            answers = self._ask("UID", "FETCH", _uid(letter), "(UID BODY.PEEK[])")
        return next((bytes(answer[1]) for answer in answers if isinstance(answer, tuple)), None)

    def put_away(self, letter: Letter, folder: str | None) -> None:
        """Move or delete by UID."""
        with self._sentences():
            try:
                self._move(_uid(letter), folder)
            except imaplib.IMAP4.abort:
                raise
            except imaplib.IMAP4.error:
                if self._is_there(_uid(letter)):  # else another reader was quicker
                    raise

    def expire(self, folder: str, before: datetime) -> int:
        """Delete by the day a message came to the account (INTERNALDATE)."""
        with self._sentences():
            if not self._has(folder):
                return 0
            selected = self._folder(folder)
            self._ask("SELECT", _quoted(selected))
            day = f"{before.day}-{_MONTHS[before.month - 1]}-{before.year}"
            uids = (self._ask("UID", "SEARCH", "BEFORE", day)[0] or b"").split()
            for start in range(0, len(uids), BATCH):
                self._remove(b",".join(uids[start : start + BATCH]).decode("ascii"))
        return len(uids)

    def close(self) -> None:
        """Log out."""
        with contextlib.suppress(OSError, imaplib.IMAP4.error):
            self._imap.logout()

    # -- the protocol --------------------------------------------------------------------------

    def _log_in(self, place: Place, password: str) -> None:
        with self._sentences(during_login=True):
            self._imap.login(place.user, password)
            status, answers = self._imap.capability()  # some are told only after the login
            if status == "OK" and answers and isinstance(answers[0], bytes):
                self._imap.capabilities = tuple(answers[0].decode("ascii", "replace").upper().split())

    def _ask(self, *words: str) -> list[Any]:
        command, *rest = words
        status, answers = self._imap.uid(*rest) if command == "UID" else _METHODS[command](self._imap, *rest)
        if status != "OK":
            said = b" ".join(each for each in answers if isinstance(each, bytes)).decode("utf-8", "replace")
            raise imaplib.IMAP4.error(f"{' '.join(words[:2])}: {said[:200]}")
        return list(answers)

    def _move(self, uid: str, folder: str | None) -> None:
        if folder is not None:
            target = _quoted(self._folder(folder))
            if "MOVE" in self._imap.capabilities:
                self._ask("UID", "MOVE", uid, target)
                return
            self._ask("UID", "COPY", uid, target)
        self._remove(uid)

    def _is_there(self, uid: str) -> bool:
        return any(_ITEM.search(each or b"") for each in self._ask("UID", "FETCH", uid, "(UID)"))

    def _has(self, folder: str) -> bool:
        return any(self._listed(name) for name in (folder, f"INBOX{self._delimiter()}{folder}"))

    def _listed(self, name: str) -> bool:
        return any(answer for answer in self._ask("LIST", '""', _quoted(name)))

    def _delimiter(self) -> str:
        found = _DELIMITER.match(next((each for each in self._ask("LIST", '""', '""') if each), b""))
        return found[1].decode("ascii", "replace") if found else "/"

    def _folder(self, folder: str) -> str:
        """The name of a folder on this server, which may want everything below INBOX; made when it is not there."""
        if folder not in self._folders:
            nested = f"INBOX{self._delimiter()}{folder}"
            known = next((name for name in (folder, nested) if self._listed(name)), None)
            if known is None:
                known = folder if self._imap.create(_quoted(folder))[0] == "OK" else nested
                if known == nested:
                    self._ask("CREATE", _quoted(nested))
            self._folders[folder] = known
        return self._folders[folder]

    def _remove(self, uids: str) -> None:
        self._ask("UID", "STORE", uids, "+FLAGS.SILENT", r"(\Deleted)")
        if "UIDPLUS" in self._imap.capabilities:
            self._ask("UID", "EXPUNGE", uids)
        else:
            self._ask("EXPUNGE")

    @contextlib.contextmanager
    def _sentences(self, *, during_login: bool = False) -> Iterator[None]:
        try:
            yield
        except ssl.SSLCertVerificationError as error:
            raise MailboxError(
                f"The certificate of {self._host} cannot be trusted ({error.verify_message}).",
                hint="Name its authority in [feedback] ca_file, or mend the certificate.",
            ) from error
        except (OSError, imaplib.IMAP4.error, ValueError) as error:
            said = str(error).strip("b'\"") or type(error).__name__
            hint = "Look at host, port and folder in [feedback] mailbox; it is tried again later."
            if during_login:
                hint = "Look at the user in [feedback] mailbox and at NEWSLETTER_FEEDBACK__PASSWORD."
            raise MailboxError(
                f"The mailbox on {self._host} cannot be read ({said[:200].rstrip('.')}).", hint=hint
            ) from error


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_METHODS: dict[str, Any] = {
    "SELECT": imaplib.IMAP4.select,
    "FETCH": imaplib.IMAP4.fetch,
    "LIST": imaplib.IMAP4.list,
    "CREATE": imaplib.IMAP4.create,
    "EXPUNGE": imaplib.IMAP4.expunge,
}


def _uid(letter: Letter) -> str:
    return letter.place.partition(".")[2]


def _quoted(name: str) -> str:
    """A folder's name as a quoted string (RFC 3501 §4.3)."""
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'

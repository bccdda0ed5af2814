"""A transport that writes each message to a folder as an .eml file, byte for byte as it would be sent.

For looking at copies without any server, and for handing them to somebody who has one.
"""

from __future__ import annotations

from pathlib import Path

from newsletter.errors import TransportUnavailable
from newsletter.transport.base import Outcome, Phase, Settle, Take, Verdict
from newsletter.transport.maildrop import Maildrop


class OutboxTransport:
    """Accepts everything that can be written to `folder`, one file per message."""

    def __init__(self, folder: Path) -> None:
        self._maildrop = Maildrop(folder)

    def run(self, take: Take, settle: Settle) -> None:
        """See `Transport.run`. A folder that cannot be written to raises `TransportUnavailable`."""
        while (envelope := take()) is not None:
            if envelope in settle((), (envelope,)):
                continue
            try:
                path = self._maildrop.add(envelope.message)
            except OSError as error:
                text = f"The outbox {self._maildrop.folder} cannot be written to: {error.strerror or error}."
                settle(((envelope, Outcome(Verdict.DEFERRED, Phase.CONNECT, text=text[:500], session=True)),), ())
                raise TransportUnavailable(text, hint="Make room or mend its permissions, and go on.") from error
            accepted = Outcome(Verdict.ACCEPTED, Phase.DOT, 250, "2.0.0", f"written to {path.name}")
            settle(((envelope, accepted),), ())

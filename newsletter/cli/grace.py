"""How long a command that was told to stop waits for the messages on the wire.

A receiver may take its time after the final dot, and silence there means a copy in doubt; but whoever stops
a service wants it gone before the system kills it (systemd waits 90 seconds, containers 10 to 30).
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from newsletter.transport.smtp import SmtpTransport

GRACE = 30.0
"""Seconds."""

AGAIN = 0.5


def breaks_off(transport: SmtpTransport, over: threading.Event, *, after: float) -> None:
    """Abort the transport in `after` seconds unless `over` is set by then, and again until it is.

    In a thread of its own, because the one that was interrupted may hold the lock that `abort` takes; and again,
    because between two runs there is nothing to abort.
    """

    def wait() -> None:
        pause = after
        while not over.wait(pause):
            transport.abort()
            pause = AGAIN

    threading.Thread(target=wait, name="newsletter-grace", daemon=True).start()

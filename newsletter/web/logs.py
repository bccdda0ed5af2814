"""Where log lines of a server go: to one stream, redacted, whoever wrote them.

That holds for faults of our own, for those of the web server below us, and for threads that die; they all quote
requests.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from newsletter.redaction import redacted

log = logging.getLogger("newsletter")
ACCESS = logging.getLogger("newsletter.web.access")
"""Hears of every request (`access_log`)."""


class Redacting(logging.Formatter):
    """Formats a record, traceback and all, and takes people and keys out of the result."""

    def format(self, record: logging.LogRecord) -> str:
        """One record as text."""
        return redacted(super().format(record))


@contextmanager
def told_to(stream: TextIO, *, requests: bool) -> Iterator[None]:
    """Until the block ends, warnings and errors go to `stream`, and with `requests` a line for each request."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(Redacting("%(message)s"))
    root = logging.getLogger()
    before = ACCESS.level, threading.excepthook
    root.addHandler(handler)
    ACCESS.setLevel(logging.INFO if requests else logging.WARNING)
    threading.excepthook = _died
    try:
        yield
    finally:
        threading.excepthook = before[1]
        ACCESS.setLevel(before[0])
        root.removeHandler(handler)


def _died(arguments: threading.ExceptHookArgs) -> None:
    name = arguments.thread.name if arguments.thread else "a thread"
    if arguments.exc_value is not None and not isinstance(arguments.exc_value, SystemExit):
        log.error("%s has ended", name, exc_info=arguments.exc_value)

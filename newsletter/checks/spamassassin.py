"""Runs SpamAssassin over one message, with its local rules only: nothing leaves this machine."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence

from newsletter.checks.extras import Hit
from newsletter.errors import NewsletterError

SECONDS = 60.0
_HIT = re.compile(r"^\s*(-?\d+\.\d+)\s+([A-Z][A-Z0-9_]+)\s+(.*(?:\n {20,}\S.*)*)", re.MULTILINE)


def require() -> None:
    """Raise `NewsletterError` unless SpamAssassin is installed."""
    if shutil.which("spamassassin") is None:
        raise NewsletterError(
            "SpamAssassin is not installed, so --spam cannot ask it.",
            hint="Install it (Debian: apt install spamassassin), or leave --spam out.",
        )


def score(message: bytes) -> Sequence[Hit]:
    """The rules that match `message`. Raises `NewsletterError` when the program cannot do its work."""
    require()
    try:
        done = subprocess.run(
            ["spamassassin", "--test-mode", "--local"],  # noqa: S607 - whichever one is installed
            input=message,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise NewsletterError(f"SpamAssassin did not finish within {SECONDS:g} seconds.", hint="Try again.") from error
    hits = report(done.stdout.decode("utf-8", "replace"))
    if not hits and b"Content analysis details" not in done.stdout:
        words = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise NewsletterError(
            f"SpamAssassin gave no report: {words[-1] if words else f'it ended with {done.returncode}'}.",
            hint="Run `spamassassin --lint` to see what it misses.",
        )
    return hits


def report(text: str) -> Sequence[Hit]:
    """The hits in the report that SpamAssassin appends to a message."""
    _, found, table = text.rpartition("Content analysis details")
    if not found:
        return ()
    return tuple(Hit(float(hit[1]), hit[2], " ".join(hit[3].split())) for hit in _HIT.finditer(table))

"""Every error a person can meet, in one tree.

Expected results are values; what is left are surprises, and each of them is one sentence that says
what happened plus a hint that says what to do. The command line prints both and exits with the
class's `exit_code`; nothing else in the house chooses exit codes.
"""

from __future__ import annotations

from pathlib import Path


class NewsletterError(Exception):
    """Something went wrong."""

    exit_code = 1

    def __init__(self, message: str = "", *, hint: str = "") -> None:
        self.message = message or (type(self).__doc__ or "Something went wrong.").splitlines()[0]
        self.hint = hint
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class ConfigError(NewsletterError):
    """The configuration cannot be used."""

    exit_code = 3


class StoreError(NewsletterError):
    """The database cannot be used."""


class ConflictError(StoreError):
    """Two writers were in each other's way; this one was undone and can simply try again."""


class SchemaError(StoreError):
    """The database schema does not match this version of the program."""

    exit_code = 3


class StateError(NewsletterError):
    """That step is not possible from the present state."""

    exit_code = 4


class RefusedError(NewsletterError):
    """The program declined to do this."""

    exit_code = 4


class NotFoundError(NewsletterError):
    """There is no such thing."""


class AddressError(NewsletterError):
    """That is not an e-mail address this program can mail."""


class TokenError(NewsletterError):
    """That link is not valid."""


class RenderError(NewsletterError):
    """The message cannot be rendered."""


class TransportUnavailable(NewsletterError):
    """The mail server cannot be used right now."""


class ContentError(NewsletterError):
    """Something under issues/ or templates/ is wrong, at a file and a line (1-based, 0 = whole file)."""

    def __init__(self, message: str, *, path: Path, line: int = 0, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.path = path
        self.line = line

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else str(self.path)
        return f"{place}: {super().__str__()}"

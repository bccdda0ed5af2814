"""What comes back: whether anybody reads bounces and complaints, and can open the mailbox they are in.

A list whose bounces nobody reads goes on mailing addresses that are dead, until receivers refuse the rest as well.
"""

from __future__ import annotations

from collections.abc import Iterator

from newsletter.doctor.case import Case
from newsletter.doctor.findings import Finding, error, ok, skipped, warning
from newsletter.errors import NewsletterError


def examine(case: Case) -> Iterator[Finding]:
    """Look at the return path, and open the mailbox once."""
    if case.is_trying:
        yield skipped("returns.reading", "Nothing comes back while mail stays on this machine.")
        return
    yield from _reading(case)
    if case.config.feedback.mailbox:
        yield from _mailbox(case)


def _reading(case: Case) -> Iterator[Finding]:
    feedback, hooks = case.config.feedback, case.config.webhooks
    is_told = any(getattr(hooks, name) for name in type(hooks).model_fields)
    if not feedback.mailbox and not is_told:
        yield warning(
            "returns.reading",
            "Nobody reads what comes back: dead addresses are mailed again, and complaints stay unheard. "
            "(`newsletter feedback read -`, called by a mail server, cannot be seen from here.)",
            "Set [feedback] return_path and mailbox, or [webhooks] if your relay posts bounces; see docs/feedback.md.",
        )
    elif feedback.mailbox and not feedback.return_path:
        yield warning(
            "returns.reading",
            "The mailbox is read, but envelope senders name nobody: of many bounces nobody can say whom they mean.",
            "Set [feedback] return_path to a domain whose mail goes to that mailbox, whatever stands before the @.",
        )
    else:
        how = "from the mailbox" if feedback.mailbox else "from the relay's webhook"
        yield ok("returns.reading", f"What comes back is read {how}.")


def _mailbox(case: Case) -> Iterator[Finding]:
    try:
        name = case.open_mailbox()
    except NewsletterError as refused:
        yield error("returns.mailbox", refused.message, refused.hint or "Check [feedback] mailbox and its password.")
    else:
        yield ok("returns.mailbox", f"The mailbox {name} can be opened.")

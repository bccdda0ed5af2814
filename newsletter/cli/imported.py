"""What an import tells: its counts in a sentence, its rows one by one, and what should be known beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from newsletter.cli.console import Console, plural

if TYPE_CHECKING:
    from newsletter.site import Site
    from newsletter.subscribers.importing.bring import Brought
    from newsletter.subscribers.importing.deciding import Entry
    from newsletter.subscribers.intake import Terms


def tell(console: Console, brought: Brought, terms: Terms, site: Site) -> None:
    """What the operator should know beside the counts."""
    from newsletter.subscribers import transfer

    if brought.read_as:
        console.note(f"Read as {brought.read_as}.")
    elif note := transfer.describe_ignored(brought.ignored, site.config.fields):
        console.warn(note)
    if brought.rows_before:
        console.note(f"Gone on behind the {plural(brought.rows_before, 'row')} that were in already.")
    if terms.confirmed and terms.consented_at is None:
        console.note("Where a row had no date of consent, today's is on record as when you vouched for it.")
    elif terms.basis and not terms.confirmed and brought.report.pending:
        console.note(
            f"{brought.report.pending} are pending: a reader needs a date of consent too, "
            "in a column consented_at or by --consented-at."
        )


def counts(brought: Brought, terms: Terms) -> str:
    """Every row in one sentence."""
    report = brought.report
    asked = f", {report.invited} asked to confirm" if terms.send_confirmations else ""
    others = ((report.left, "recorded as left"), (report.suppressed, "suppressed"))
    taken = "".join(f", {number} {what}" for number, what in others if number)
    return (
        f"{report.rows} rows: {report.added} added, {report.updated} updated, {report.unchanged} unchanged, "
        f"{report.refused} refused ({report.confirmed} confirmed, {report.pending} pending{taken}{asked})."
    )


def said(entry: Entry) -> str:
    """A row and what is to be known about it."""
    return f"line {entry.row}: {entry.email or '(no address)'}: {entry.reason}"


def state(entry: Entry) -> str:
    """What a row comes to, in a word or two."""
    return f"{entry.effect} ({entry.standing})" if entry.standing else str(entry.effect)


def as_dict(entry: Entry) -> dict[str, Any]:
    """A row for `--json`."""
    return {
        **{"row": entry.row, "email": entry.email, "action": entry.effect.value},
        **{"standing": entry.standing, "reason": entry.reason},
    }

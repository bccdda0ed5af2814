"""What a rehearsal tells: figures for people, and the same as one document."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from newsletter.cli import faults as wording
from newsletter.cli.console import Console, plural, table

if TYPE_CHECKING:
    from newsletter.campaigns.launch import Order
    from newsletter.campaigns.rehearsal import Least, Review
    from newsletter.transport.sandbox import Faults

SHOWN = 10
"""Receiving providers in the table."""


@dataclass(frozen=True)
class Run:
    """What was measured."""

    review: Review
    seconds: float
    """From the launch to the end, a pause for a second try included."""
    launch_seconds: float
    wire_seconds: float
    tries_seconds: float
    """Until there were as many outcomes as readers."""
    connections: int
    memory_before: int
    """The peak before the first copy: what rendering and launching took, in bytes."""
    peak_memory: int
    least: Least | None
    gave_up: str
    """Why the sender left the stand-in alone before the end, as it leaves a relay that cannot be used."""

    @property
    def rate(self) -> float:
        """Messages a second; what was left untried does not count."""
        return (self.review.audience - self.review.untried) / max(self.tries_seconds, 0.001)


def report(console: Console, order: Order, run: Run, faults: Faults, earlier: int | None) -> None:
    """Answer. `earlier` is the campaign that launched this issue before, if one did."""
    found = run.review
    document: dict[str, Any] = {
        "rehearsal": True,
        "issue": order.slug,
        "list": order.list_slug,
        "audience": found.audience,
        **{key: getattr(found, key) for key in ("sent", "failed", "deferred", "ambiguous", "skipped", "untried")},
        "pause_reason": _reason(found) or None,
        "gave_up": run.gave_up or None,
        "sent_before": earlier,
        "seconds": round(run.seconds, 3),
        "launch_seconds": round(run.launch_seconds, 3),
        "wire_seconds": round(run.wire_seconds, 3),
        "rate": round(run.rate, 1),
        "connections": run.connections,
        "memory_before": run.memory_before,
        "peak_memory": run.peak_memory,
        "least_seconds": round(run.least.seconds, 1) if run.least else None,
        "least_by": run.least.limit if run.least else None,
        "faults": wording.as_document(faults),
        "providers": [{"provider": name, "messages": count} for name, count in found.providers.items()],
    }
    console.result(document, "\n\n".join(_paragraphs(order, run, faults, earlier)))


def _paragraphs(order: Order, run: Run, faults: Faults, earlier: int | None) -> Iterator[str]:
    found = run.review
    head = (
        f"Rehearsal of issue {order.slug} to the list {order.list_slug}: {plural(found.audience, 'reader')}, "
        f"{wording.in_words(faults)}.\nNobody was mailed, and nothing of the Site has changed."
    )
    if earlier is not None:
        head += f"\nCampaign {earlier} launched this issue already; it was rehearsed as if for the first time."
    yield head
    yield _lines(_figures(run))
    yield "What became of the copies:\n" + _lines(_outcomes(found))
    if reason := _reason(found):
        yield f"The campaign paused itself: {reason}"
    if run.gave_up:
        yield f"The sender gave up: {run.gave_up} A send ends like this too; the same command goes on later."
    yield _providers(found)


def _figures(run: Run) -> Iterator[tuple[str, str]]:
    launch, wire = span(run.launch_seconds), span(run.wire_seconds)
    yield "duration", f"{span(run.seconds)} ({launch} to launch, {wire} on the wire)"
    yield "rate", f"{run.rate:,.0f} messages a second over {plural(run.connections, 'connection')}"
    yield (
        "memory",
        f"{run.peak_memory / 1e6:,.0f} MB at the peak, {run.memory_before / 1e6:,.0f} MB before the first copy",
    )
    if run.least:
        yield "real send", f"at least {span(run.least.seconds)}, because of {run.least.limit}"


def _outcomes(found: Review) -> Iterator[tuple[str, str]]:
    yield f"{found.sent:,}", "accepted"
    if found.failed:
        yield f"{found.failed:,}", "refused for good"
    if found.deferred:
        yield f"{found.deferred:,}", "would be tried again later, by `newsletter serve` or the same command"
    if found.ambiguous:
        yield (
            f"{found.ambiguous:,}",
            "would be in doubt: no answer after the last byte. You would look into the relay's log, then\n"
            "`newsletter campaign resolve ID --mark-sent` or `--resend`",
        )
    if found.skipped:
        yield f"{found.skipped:,}", "left out at the last moment"
    if found.untried:
        yield f"{found.untried:,}", "not tried any more"


def _lines(pairs: Iterator[tuple[str, str]]) -> str:
    """Two columns; figures to the right, words to the left."""
    rows = list(pairs)
    width = max(len(left) for left, _ in rows)
    lines = []
    for left, right in rows:
        margin = " " * (width + 4)
        name = left.rjust(width) if left[0].isdigit() else left.ljust(width)
        lines.append(f"  {name}  " + right.replace("\n", f"\n{margin}"))
    return "\n".join(lines)


def _providers(found: Review) -> str:
    counts = list(found.providers.items())
    shown = counts if len(counts) <= SHOWN + 1 else counts[:SHOWN]
    rest = counts[len(shown) :]
    rows = [(name, f"{count:,}", f"{count / found.audience:.1%}") for name, count in shown]
    if rest:
        count = sum(number for _, number in rest)
        rows.append((f"{len(rest):,} others", f"{count:,}", f"{count / found.audience:.1%}"))
    width = max(len("MESSAGES"), *(len(row[1]) for row in rows))
    cells = [(name, count.rjust(width), share.rjust(6)) for name, count, share in rows]
    return table(cells, ("PROVIDER", "MESSAGES", " SHARE"))


def _reason(found: Review) -> str:
    """Why it paused itself, without the remedy, which names a campaign that is gone."""
    first = found.pause_reason.partition(". ")[0]
    return f"{first.rstrip('.')}." if first else ""


def span(seconds: float) -> str:
    """`0.42 s`, `24.6 s`, `3 min 07 s`, `2 h 05 min`."""
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"

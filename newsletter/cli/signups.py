"""`newsletter signups`: what the gate before sign-ups sees, whom it holds up, and whom it lets through regardless."""

from __future__ import annotations

from datetime import timedelta

import click

from newsletter.cli.console import Console, console_options, plural, table
from newsletter.errors import NotFoundError

_VERDICTS = {
    "button": "one more button",
    "proof": "proof of work",
    "enough": "left unmailed",
    "nowhere": "left unmailed",
}
_REASONS = {
    "form": "no fresh form of ours",
    "honeypot": "invisible field filled in",
    "always": "asked of everybody",
    "attack": "attack",
    "busy": "half of the minute's mails used",
    "disposable": "throw-away mailbox",
    "waiters": "limit of readers without scripts",
    "address": "limit of the mailbox",
    "network": "busy network",
    "domain": "limit of the domain",
    "everybody": "limit of all mails",
    "no-domain": "no such domain",
    "null-mx": "domain says it takes no mail",
    "no-host": "domain takes no mail",
}
"""What the words of the gate mean; what is not here says it itself."""


@click.group()
@console_options
def signups(_console: Console) -> None:
    """What the gate before sign-ups did, and who may always pass."""


@signups.command()
@console_options
def status(console: Console) -> None:
    """Today's sign-ups by verdict, the budget, and whether the Site is attacked."""
    from newsletter.subscribers.gate import limits, memory

    with console.open_site() as site, site.database.read() as connection:
        now, config = site.clock(), site.config.signups
        watch = memory.watch(connection, now, config.attack)
        today = memory.totals(connection, f"{now:%Y-%m-%d}")
        used = limits.mails_in_the_last_minute(connection, site.keys, now)
        month = [each for each in site.turnout.days() if now.date() - each.day < timedelta(days=30)]
    viewed, pressed = sum(each.viewed for each in month), sum(each.pressed for each in month)
    since = watch.since.isoformat(timespec="seconds") if watch.since else None
    document = {
        "attacked_since": since,
        "posts_in_ten_minutes": watch.posts,
        "usual_in_ten_minutes": round(watch.usual, 1),
        "mails_in_the_last_minute": used,
        "mails_per_minute": config.mails_per_minute,
        "today": today,
        "confirmation_pages_seen": viewed,
        "of_these_confirmed": pressed,
    }
    mood = f"Attacked since {since}: everybody brings a proof of work." if since else "All is quiet."
    lines = [
        mood,
        f"{plural(watch.posts, 'sign-up')} in these ten minutes; usual are {watch.usual:.1f}.",
        f"{used:,} of {config.mails_per_minute:,} confirmation mails in the last minute.",
        f"Today: {today['pass']:,} passed, {today['button']:,} asked for one more button, "
        f"{today['proof']:,} for a proof of work, {today['enough']:,} over a limit and left unmailed.",
    ]
    if today["nowhere"]:
        lines.append(f"{today['nowhere']:,} of those who passed got no mail, because their domain takes none.")
    if viewed:
        lines.append(f"Of {viewed:,} confirmation pages seen in 30 days, {pressed:,} were confirmed.")
    console.result(document, "\n".join(lines))


@signups.command()
@click.option("--days", type=click.IntRange(1, 30), default=1, help="How far back (default: 1).")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, help="Lines at the most (default: 50).")
@console_options
def blocked(console: Console, days: int, limit: int) -> None:
    """Sign-ups that were held up or left unmailed, by reason and network, the most frequent first."""
    from newsletter.subscribers.gate import memory

    with console.open_site() as site, site.database.read() as connection:
        rows = memory.stopped(connection, site.clock() - timedelta(days=days), limit)
    document = [
        {
            "verdict": row.verdict,
            "reason": row.reason,
            "network": row.network or None,
            "posts": int(row.posts),
            "last_at": row.last_at.isoformat(timespec="seconds"),
        }
        for row in rows
    ]
    cells = [
        (
            _VERDICTS.get(each["verdict"], each["verdict"]),
            _reason(each["reason"]),
            each["network"] or "-",
            each["posts"],
            each["last_at"],
        )
        for each in document
    ]
    text = table(cells, ("WHAT HAPPENED", "WHY", "NETWORK", "SIGN-UPS", "LAST"))
    console.result(document, text if document else "Nobody was held up.")


@signups.command()
@click.argument("entry", required=False)
@click.option("--note", default="", help="Why; for your own record.")
@console_options
def allow(console: Console, entry: str | None, note: str) -> None:
    """Let ENTRY (an address, a domain or a network) pass whatever the counters say; without ENTRY, show the list."""
    from newsletter.subscribers.gate import allowed

    with console.open_site() as site:
        if entry is None:
            with site.database.read() as connection:
                rows = allowed.entries(connection)
            document = [
                {"entry": row.entry, "note": row.note, "since": row.created_at.isoformat(timespec="seconds")}
                for row in rows
            ]
            text = table([tuple(each.values()) for each in document], ("ENTRY", "NOTE", "SINCE"))
            console.result(document, text if document else "Nobody is on the list.")
            return
        kept = allowed.normalised(entry)
        with site.database.write() as connection:
            is_new = allowed.add(connection, kept, note, site.clock())
    again = "" if is_new else " already"
    said = f"Sign-ups of {kept} pass{again}; one address still gets few mails."
    console.result({"entry": kept, "allowed": True}, said)


@signups.command()
@click.argument("entry")
@console_options
def disallow(console: Console, entry: str) -> None:
    """Take ENTRY off the list of those who always pass."""
    from newsletter.subscribers.gate import allowed

    kept = allowed.normalised(entry)
    with console.open_site() as site, site.database.write() as connection:
        found = allowed.remove(connection, kept)
    if not found:
        raise NotFoundError(f"{kept} is not on the list.", hint="`newsletter signups allow` shows the list.")
    console.result({"entry": kept, "allowed": False}, f"{kept} is off the list.")


def _reason(said: str) -> str:
    """The reason in words; that of a reply has its errand in front."""
    errand, _, reason = said.rpartition(" ")
    return f"{errand}: {_REASONS.get(reason, reason)}" if errand else _REASONS.get(reason, reason)

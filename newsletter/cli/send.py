"""`newsletter send`: look, agree, launch, and empty the campaign in the foreground; or rehearse all that."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from newsletter.cli import moment
from newsletter.cli.approve import explained
from newsletter.cli.console import Console, console_options, plural
from newsletter.cli.faults import USUAL
from newsletter.cli.faults import parse as parse_faults
from newsletter.cli.grace import GRACE, breaks_off
from newsletter.errors import RefusedError, TransportUnavailable

if TYPE_CHECKING:
    from newsletter.campaigns.launch import Launched, Plan
    from newsletter.deliveries.sender import Sender
    from newsletter.site import Site
    from newsletter.transport.smtp import SmtpTransport

PARTIAL = 5
"""Exit code: done for now, but some rows are deferred, failed or ambiguous."""


AT = 'Start later: "2026-11-24T08:00+01:00" or "2026-11-24T08:00 Europe/Berlin" (needs `serve` or `worker`).'

FAULTS = (
    "With --rehearse: what goes wrong, as rates of deferred, rejected, dropped (before the last byte) and silent "
    f"(after it), slow=50ms for every answer, seed=N; or none. Default: {USUAL}."
)


@click.command()
@click.argument("slug")
@click.option("--list", "list_slug", help="List to send to (default: the first).")
@click.option("--at", "when", metavar="WHEN", help=AT)
@click.option("--detach", is_flag=True, help="Only launch; `serve` or `worker` send.")
@click.option("--dry-run", is_flag=True, help="Show what would happen; ask nothing, send nothing.")
@click.option("--expect", type=int, metavar="N", help="With --yes: the audience you agree to.")
@click.option("--rehearse", is_flag=True, help="Send to everybody for practice: nothing leaves this machine.")
@click.option("--faults", metavar="WHAT", help=FAULTS)
@console_options
def send(
    console: Console,
    slug: str,
    list_slug: str | None,
    when: str | None,
    *,
    detach: bool,
    dry_run: bool,
    expect: int | None,
    rehearse: bool,
    faults: str | None,
) -> int:
    """Send issue SLUG to a list; run again, it continues what is unfinished and repeats nothing."""
    if rehearse:
        given = {"--at": when, "--detach": detach, "--dry-run": dry_run, "--expect": expect is not None}
        return _rehearse(console, slug, list_slug, faults, [option for option, value in given.items() if value])
    if faults is not None:
        raise click.UsageError("--faults goes with --rehearse only; the real relay has faults of its own.")
    return _send(console, slug, list_slug, when, detach=detach, dry_run=dry_run, expect=expect)


def _rehearse(console: Console, slug: str, list_slug: str | None, faults: str | None, given: list[str]) -> int:
    from newsletter.cli.rehearse import rehearse

    if given:
        raise click.UsageError(f"--rehearse does not go with {given[0]}: it sends at once, and to nobody.")
    return rehearse(console, slug, list_slug, parse_faults(faults))


def _send(
    console: Console,
    slug: str,
    list_slug: str | None,
    when: str | None,
    *,
    detach: bool,
    dry_run: bool,
    expect: int | None,
) -> int:
    from newsletter.campaigns import launch
    from newsletter.checks.findings import errors

    with console.open_site() as site:
        at = moment.parse(when, site.clock())
        checked = site.check(slug)
        faults = errors(checked.findings)
        order = site.order(checked, list_slug, at)
        with site.database.read() as connection:
            plan = launch.plan(connection, order)
        if plan.campaign_id is None and not plan.audience and not dry_run:
            raise RefusedError(
                f"Nobody on the list {order.list_slug} is waiting for issue {slug}.",
                hint="`newsletter subscriber list` shows who is confirmed.",
            )
        _show_plan(console, site, order.list_slug, slug, plan)
        if plan.campaign_id is None and order.content is not None and site.config.require_approval and not faults:
            with explained(console):
                site.require_approval(order.content[0], {order.list_slug: order.content[1]})
        if dry_run:
            if faults and plan.campaign_id is None:
                launch.refuse_faults(slug, faults)
            shares = [{"tags": list(tags), "readers": number} for tags, number in plan.variants.items()]
            document = {"issue": slug, "list": order.list_slug, "audience": plan.audience, "dry_run": True}
            console.result(document | ({"variants": shares} if shares else {}))
            return 0
        agreed = _agree(console, plan.audience, expect)
        launched = site.launch(order, errors=faults, expect=agreed)
        if launched.continued and plan.campaign_id is None:
            console.note(f"Campaign {launched.campaign_id} was launched a moment ago; this send joins it.")
        if detach or at is not None:
            return _report(console, site, launched, 0.0, 0.0, detached=True)
        return _empty(console, site, launched)


def _empty(console: Console, site: Site, launched: Launched) -> int:
    import time

    from newsletter.campaigns import report
    from newsletter.deliveries.lifecycle import move_campaign
    from newsletter.store.schema import CampaignStatus
    from newsletter.transport.base import Outcome

    started = time.monotonic()
    with site.database.read() as connection:
        done = launched.audience - report.summary(connection, launched.campaign_id)["deferred"]
    counter = threading.Lock()
    with console.progress("Sending", launched.audience) as advance:

        def progress(_outcome: Outcome) -> None:
            nonlocal done
            with counter:
                done += 1
                advance(done)

        transport = site.transport()
        sender = site.sender(campaign_id=launched.campaign_id, progress=progress, transport=transport)
        try:
            with stops_on_signals(console, sender, transport) as stopped:
                sender.drain()
        except TransportUnavailable as error:
            raise TransportUnavailable(
                error.message,
                hint=f"{error.hint} Nothing is lost: run the same command again to continue.".strip(),
            ) from error
    wire = transport.wire_seconds
    if stopped.is_set():
        with site.database.write() as connection:
            summary = report.summary(connection, launched.campaign_id)
            if summary["status"] == CampaignStatus.SENDING:
                move_campaign(
                    connection, launched.campaign_id, CampaignStatus.PAUSED, now=site.clock(), reason="interrupted"
                )
        console.note(
            f"Paused: {summary['sent']} of {summary['audience']} sent. Run the same command again to continue."
        )
        _report(console, site, launched, time.monotonic() - started, wire)
        return 130
    return _report(console, site, launched, time.monotonic() - started, wire)


def _report(
    console: Console, site: Site, launched: Launched, seconds: float, wire: float, *, detached: bool = False
) -> int:
    from newsletter.campaigns import report

    with site.database.read() as connection:
        summary = report.summary(connection, launched.campaign_id)
    document: dict[str, Any] = {
        "campaign": launched.campaign_id,
        "audience": summary["audience"],
        **{key: summary[key] for key in ("sent", "failed", "deferred", "ambiguous", "skipped")},
        "seconds": round(seconds, 3),
        "wire_seconds": round(wire, 3),
    }
    if detached:
        start = f"on {summary['scheduled_at']}" if summary["scheduled_at"] else "now"
        console.result(
            document,
            f"Campaign {launched.campaign_id} is launched for {plural(summary['audience'], 'reader')}, "
            f"to be sent {start} by `newsletter serve` or `newsletter worker`.",
        )
        return 0
    console.result(document, _sentence(launched.campaign_id, summary, sandbox=site.config.uses_sandbox))
    return PARTIAL if summary["failed"] or summary["ambiguous"] or summary["deferred"] or summary["in_hand"] else 0


def _sentence(campaign_id: int, summary: dict[str, Any], *, sandbox: bool) -> str:
    place = " into the sandbox" if sandbox else ""
    lines = [f"Campaign {campaign_id}: {summary['sent']} of {summary['audience']} sent{place}."]
    if summary["skipped"]:
        cause = "the campaign was cancelled" if summary["status"] == "cancelled" else "they left or were suppressed"
        lines.append(f"{summary['skipped']} left out: {cause} meanwhile.")
    if summary["failed"]:
        lines.append(f"{summary['failed']} refused for good; `newsletter campaign show {campaign_id}` tells why.")
    waiting = summary["deferred"] + summary["in_hand"]
    if waiting and summary["status"] == "paused":
        lines.append(
            f"{waiting} wait, for the campaign is paused; the same command goes on, and so does "
            f"`newsletter campaign resume {campaign_id}` beside `newsletter serve`."
        )
    elif waiting:
        lines.append(f"{waiting} wait for another try; run the same command later, or leave it to `newsletter serve`.")
    if summary["ambiguous"]:
        lines.append(
            f"{summary['ambiguous']} in doubt: the server went silent after the last byte. Look into its log, then "
            f"`newsletter campaign resolve {campaign_id} --mark-sent` or `--resend`."
        )
    return "\n".join(lines)


def _show_plan(console: Console, site: Site, list_slug: str, slug: str, plan: Plan) -> None:
    place = (
        "the sandbox (no [smtp] is set)"
        if site.config.smtp is None
        else f"{site.config.smtp.host}:{site.config.smtp.port}"
    )
    if plan.campaign_id is not None:
        console.note(
            f"Campaign {plan.campaign_id} continues: issue {slug}, list {list_slug}, {plural(plan.audience, 'reader')}."
        )
        return
    people = ", ".join(plan.sample) + (", …" if plan.audience > len(plan.sample) else "")
    shown = f" ({people})" if people else ""
    console.note(f"Issue {slug} to the list {list_slug}: {plural(plan.audience, 'reader')}{shown} through {place}.")
    for tags, number in plan.variants.items():
        console.note(f"  {plural(number, 'reader')}: the variant for {', '.join(tags) or 'readers without tags'}")


def _agree(console: Console, audience: int, expect: int | None) -> int:
    if console.yes or expect is not None:
        if expect is None:
            raise RefusedError(
                "Nothing was sent: --yes alone does not say how many readers you mean.",
                hint=f"Add --expect {audience} to agree to {plural(audience, 'reader')}.",
            )
        if not console.yes:
            raise RefusedError(
                "Nothing was sent: --expect goes with --yes.", hint="Add --yes to send without a question."
            )
        return expect
    if not console.interactive:
        raise RefusedError(
            "Nothing was sent, because nobody can be asked here.", hint=f"Add --yes --expect {audience} to agree."
        )
    typed = click.prompt("Type the number of readers to send", default="", show_default=False, err=True)
    if typed.strip() != str(audience):
        raise RefusedError("Nothing was sent: the number does not match.")
    return audience


@contextmanager
def stops_on_signals(
    console: Console, sender: Sender, transport: SmtpTransport, grace: float = GRACE
) -> Iterator[threading.Event]:
    """Ctrl-C and SIGTERM let messages on the wire finish for `grace` seconds; a second one breaks them off at once."""
    stopped, broken, over = threading.Event(), threading.Event(), threading.Event()

    def handler(_number: int, _frame: object) -> None:
        if broken.is_set():
            raise KeyboardInterrupt
        if stopped.is_set():
            broken.set()
            breaks_off(transport, over, after=0)
            return
        stopped.set()
        sender.stop()
        breaks_off(transport, over, after=grace)
        console.note("Stopping as soon as the messages on the wire are through; once more breaks them off.")

    if threading.current_thread() is not threading.main_thread():
        yield stopped
        return
    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        over.set()
        for number, old in before.items():
            signal.signal(number, old)

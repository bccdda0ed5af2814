"""`newsletter campaign`: see and steer what was launched."""

from __future__ import annotations

import click

from newsletter.cli.console import Console, console_options, plural, table


@click.group()
@console_options
def campaign(_console: Console) -> None:
    """See and steer what was launched."""


@campaign.command("list")
@console_options
def list_campaigns(console: Console) -> None:
    """Every campaign, newest first."""
    from newsletter.campaigns import report

    with console.open_site() as site, site.database.read() as connection:
        rows = report.summaries(connection)
    heads = ("ID", "KIND", "ISSUE", "LIST", "STATUS", "SENT", "OF", "DEFERRED", "FAILED", "AMBIGUOUS")
    cells = [
        (
            row["campaign"],
            " ".join(filter(None, (row["kind"], row["series"], row["sandbox"] and "(sandbox)"))),
            row["issue"],
            row["list"],
            row["status"],
            row["sent"],
            row["audience"],
            row["deferred"],
            row["failed"],
            row["ambiguous"],
        )
        for row in rows
    ]
    console.result(rows, table(cells, heads) if rows else "Nothing was launched yet.")


@campaign.command()
@click.argument("campaign_id", metavar="ID", type=int)
@console_options
def show(console: Console, campaign_id: int) -> None:
    """One campaign: counts, what came back, and the last word of the server on every copy that is not simply sent."""
    from newsletter.campaigns import report
    from newsletter.feedback import events

    with console.open_site() as site, site.database.read() as connection:
        summary = report.summary(connection, campaign_id)
        troubles = report.troubles(connection, campaign_id)
        came_back = events.of_campaign(connection, campaign_id)
        blocked_by = events.blocked_by(connection, campaign_id)
    lines = [f"{key.replace('_', ' '):13} {value}" for key, value in summary.items() if value is not None]
    for title, counts in (("came back", came_back), ("blocked by", blocked_by)):
        if counts:
            lines.append(f"{title:13} " + ", ".join(f"{name} {count:,}" for name, count in counts.items()))
    if troubles:
        heads = ("READER", "STATUS", "TRIES", "CODE", "AT", "ANSWER", "NEXT TRY")
        cells = [
            (
                row["email"],
                row["status"],
                row["tries"],
                row["enhanced"] or row["code"],
                row["phase"],
                row["text"],
                row["due_at"],
            )
            for row in troubles
        ]
        lines += ["", table(cells, heads)]
    document = {**summary, "came_back": came_back, "blocked_by": blocked_by, "troubles": troubles}
    console.result(document, "\n".join(lines))


@campaign.command()
@click.argument("campaign_id", metavar="ID", type=int)
@console_options
def pause(console: Console, campaign_id: int) -> None:
    """Let nothing more leave until `resume`."""
    from newsletter.campaigns import launch
    from newsletter.deliveries.lifecycle import move_campaign
    from newsletter.store.schema import CampaignStatus

    with console.open_site() as site, site.database.write() as connection:
        launch.refuse_standing(connection, campaign_id)
        move_campaign(connection, campaign_id, CampaignStatus.PAUSED, now=site.clock(), reason="paused by hand")
    console.result(
        {"campaign": campaign_id, "status": "paused"},
        f"Campaign {campaign_id} is paused. `newsletter campaign resume {campaign_id}` goes on.",
    )


@campaign.command()
@click.argument("campaign_id", metavar="ID", type=int)
@console_options
def resume(console: Console, campaign_id: int) -> None:
    """Let a paused campaign go on (by `serve`, `worker`, or the same `send` command)."""
    from newsletter.campaigns import launch
    from newsletter.deliveries.lifecycle import move_campaign
    from newsletter.store.schema import CampaignStatus

    with console.open_site() as site, site.database.write() as connection:
        launch.refuse_standing(connection, campaign_id)
        target = launch.resumed_status(connection, campaign_id, site.clock())
        move_campaign(connection, campaign_id, CampaignStatus(target), now=site.clock())
    console.result(
        {"campaign": campaign_id, "status": target.value},
        f"Campaign {campaign_id} is {target.value} again; `newsletter serve` or the same `send` command sends it.",
    )


@campaign.command()
@click.argument("campaign_id", metavar="ID", type=int)
@console_options
def cancel(console: Console, campaign_id: int) -> None:
    """End a campaign for good; what has not left stays unsent."""
    from newsletter.campaigns import launch

    with console.open_site() as site:
        console.require(f"Cancel campaign {campaign_id} for good?")
        with site.database.write() as connection:
            left_out = launch.cancel(connection, campaign_id, site.clock())
    console.result(
        {"campaign": campaign_id, "status": "cancelled", "skipped": left_out},
        f"Campaign {campaign_id} is cancelled; {left_out} copies stay unsent.",
    )


@campaign.command()
@click.argument("campaign_id", metavar="ID", type=int)
@click.option("--mark-sent", is_flag=True, help="The server's log says they were accepted.")
@click.option("--resend", is_flag=True, help="Send them again; somebody may get two.")
@console_options
def resolve(console: Console, campaign_id: int, *, mark_sent: bool, resend: bool) -> None:
    """Decide about copies in doubt: the final byte left, and no answer came."""
    from newsletter.campaigns import launch

    if mark_sent == resend:
        raise click.UsageError("Say either --mark-sent or --resend.")
    with console.open_site() as site:
        if resend:
            console.require("Send copies in doubt again? Some readers may get two.")
        with site.database.write() as connection:
            count = launch.resolve(connection, campaign_id, resend=resend, now=site.clock())
    what = "will be sent again by the same `send` command or `newsletter serve`" if resend else "count as sent"
    console.result({"campaign": campaign_id, "resolved": count}, f"{count} copies {what}.")


@campaign.command()
@click.argument("campaign_id", metavar="ID", type=int)
@console_options
def enrol(console: Console, campaign_id: int) -> None:
    """Give a step of a series also to those who confirmed before there was one."""
    from newsletter.subscribers import series

    with console.open_site() as site:
        with site.database.read() as connection:
            number = len(series.latecomers(connection, campaign_id))
        console.require(f"{plural(number, 'reader')} would get this issue. Go on?")
        with site.database.write() as connection:
            number = series.enrol_latecomers(connection, campaign_id, site.clock())
    console.result({"campaign": campaign_id, "enrolled": number}, f"{plural(number, 'reader')} will get it.")

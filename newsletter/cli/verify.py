"""`newsletter verify`: does the folder still make what a campaign sends, and is what the database keeps whole?"""

from __future__ import annotations

import click

from newsletter.cli.console import Console, console_options
from newsletter.errors import NotFoundError


@click.command()
@click.argument("campaign_id", metavar="CAMPAIGN", type=int)
@console_options
def verify(console: Console, campaign_id: int) -> int:
    """Render the issue of a campaign again and compare; exits 1 when it differs, and shows how."""
    from newsletter.campaigns import lockfile, verification
    from newsletter.campaigns.approval import UnapprovedError

    with console.open_site() as site:
        with site.database.read() as connection:
            frozen = verification.frozen(connection, campaign_id)
        for fault in frozen.faults:
            console.warn(fault)
        target = site.lists_by_id.get(frozen.list_id)
        if target is None:
            raise NotFoundError(
                f"The list of campaign {campaign_id} is no longer in newsletter.toml.",
                hint="Put it back to see whether the issue is still the same.",
            )
        edition = site.editions(site.load(frozen.slug))[target.slug]
        found = [] if frozen.edition is None else verification.differences(frozen.edition, edition)
        try:
            approval = lockfile.read(site.issues_dir / frozen.slug)
        except UnapprovedError as error:
            console.warn(str(error))
            approval = None
    same = not found and not frozen.faults
    covered = approval is not None and approval.seen.renderings.get(target.slug) == frozen.content_hash
    document = {
        "campaign": campaign_id,
        "issue": frozen.slug,
        "same": same,
        "content_hash": frozen.content_hash,
        "faults": list(frozen.faults),
        "differences": [{"part": each.part, "diff": list(each.diff)} for each in found],
        "approved_by": approval.by if approval is not None and covered else None,
    }
    lines = [f"Campaign {campaign_id} sends issue {frozen.slug} with the content hash {frozen.content_hash}."]
    if frozen.faults:
        lines.append(f"What the database keeps of it is damaged: {' '.join(frozen.faults)} Restore a backup.")
    if found:
        lines.append(f"Rendered now, its {_listed([each.part for each in found])} would be different:")
        lines += [line for each in found for line in each.diff]
    elif frozen.edition is not None:
        lines.append("Rendered now, it is the same.")
    if approval is not None:
        what = "is what" if covered else "is not what"
        lines.append(f"What it sends {what} {approval.by} approved on {approval.at:%Y-%m-%d %H:%M} UTC (issue.lock).")
    console.result(document, "\n".join(lines))
    return 0 if same else 1


def _listed(parts: list[str]) -> str:
    *most, last = parts
    return f"{', '.join(most)} and {last}" if most else last

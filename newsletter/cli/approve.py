"""`newsletter approve`: somebody says yes to an issue as it is, and `send` can be made to insist on that."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from newsletter.cli.console import Console, console_options, plural
from newsletter.errors import NewsletterError

if TYPE_CHECKING:
    from newsletter.campaigns.approval import Approval, Drift


@click.command()
@click.argument("slug")
@click.option("--by", metavar="NAME", help="Who approves (default: the user who runs the command).")
@click.option("--check", "only_check", is_flag=True, help="Write nothing; exit 4 when no approval covers the issue.")
@console_options
def approve(console: Console, slug: str, by: str | None, *, only_check: bool) -> None:
    """Say yes to issue SLUG as it is now, in issues/SLUG/issue.lock; refused when checks find errors."""
    from newsletter.campaigns import launch
    from newsletter.checks.findings import Severity, errors

    if only_check and by is not None:
        raise click.UsageError("--by goes with an approval; --check makes none.")
    with console.open_site() as site:
        checked = site.check(slug)
        faults = errors(checked.findings)
        if faults or checked.issue is None:
            launch.refuse_faults(slug, faults)
        content = (checked.issue, checked.editions)
        if only_check:
            with explained(console):
                found = site.require_approval(*content)
            console.result(_document(found), f"{_sentence(found)} Nothing has changed since.")
            return
        approval, path = site.approve(*content, by=_name(by))
    warnings = sum(1 for finding in checked.findings if finding.severity is Severity.WARNING)
    if warnings:
        console.note(f"The checks have {plural(warnings, 'warning')}: `newsletter check {slug}` shows them.")
    if approval.commit and not approval.is_clean:
        console.note("There are uncommitted changes: commit them together with the lock.")
    console.result({**_document(approval), "file": str(path)}, f"{_sentence(approval)}\nMade {path}.")


@contextmanager
def explained(console: Console) -> Iterator[None]:
    """When what happens inside is refused for want of an approval, show first what has drifted."""
    from newsletter.campaigns.approval import UnapprovedError

    try:
        yield
    except UnapprovedError as error:
        found = error.drift
        if found is not None:
            _show(console, found)
        document: dict[str, Any] = {
            "error": error.message,
            "hint": error.hint,
            "approved": None,
            "changes": [],
            "diff": [],
        }
        if found is not None:
            changes = [vars(change) for change in found.changes]
            document |= {"approved": _document(found.approval), "changes": changes, "diff": list(found.diff)}
        console.result(document)
        raise


def _show(console: Console, found: Drift) -> None:
    console.note(f"{_sentence(found.approval)} Since then:")
    width = max(len(change.part) for change in found.changes)
    for change in found.changes:
        console.note(f"  {change.part:{width}}  {change.name} {change.what}")
    for line in found.diff:
        console.note(line)
    if not found.diff:
        console.note("The plain text is the same.")


def _sentence(approval: Approval) -> str:
    commit = f" at commit {approval.commit[:12]}" if approval.commit else ""
    return f"{approval.by} approved issue {approval.issue} on {approval.at:%Y-%m-%d %H:%M} UTC{commit}."


def _document(approval: Approval) -> dict[str, Any]:
    return {
        "issue": approval.issue,
        "by": approval.by,
        "at": approval.at.isoformat(),
        "commit": approval.commit or None,
        "clean": approval.is_clean if approval.commit else None,
        "renderings": approval.seen.renderings,
    }


def _name(by: str | None) -> str:
    """Whose name stands in the lock."""
    if by is None:
        try:
            return getpass.getuser()
        except (OSError, KeyError, ImportError) as error:
            raise NewsletterError("Nobody knows who runs this command.", hint="Add --by NAME.") from error
    name = by.strip()
    if not name or not name.isprintable() or len(name) > 200:
        raise click.UsageError("--by wants a name on one line, such as 'Nora Feld'.")
    return name

"""`newsletter subscriber why`: one answer for a support desk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from newsletter.cli.console import Console, console_options


@click.command()
@click.argument("address")
@click.option("--issue", metavar="SLUG", help="Only this issue: did they get it, and why or why not?")
@console_options
def why(console: Console, address: str, issue: str | None) -> None:
    """Why ADDRESS gets mail or does not: lists, consent, suppression, every copy and what servers answered."""
    from newsletter import addresses
    from newsletter.campaigns import why as reasons

    known = addresses.parse(address)
    with console.open_site() as site, site.database.read() as connection:
        found = reasons.why(connection, known, issue, site.keys, site.letterhead)
    console.result(found, "\n".join(_lines(found)))


def _lines(found: dict[str, Any]) -> Iterator[str]:
    yield from found["answer"]
    if not found["on_file"]:
        return
    yield ""
    yield found["address"] + (f" ({found['name']})" if found["name"] else "")
    if found["tags"]:
        yield f"  tags: {', '.join(found['tags'])}"
    for each in found["subscriptions"]:
        yield f"  {each['list']}: {each['status']} (by {each['source']}, on file since {each['created_at']})"
    if found["consent"]:
        yield "Consent"
    for record in found["consent"]:
        evidence, wording = record["evidence"] or {}, record["wording"]
        where = ", ".join(str(evidence[key]) for key in ("source", "basis", "network", "origin") if evidence.get(key))
        yield f"  {record['at']}  {record['act']} {record['list']} ({where})"
        if wording:
            yield f"    in the words of version {wording['version']} ({wording['language']}): {_first(wording['text'])}"
    if found["mails"]:
        yield "Mails"
    for mail in found["mails"]:
        yield from _mail(mail)


def _mail(mail: dict[str, Any]) -> Iterator[str]:
    what = mail["issue"] or mail["kind"]
    to = f" to {mail['list']}" if mail["list"] else ""
    place = ", sandbox" if mail["sandbox"] else ""
    code = f" ({mail['code']})" if mail["code"] else ""
    yield f"  {mail['changed_at']}  {what}{to}: {mail['status']}{code}, campaign {mail['campaign']}{place}"
    if mail["content_hash"]:
        variant = f", variant {mail['variant']}" if mail["variant"] else ""
        yield f"    content {mail['content_hash']}{variant}"
    yield f"    Message-ID {mail['message_id']}"
    for said in mail["replies"]:
        answer = f"{said['code'] or ''} {said['enhanced']} {said['text']}".strip()
        yield f"    {said['at']}  {said['verdict']} at {said['phase']}: {answer}"
    for event in mail["feedback"]:
        yield f"    {event['at']}  came back: {event['kind']} from {event['source']} {event['reason']}".rstrip()


def _first(text: str) -> str:
    line = " / ".join(text.splitlines())
    return line if len(line) <= 100 else line[:99] + "…"

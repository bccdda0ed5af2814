"""Links: each leads somewhere, for everybody, and safely."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from newsletter.checks.hosts import is_number, unreachable
from newsletter.checks.registry import Fault, error, rule, unless_local, warning
from newsletter.checks.subject import Subject, short, split


@rule("link.empty")
def empty(subject: Subject) -> Iterator[Fault]:
    """A link that leads nowhere is an error: no address, `#`, `/`, a file, this machine, a reserved name."""
    nobody: Counter[tuple[str, str]] = Counter()
    first: dict[str, str] = {}
    ids = {element.get(key) for element in subject.elements for key in ("id", "name")}
    for link in subject.every("a", "area"):
        address = link.get("href")
        if address is None:
            if not (link.get("name") or link.get("id")):
                yield error(
                    f"The link {_text(link)} has no address.", "Give it one, or take it out.", subject.sources.home
                )
            continue
        address = address.strip()
        parts = split(address)
        if len(address) > 1 and address.startswith("#"):
            if address[1:] not in ids:
                yield warning(
                    f"The link {_text(link)} leads to {short(address)}, which is not in the mail.",
                    "Link to the page on the web instead, with its whole address.",
                    subject.sources.find(f"({address})"),
                )
        elif parts.scheme in {"http", "https"} and parts.hostname:
            why = unreachable(parts.hostname)
            # What base_url itself is worth is site.base-url's business.
            if why and not subject.is_ours(address):
                nobody[parts.hostname, why] += 1
                first.setdefault(parts.hostname, address)
        elif parts.scheme not in {"mailto", "tel", "sms"} or not parts.path:
            yield error(
                f"The link {_text(link)} leads to {short(address) or 'nothing'!r}, which is no address for a mail.",
                "Write the whole address, beginning with https://.",
                subject.sources.find(f"({address})", address if len(address) > 1 else ""),
            )
    for (host, why), count in nobody.items():
        links = "A link leads" if count == 1 else f"{count} links lead"
        yield unless_local(
            subject,
            f"{links} to {host}, {why}.",
            "Write the address that readers can open.",
            subject.sources.find(first[host]),
        )


@rule("link.http")
def http(subject: Subject) -> Iterator[Fault]:
    """Links with http: or a number for a host are a warning."""
    seen: set[str] = set()
    for link in subject.every("a", "area"):
        address = (link.get("href") or "").strip()
        parts = split(address)
        if subject.is_ours(address) or address in seen or not parts.hostname:
            continue
        seen.add(address)
        if is_number(parts.hostname) and not unreachable(parts.hostname):
            yield warning(
                f"The link to {short(address)} names a number instead of a host, as phishing does.",
                "Use the host's name.",
                subject.sources.find(address),
            )
        elif parts.scheme == "http" and not unreachable(parts.hostname):
            yield warning(
                f"The link to {short(address)} is not encrypted.",
                "Write https:// if the site knows it.",
                subject.sources.find(address),
            )


def _text(link: Any) -> str:
    text = short("".join(link.itertext()), 40) or next((short(i.get("alt") or "", 40) for i in link.iter("img")), "")
    return f'"{text}"' if text else "without text"

"""Links: each leads somewhere, honestly, for everybody, and safely."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

from newsletter.checks.extras import Answer
from newsletter.checks.hosts import is_number, unreachable
from newsletter.checks.registry import ERROR, INFO, WARNING, Fault, error, info, rule, unless_local, warning
from newsletter.checks.subject import Subject, short, split

MANY = 100
GONE = frozenset({404, 410})
_LOOKS_LIKE = re.compile(r"(?:https?://)?((?:[a-z0-9-]+\.)+[a-z]{2,24})(?:[/?#:]\S*)?", re.IGNORECASE)
_NOT_A_HOST = frozenset({"md", "txt", "pdf", "jpg", "png", "zip", "docx", "toml", "py", "js", "css", "html"})


@rule("link.empty", ERROR, WARNING)
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
                    subject.find(f"({address})"),
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
                subject.find(f"({address})", address if len(address) > 1 else ""),
            )
    for (host, why), count in nobody.items():
        links = "A link leads" if count == 1 else f"{count} links lead"
        yield unless_local(
            subject,
            f"{links} to {host}, {why}.",
            "Write the address that readers can open.",
            subject.find(first[host]),
        )


@rule("link.http", WARNING)
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
                subject.find(address),
            )
        elif parts.scheme == "http" and not unreachable(parts.hostname):
            yield warning(
                f"The link to {short(address)} is not encrypted.",
                "Write https:// if the site knows it.",
                subject.find(address),
            )


def _text(link: Any) -> str:
    text = short("".join(link.itertext()), 40) or next((short(i.get("alt") or "", 40) for i in link.iter("img")), "")
    return f'"{text}"' if text else "without text"


@rule("link.broken", ERROR, WARNING)
def broken(subject: Subject) -> Iterator[Fault]:
    """With --links: every link is asked once; one that is gone is an error, one that does not answer a warning.

    Personal links, our own pages (which may not be out yet) and unsubscribe links are never asked.
    """
    if subject.extras.ask is None:
        return
    for address, answer in subject.extras.ask(askable(subject)).items():
        place = subject.find(address)
        if answer.status in GONE:
            yield error(f"{short(address)} answers {answer.status}: it is gone.", "Correct the address.", place)
        elif answer.status == 0:
            yield warning(f"{short(address)} could not be asked: {_clause(answer)}.", "Open it in a browser.", place)
        elif not 200 <= answer.status < 400 and answer.status not in {401, 403, 405, 429, 999}:
            yield warning(f"{short(address)} answers {answer.status}.", "Open it in a browser.", place)
        elif answer.ended_at and split(answer.ended_at).hostname != split(address).hostname:
            yield warning(
                f"{short(address)} leads on to {short(answer.ended_at)}.",
                "Write the address where it ends, if that is what you mean.",
                place,
            )


@rule("link.text-mismatch", ERROR)
def text_mismatch(subject: Subject) -> Iterator[Fault]:
    """A link whose text is an address leads to that host: anything else is what phishing looks like."""
    for link in subject.every("a"):
        shown = _LOOKS_LIKE.fullmatch(link.text_content().strip())
        there = (split(link.get("href") or "").hostname or "").lower()
        if shown is None or not there or shown[1].rpartition(".")[2].lower() in _NOT_A_HOST:
            continue
        named = shown[1].lower()
        if not f".{there}".endswith(f".{_site(named)}") and not f".{named}".endswith(f".{_site(there)}"):
            yield error(
                f"A link reads {short(named)} and leads to {there}, which filters and readers take for phishing.",
                "Write words as its text, or the address it leads to.",
                subject.find(f"[{link.text_content().strip()}]", link.get("href")),
            )


@rule("link.utm", WARNING)
def campaign_parameters(subject: Subject) -> Iterator[Fault]:
    """Parameters for statistics (utm_…) stand once, have a value, and say the same on all links to one host."""
    values: dict[tuple[str, str], str] = {}
    for link in subject.every("a"):
        address = (link.get("href") or "").strip()
        parts = split(address)
        pairs = [(name, value) for name, value in parse_qsl(parts.query, True) if name.lower().startswith("utm_")]
        for name, value in pairs:
            known = values.setdefault((parts.hostname or "", name), value)
            if [each for each, _ in pairs].count(name) > 1:
                problem = f"has {name} more than once"
            elif not value.strip() or " " in value or not name.islower():
                problem = f"has {name}={value!r}, which statistics count by itself"
            elif known != value and name in {"utm_source", "utm_medium", "utm_campaign"}:
                problem = f"says {name}={value}, another link to the same site {known}"
            else:
                continue
            yield warning(
                f"The link to {short(address, 50)} {problem}.",
                "Write the same lower-case parameters, each once, on every link, or leave them out.",
                subject.find(address),
            )
            return


@rule("link.count", INFO)
def count(subject: Subject) -> Iterator[Fault]:
    """There are at most 100 links, and links that read the same lead to the same place."""
    links = [link for link in subject.every("a") if (link.get("href") or "").strip()]
    if len(links) > MANY:
        yield info(
            f"The mail has {len(links)} links; more than {MANY} look like a list to filters.",
            "Leave out those that nobody will miss.",
            subject.sources.home,
        )
    targets: dict[str, set[str]] = defaultdict(set)
    for link in links:
        name = " ".join((link.get("aria-label") or link.text_content()).lower().split())
        if name and not (link.get("role") or "").startswith("doc-"):  # footnotes are numbered anew in every article
            targets[name].add(link.get("href").strip())
    same = [name for name, addresses in targets.items() if len(addresses) > 1]
    if same:
        yield info(
            f'{len(targets[same[0]])} links read "{short(same[0], 50)}" and lead to different places.',
            "Say in each what there is to find; read aloud one after the other they sound like one.",
            subject.find(f"[{same[0]}]", *sorted(targets[same[0]])),
        )


def askable(subject: Subject) -> list[str]:
    """The addresses that a link check may ask, each once, in order."""
    personal = {*subject.unsubscribe_urls}
    found: dict[str, Any] = {}
    for link in subject.every("a", "area"):
        address = (link.get("href") or "").strip()
        parts = split(address)
        if parts.scheme not in {"http", "https"} or not parts.hostname or unreachable(parts.hostname):
            continue
        if address not in personal and not subject.is_ours(address):
            found.setdefault(address.partition("#")[0], None)
    return list(found)


def _clause(answer: Answer) -> str:
    return answer.reason.rstrip(".") or "there was no answer"


def _site(host: str) -> str:
    """A host without the parts that make no difference: `www.a.org` and `m.a.org` are `a.org`."""
    return re.sub(r"^(?:www\d?|m|mobile)\.", "", host)

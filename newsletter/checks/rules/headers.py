"""Header fields: what mailbox providers demand before they show a mail at all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.utils import getaddresses, parsedate_to_datetime

from newsletter.checks.hosts import unreachable
from newsletter.checks.registry import ERROR, WARNING, Fault, error, rule, unless_local, warning
from newsletter.checks.sources import setting_place
from newsletter.checks.subject import Subject, short, split
from newsletter.config import is_loopback

ONE_CLICK = "List-Unsubscribe=One-Click"
_ONCE = ("From", "To", "Subject", "Date", "Message-ID", "List-Id", "MIME-Version")
_MESSAGE_ID = re.compile(r"<[^<>@\s]+@[^<>@\s.]+(?:\.[^<>@\s.]+)+>")
_REPORT = "Please report this: the program writes this header itself."
_FREEMAIL = frozenset(
    {
        *("gmail.com", "googlemail.com", "ymail.com", "rocketmail.com", "outlook.com", "msn.com", "aol.com"),
        *("icloud.com", "me.com", "mac.com", "proton.me", "protonmail.com", "pm.me", "mail.com", "mail.ru", "web.de"),
        *("t-online.de", "freenet.de", "orange.fr", "free.fr", "laposte.net", "libero.it", "qq.com", "163.com"),
    }
)
_FREEMAIL_BRAND = re.compile(r"(?:yahoo|hotmail|live|gmx|yandex)\.[a-z]{2,3}(?:\.[a-z]{2})?")


@rule("hdr.list-unsubscribe", ERROR, WARNING)
def list_unsubscribe(subject: Subject) -> Iterator[Fault]:
    """List-Unsubscribe needs exactly one https address and its Post header (RFC 8058 §3.1)."""
    urls = subject.unsubscribe_urls
    if len(subject.headers("List-Unsubscribe")) != 1 or len(urls) != 1:
        yield error(
            f"List-Unsubscribe names {len(urls)} web addresses instead of one, so there is no one-click button.",
            _REPORT,
        )
    elif split(urls[0]).scheme.lower() != "https":
        loopback = is_loopback(split(subject.config.base_url).hostname or "")
        yield (warning if loopback else error)(
            "The one-click unsubscribe address does not begin with https://, so mail programs will not offer it.",
            "Set base_url to the https address of your pages before you send to readers.",
            setting_place(subject.issue, "base_url"),
        )
    if subject.headers("List-Unsubscribe-Post") != [ONE_CLICK]:
        yield error(f"The header List-Unsubscribe-Post: {ONE_CLICK} is not there exactly once.", _REPORT)


@rule("hdr.required", ERROR)
def required(subject: Subject) -> Iterator[Fault]:
    """Each of From, To, Subject, Date, Message-ID, List-Id and MIME-Version stands once, with one sender and reader."""
    for name in _ONCE:
        values = subject.headers(name)
        if len(values) != 1:
            yield error(f"The header {name} stands {len(values)} times in the message instead of once.", _REPORT)
        elif not values[0]:
            remedy = "Write a subject in the front matter." if name == "Subject" else _REPORT
            yield error(f"The header {name} is empty.", remedy)
    for name in ("From", "To"):
        found = getaddresses(subject.headers(name))
        if subject.headers(name) and (len(found) != 1 or "@" not in found[0][1]):
            yield error(f"{name} does not hold exactly one address.", _REPORT)
    for name in ("Cc", "Bcc"):
        if subject.headers(name):
            yield error(f"The message has a {name} header, which shows readers' addresses to others.", _REPORT)
    for value in subject.headers("Message-ID")[:1]:
        if not _MESSAGE_ID.fullmatch(value):
            yield error(
                f"The Message-ID {short(value)!r} does not end in a full domain.",
                "Set [sender] address to an address at your own domain.",
            )
    for value in subject.headers("Date")[:1]:
        if not _has_zone(value):
            yield error(f"The Date {short(value)!r} is not a date with a numeric zone.", _REPORT)


@rule("hdr.freemail", ERROR, WARNING)
def freemail(subject: Subject) -> Iterator[Fault]:
    """A From address at Gmail, Yahoo, Outlook … or at a reserved name is refused by readers' providers."""
    domain = subject.config.sender.address.rpartition("@")[2].lower()
    relay = subject.config.smtp.host.lower() if subject.config.smtp else ""
    if _is_freemail(domain) and domain.partition(".")[0] not in relay.split("."):
        yield unless_local(
            subject,
            f"The sender's address is at {domain}, whose rules forbid mail sent through any other relay.",
            "Set [sender] address to an address at your own domain.",
            setting_place(subject.issue, "address"),
        )
    elif not subject.config.is_local and unreachable(domain):
        yield error(
            f"The sender's address is at {domain}, {unreachable(domain)}.",
            "Set [sender] address to an address whose mailbox you read.",
            setting_place(subject.issue, "address"),
        )


@rule("site.base-url", ERROR, WARNING)
def base_url(subject: Subject) -> Iterator[Fault]:
    """base_url must be an https address that readers can reach; a warning while mail stays on this machine."""
    url = subject.config.base_url
    parts = split(url)
    why = unreachable(parts.hostname or "")
    if why:
        message = f"Links and pictures lead to {parts.hostname}, {why}."
    elif parts.scheme != "https":
        message = f"Links and pictures lead to {url}, which is not encrypted."
    else:
        return
    place = setting_place(subject.issue, "base_url")
    yield unless_local(subject, message, "Set base_url to the https address of your pages.", place)


def _is_freemail(domain: str) -> bool:
    return domain in _FREEMAIL or _FREEMAIL_BRAND.fullmatch(domain) is not None


def _has_zone(value: str) -> bool:
    try:
        return parsedate_to_datetime(value).tzinfo is not None and bool(re.search(r"[+-]\d{4}$", value))
    except ValueError:
        return False

"""The law: a way out that everybody finds, and who is behind this."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from newsletter.checks.registry import ERROR, WARNING, Fault, error, rule, unless_local, warning
from newsletter.checks.sources import setting_place
from newsletter.checks.subject import Subject, shown, split
from newsletter.config import SAMPLE_POSTAL_ADDRESS

_FOOTER = 'Print slot("unsubscribe_url") in the footer of templates/issue/layout.{kind}.'


@rule("legal.unsubscribe", ERROR)
def unsubscribe(subject: Subject) -> Iterator[Fault]:
    """A visible unsubscribe link stands in the HTML and in the plain text."""
    urls = set(subject.unsubscribe_urls) or _rendered_urls(subject)
    links = [link for link in subject.every("a") if (link.get("href") or "").strip() in urls]
    if not any(shown(link) and _has_words(link) for link in links):
        yield error(
            "There is no visible unsubscribe link in the HTML part, which the law and every provider demand.",
            _FOOTER.format(kind="html"),
        )
    if not any(url in subject.text for url in urls):
        yield error("There is no unsubscribe link in the plain text part.", _FOOTER.format(kind="txt"))


@rule("legal.address", ERROR, WARNING)
def address(subject: Subject) -> Iterator[Fault]:
    """The sender's postal address is set, not the sample, and printed in the HTML and in the plain text."""
    configured = subject.config.sender.postal_address.strip()
    if not configured:
        yield error(
            "There is no postal address, which the law of most countries demands in every issue.",
            "Set [sender] postal_address in newsletter.toml.",
            setting_place(subject.issue, "postal_address"),
        )
        return
    if _flat(SAMPLE_POSTAL_ADDRESS) in _flat(configured):
        yield unless_local(
            subject,
            "The postal address is still the sample that came with the Site.",
            "Set [sender] postal_address in newsletter.toml to your own.",
            setting_place(subject.issue, "postal_address"),
        )
    for part, text in (("HTML", subject.visible_text), ("plain text", _flat(subject.text))):
        if not all(_flat(line) in text for line in configured.splitlines()):
            yield error(
                f"The postal address is not printed in the {part} part.",
                "Print config.sender.postal_address in the footer of the template.",
            )


def _rendered_urls(subject: Subject) -> set[str]:
    """Where the links lead that the templates call `unsubscribe_url`, when no header says so."""
    tokens = [slot.token for slot in subject.rendered.slots if slot.name == "unsubscribe_url"]
    if not any(token in subject.rendered.html for token in tokens):
        return set()
    prefix = f"{subject.config.base_url}/u/"
    return {address for link in subject.every("a") if (address := link.get("href") or "").startswith(prefix)}


def _has_words(link: object) -> bool:
    words = [*link.itertext(), *(image.get("alt") or "" for image in link.iter("img"))]  # type: ignore[attr-defined]
    return bool("".join(words).strip())


def _flat(text: str) -> str:
    return " ".join(text.split())


@rule("legal.reason", WARNING)
def reason(subject: Subject) -> Iterator[Fault]:
    """The mail says in its footer why one receives it, by naming the newsletter or the site, in HTML and text.

    Who has forgotten having signed up presses "spam" instead of "unsubscribe".
    """
    names = (subject.config.name, split(subject.config.base_url).netloc)
    last = [" ".join(link.getparent().getparent().text_content().split()) for link in _leaving(subject)]
    tail = re.sub(r"\b[a-z]{2,9}://\S+", "", subject.text).rstrip()[-1200:]  # an address alone explains nothing
    for part, words in (("HTML", " ".join(last)), ("plain text", " ".join(tail.split()))):
        if words and not any(name and name in words for name in names):
            yield warning(
                f"Near the unsubscribe link of the {part} part nothing says why one receives this.",
                "Write in the footer for which newsletter, and on which site, the reader signed up.",
                subject.theme.find('slot("unsubscribe_url")'),
            )
            return


def _leaving(subject: Subject) -> list[Any]:
    """The unsubscribe links that stand inside something."""
    urls = set(subject.unsubscribe_urls)
    links = [link for link in subject.every("a") if (link.get("href") or "").strip() in urls]
    return [link for link in links if link.getparent() is not None and link.getparent().getparent() is not None]

"""Style sheets: what one careless line costs, which in mail is often all of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from newsletter.checks.clients import Fact, Feature, names, our_facts, used
from newsletter.checks.registry import ERROR, WARNING, Fault, error, rule, theme_rule, warning
from newsletter.checks.sheets import attribute
from newsletter.checks.sources import Place
from newsletter.checks.subject import Subject, short
from newsletter.checks.theme import Theme
from newsletter.rendering.inline import dialect_problems

GMAIL_LIMIT = 16_384
"""Bytes of all `<style>` blocks; Gmail drops the block that passes it."""
NEAR_LIMIT = 12_288
_FAMILY = ("margin", "margin-top", "margin-right", "margin-bottom", "margin-left")
_HEAD = "Mend it in head.css of the theme."


@rule("css.gmail-16k", ERROR, WARNING)
def gmail_16k(subject: Subject) -> Iterator[Fault]:
    """All <style> together stays under 16 KB, better under 12: Gmail drops the block that passes the limit.

    Media queries and dark mode would be gone for half of all readers, and nobody is told.
    """
    size = sum(len(sheet.css.encode()) for sheet in subject.sheets)
    place = subject.theme.find("@media", "<style")
    if size > GMAIL_LIMIT:
        yield error(
            f"The <style> blocks have {size:,} bytes; Gmail drops what passes 16,384, media queries and all.",
            "Shorten head.css of the theme; what belongs to single elements goes into theme.css.",
            place,
        )
    elif size > NEAR_LIMIT:
        yield warning(
            f"The <style> blocks have {size:,} bytes, near the 16,384 that Gmail reads.",
            "Shorten head.css of the theme.",
            place,
        )


@rule("css.nested-at", ERROR)
def nested_at(subject: Subject) -> Iterator[Fault]:
    """No @rule stands inside another: Gmail drops the whole block for it."""
    for sheet in subject.sheets:
        inner = [each for each in sheet.at_rules if each.depth]
        if inner:
            yield error(
                f"@{inner[0].keyword} stands inside another @rule, for which Gmail drops the whole <style> block.",
                f"Write both conditions into one @media (… and …). {_HEAD}",
                subject.theme.find_line(sheet.text_of(inner[0].line)),
            )


@rule("css.parse", ERROR)
def parse(subject: Subject) -> Iterator[Fault]:
    """The style sheets in <head> have no syntax error: Gmail drops a block with one.

    Nesting (`a { &:hover { … } }`) counts as one, because mail programs do not know it.
    """
    for sheet in subject.sheets:
        for problem in sheet.problems[:1]:
            line = sheet.text_of(problem.line)
            yield error(
                f"The style sheet cannot be read at {short(line, 50)!r}: {problem.words.rstrip('.')}.",
                f"Gmail drops the whole block for it. {_HEAD}",
                subject.theme.find_line(line),
            )


@rule("css.import", ERROR)
def imported(subject: Subject) -> Iterator[Fault]:
    """No @import, <link> or <base>: mail programs fetch no style sheets, and some refuse the mail."""
    for sheet in subject.sheets:
        for each in sheet.at_rules:
            if each.keyword == "import":
                yield error(
                    "The style sheet imports another one with @import, which mail programs do not fetch.",
                    f"Copy the rules you need. {_HEAD}",
                    subject.theme.find_line(sheet.text_of(each.line)),
                )
    for element in subject.every("link", "base"):
        yield error(
            f"The mail holds <{element.tag}>, which mail programs drop or distrust.",
            "Take it out of the template; rules belong into theme.css or head.css, addresses are written in full.",
            subject.theme.find(f"<{element.tag}"),
        )


@rule("css.style-in-body", WARNING)
def style_in_body(subject: Subject) -> Iterator[Fault]:
    """<style> stands in <head> only: Gmail ignores it anywhere else."""
    stray = [sheet for sheet in subject.sheets if not sheet.in_head]
    if stray:
        first = next((line for line in stray[0].css.split("\n") if line.strip()), "")
        yield warning(
            "A <style> block stands in the body, where Gmail ignores it.",
            "Move its rules into head.css of the theme.",
            subject.theme.find(first.strip()),
        )


@theme_rule("css.theme-dialect", ERROR)
def theme_dialect(theme: Theme) -> Iterator[Fault]:
    """theme.css keeps to what can be put into style attributes: no @rules, pseudo-classes, var(), !important.

    What the inliner does not understand it drops without a word, so it is found here, in the file itself.
    """
    for file in theme.style_sheets:
        if file.path.name != "theme.css":
            continue
        for line, words in dialect_problems(file.plain):
            yield error(
                f"theme.css: {words}.",
                "Copy the rules you need from there."
                if "@import" in words
                else "Write it in the simple CSS of theme.css, or move the rule into head.css with !important.",
                file.at(line),
            )


@rule("css.compat", WARNING)
def compat(subject: Subject) -> Iterator[Fault]:
    """What the body uses is known to the mail programs in [checks] clients.

    Only what breaks a layout counts, and only where it has to work: rules in <head> are an improvement for those
    who know them. `--caniemail FILE` adds the facts of the public data set.
    """
    chosen = frozenset(subject.config.checks.clients)
    there = used(each for each in subject.elements if each.tag not in {"html", "head", "body", "meta", "style"})
    said: set[Feature] = set()
    for fact in (*our_facts(), *subject.extras.facts):
        without = fact.lacking & chosen
        if not without or fact.feature not in there or fact.feature in said:
            continue
        said.add(fact.feature)
        elements = there[fact.feature]
        count = "" if len(elements) == 1 else f", {len(elements)} times"
        yield warning(
            f"The mail uses {fact.feature}{count}, which {_listed(without)} not know.",
            fact.instead + (f" See {fact.source}" if fact.source else ""),
            _place(subject, fact, elements),
        )


@rule("css.negative-margin", WARNING)
def negative_margin(subject: Subject) -> Iterator[Fault]:
    """No element of the body has a negative margin: Gmail and Outlook drop it."""
    for element in subject.elements:
        for each in attribute(element.get("style") or ""):
            if each.name in _FAMILY and any(part.startswith("-") for part in each.value.split()):
                yield warning(
                    f"<{element.tag}> has {each.name}: {each.value}; Gmail and Outlook drop negative margins.",
                    "Arrange the parts with padding instead.",
                    subject.theme.find(f"{each.name}: {each.value}", f"{each.name}:{each.value}"),
                )


def _place(subject: Subject, fact: Fact, elements: list[Any]) -> Place:
    name = fact.feature.name
    if fact.feature.kind == "element":
        return subject.find(f"<{name}")
    if fact.feature.kind == "picture":
        return subject.find(f".{name}")
    place = subject.theme.find(name, name.replace(": ", ":"), f"{name}=")
    return place if place.path else subject.made_by(elements[0])


def _listed(clients: frozenset[str]) -> str:
    called = [names().get(each, each) for each in names() if each in clients]
    return f"{called[0]} does" if len(called) == 1 else f"{', '.join(called[:-1])} and {called[-1]} do"

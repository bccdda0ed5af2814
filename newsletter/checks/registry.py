"""The register of rules: a decorator gives a function its id, and importing its module puts it to work.

A rule yields faults without saying its own name, so that an id stands in the code exactly once. Its
docstring's first line is its entry in the catalogue, what follows says why; the severities are those it
may give.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from inspect import cleandoc

from newsletter.checks.findings import Finding, Severity
from newsletter.checks.sources import NOWHERE, Place
from newsletter.checks.subject import Subject
from newsletter.checks.theme import Theme

ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO


@dataclass(frozen=True)
class Fault:
    """What a rule saw; the register adds the rule's id."""

    severity: Severity
    message: str
    remedy: str
    place: Place


@dataclass(frozen=True)
class Entry:
    """One line of the catalogue."""

    rule: str
    severities: tuple[Severity, ...]
    """Those it may give, the worst first."""
    looks_for: str
    """One sentence."""
    why: str = ""
    """More, for who wants to know; may be empty."""

    @property
    def family(self) -> str:
        """What stands before the dot."""
        return self.rule.partition(".")[0]


Rule = Callable[[Subject], Iterator[Fault]]
ThemeRule = Callable[[Theme], Iterator[Fault]]
_registered: dict[str, tuple[Entry, Rule]] = {}
_of_themes: dict[str, tuple[Entry, ThemeRule]] = {}

UNLISTED = (
    Entry("config.ignore", (WARNING,), "An id in [checks] ignore that no rule has is a warning."),
    Entry("content", (ERROR,), "Content or a template that cannot be read is an error, at its file and line."),
    Entry(
        "issue.ignore",
        (WARNING,),
        "Each entry under ignore: in the front matter names a rule, gives a reason, and silences no error.",
    ),
    Entry("render", (ERROR,), "An issue that cannot be rendered is an error."),
)
"""Findings that are not made by a rule function."""


def rule(rule_id: str, *severities: Severity) -> Callable[[Rule], Rule]:
    """Register a function as the rule of that id, which gives findings of these severities, the worst first."""

    def register(function: Rule) -> Rule:
        _registered[rule_id] = (_entry(rule_id, severities, function.__doc__), function)
        return function

    return register


def theme_rule(rule_id: str, *severities: Severity) -> Callable[[ThemeRule], ThemeRule]:
    """The same for a rule about the theme's own files, which can be asked before anything is rendered."""

    def register(function: ThemeRule) -> ThemeRule:
        _of_themes[rule_id] = (_entry(rule_id, severities, function.__doc__), function)
        return function

    return register


def error(message: str, remedy: str, place: Place = NOWHERE) -> Fault:
    """A fault that forbids sending."""
    return Fault(ERROR, message, remedy, place)


def warning(message: str, remedy: str, place: Place = NOWHERE) -> Fault:
    """A fault worth mending that does not stop anybody."""
    return Fault(WARNING, message, remedy, place)


def info(message: str, remedy: str, place: Place = NOWHERE) -> Fault:
    """Something to know, no more."""
    return Fault(INFO, message, remedy, place)


def unless_local(subject: Subject, message: str, remedy: str, place: Place = NOWHERE) -> Fault:
    """An error, but a warning while mail goes no further than this machine: trying things out is welcome."""
    return (warning if subject.config.is_local else error)(message, remedy, place)


def catalogue() -> dict[str, Entry]:
    """Every id in alphabetical order, with what it looks for."""
    _load()
    entries = [*(entry for entry, _ in (*_registered.values(), *_of_themes.values())), *UNLISTED]
    return {entry.rule: entry for entry in sorted(entries, key=lambda each: each.rule)}


def findings(subject: Subject) -> Iterator[Finding]:
    """What all rules say about `subject`, in no particular order."""
    _load()
    for entry, function in _registered.values():
        yield from _found(entry.rule, function(subject))
    yield from theme_findings(subject.theme)


def theme_findings(theme: Theme) -> Iterator[Finding]:
    """What the rules about a theme's own files say."""
    _load()
    for entry, function in _of_themes.values():
        yield from _found(entry.rule, function(theme))


def _found(rule_id: str, faults: Iterator[Fault]) -> Iterator[Finding]:
    for fault in faults:
        yield Finding(rule_id, fault.severity, fault.message, fault.remedy, fault.place.path, fault.place.line)


def _entry(rule_id: str, severities: tuple[Severity, ...], words: str | None) -> Entry:
    if rule_id in _registered or rule_id in _of_themes:
        raise ValueError(f"two rules are called {rule_id}")
    if not words or not severities:
        raise ValueError(f"the rule {rule_id} does not say what it looks for, or how bad that is")
    looks_for, _, why = cleandoc(words).partition("\n")
    return Entry(rule_id, severities, looks_for.strip(), " ".join(why.split()))


@cache
def _load() -> None:
    """Import every module in `rules/`, so that a new family only adds a file."""
    from newsletter.checks import rules

    for module in pkgutil.iter_modules(rules.__path__):
        importlib.import_module(f"{rules.__name__}.{module.name}")

"""The register of rules: a decorator gives a function its id, and importing its module puts it to work.

A rule yields faults without saying its own name, so that an id stands in the code exactly once. Its
docstring's first line is its entry in the catalogue.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from newsletter.checks.findings import Finding, Severity
from newsletter.checks.sources import NOWHERE, Place
from newsletter.checks.subject import Subject


@dataclass(frozen=True)
class Fault:
    """What a rule saw; the register adds the rule's id."""

    severity: Severity
    message: str
    remedy: str
    place: Place


Rule = Callable[[Subject], Iterator[Fault]]
_registered: dict[str, Rule] = {}

UNLISTED = {
    "config.ignore": "An id in [checks] ignore that no rule has is a warning.",
    "content": "Content that cannot be loaded is an error, at its file and line.",
    "render": "An issue that cannot be rendered is an error.",
}
"""Ids of findings that are not made by a rule function."""


def rule(rule_id: str) -> Callable[[Rule], Rule]:
    """Register a function as the rule of that id."""

    def register(function: Rule) -> Rule:
        if rule_id in _registered:
            raise ValueError(f"two rules are called {rule_id}")
        if not function.__doc__:
            raise ValueError(f"the rule {rule_id} does not say what it looks for")
        _registered[rule_id] = function
        return function

    return register


def error(message: str, remedy: str, place: Place = NOWHERE) -> Fault:
    """A fault that forbids sending."""
    return Fault(Severity.ERROR, message, remedy, place)


def warning(message: str, remedy: str, place: Place = NOWHERE) -> Fault:
    """A fault worth mending that does not stop anybody."""
    return Fault(Severity.WARNING, message, remedy, place)


def unless_local(subject: Subject, message: str, remedy: str, place: Place = NOWHERE) -> Fault:
    """An error, but a warning while mail goes no further than this machine: trying things out is welcome."""
    return (warning if subject.config.is_local else error)(message, remedy, place)


def catalogue() -> dict[str, str]:
    """Every id in alphabetical order, with one line on what it looks for."""
    lines = {rule_id: str(function.__doc__).strip().split("\n")[0] for rule_id, function in _rules().items()}
    return dict(sorted((lines | UNLISTED).items()))


def findings(subject: Subject) -> Iterator[Finding]:
    """What all rules say about `subject`, in no particular order."""
    for rule_id, function in _rules().items():
        for fault in function(subject):
            place = fault.place
            yield Finding(rule_id, fault.severity, fault.message, fault.remedy, place.path, place.line)


@cache
def _rules() -> dict[str, Rule]:
    """All rules. Every module in `rules/` is imported, so that a new family only adds a file."""
    from newsletter.checks import rules

    for module in pkgutil.iter_modules(rules.__path__):
        importlib.import_module(f"{rules.__name__}.{module.name}")
    return dict(sorted(_registered.items()))

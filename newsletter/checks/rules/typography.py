"""Type: large enough to read, and set so that eyes find the next line."""

from __future__ import annotations

from collections.abc import Iterator

from newsletter.checks.looks import Run
from newsletter.checks.registry import ERROR, INFO, WARNING, Fault, error, info, rule, warning
from newsletter.checks.subject import Subject, short

SMALL, TOO_SMALL = 14, 11
RUNNING = 60
"""Characters from which a piece of text is read and not only glanced at."""
LONG = 320
_RAISED = frozenset({"sup", "sub"})


@rule("type.min-size", ERROR, WARNING)
def min_size(subject: Subject) -> Iterator[Fault]:
    """Running text has 14 pixels, nothing has less than 11: phones enlarge what is smaller, and break the layout."""
    for run in subject.looks.runs:
        if run.element.tag == "img" or _is_raised(run):
            continue  # alt text is img.blocked's business
        if run.light.size < TOO_SMALL:
            make, least = error, TOO_SMALL
        elif run.light.size < SMALL and len(run.text) >= RUNNING:
            make, least = warning, SMALL
        else:
            continue
        yield make(
            f'"{short(run.text, 40)}" is set in {run.light.size:g} pixels; {least} is the least for it.',
            "Raise font-size in theme.css.",
            subject.made_by(run.element),
        )
        return


@rule("type.line-length", INFO)
def line_length(subject: Subject) -> Iterator[Fault]:
    """No justified text, no long text centred or in capitals: each makes the next line hard to find."""
    for run in subject.looks.runs:
        look = run.light
        letters = [each for each in run.text if each.isalpha()]
        capitals = look.transform == "uppercase" or (bool(letters) and run.text.isupper())
        if look.align == "justify" and len(run.text) >= RUNNING:
            problem, remedy = "is justified, which tears holes into narrow columns", "Set text-align: start."
        elif look.align == "center" and len(run.text) >= LONG:
            problem, remedy = "is long and centred", "Set text-align: start; centre only a line or two."
        elif capitals and len(letters) >= RUNNING:
            problem, remedy = "is long and in capitals", "Write it in small letters."
        else:
            continue
        yield info(f'"{short(run.text, 40)}" {problem}.', remedy, subject.made_by(run.element))
        return


def _is_raised(run: Run) -> bool:
    return run.element.tag in _RAISED or any(each.tag in _RAISED for each in run.element.iterancestors())

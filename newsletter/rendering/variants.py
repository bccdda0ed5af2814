"""Editions: an issue as one list gets it, rendered once for each group of readers that it tells apart.

An issue without conditions is one rendering and is stored as that, so nothing changes for most issues. What
anybody may read, the archive's page included, is the rendering for nobody in particular, and only that.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Self

from newsletter.content.variants import answers
from newsletter.errors import RenderError
from newsletter.rendering.slots import Rendered, rendered_from_json, rendered_to_json

_OPENING = '{"answers":'
"""How several renderings begin in JSON; one alone begins with its own first key."""


@dataclass(frozen=True)
class Edition:
    """Renderings of one issue for one list; what a reader gets follows from their tags alone."""

    renderings: tuple[Rendered, ...]
    """The first is for readers without tags."""
    names: tuple[tuple[str, ...], ...] = ((),)
    """For each rendering the fewest tags that lead to it."""
    questions: tuple[tuple[str, ...], ...] = ()
    """Each asks whether a reader has any of these tags."""
    answers: Mapping[str, int] = field(default_factory=lambda: {"": 0})
    """Answers to all questions in order, `1` for yes and `0` for no → position in `renderings`."""

    @classmethod
    def of(cls, rendered: Rendered) -> Self:
        """One rendering for everybody."""
        return cls((rendered,))

    @property
    def public(self) -> Rendered:
        """What anybody may read."""
        return self.renderings[0]

    def number(self, reader: Collection[str]) -> int:
        """The position of the rendering for a reader with these tags."""
        return self.answers[answers(self.questions, reader)]

    def for_reader(self, reader: Collection[str]) -> Rendered:
        """What a reader with these tags gets."""
        return self.renderings[self.number(reader)]


def edition_to_json(edition: Edition) -> str:
    """One line of JSON, the same for equal values; one rendering for everybody is written as by `rendered_to_json`."""
    if len(edition.renderings) == 1:
        return rendered_to_json(edition.public)
    stored = {
        "answers": dict(edition.answers),
        "names": edition.names,
        "questions": edition.questions,
        "renderings": [rendered_to_json(rendered) for rendered in edition.renderings],
    }
    return json.dumps(stored, sort_keys=True, separators=(",", ":"))


def edition_from_json(document: str) -> Edition:
    """The value that `edition_to_json` wrote. Raises `RenderError` when the document is something else."""
    if not document.startswith(_OPENING):
        return Edition.of(rendered_from_json(document))
    try:
        stored = json.loads(document)
        return Edition(
            renderings=tuple(map(rendered_from_json, stored["renderings"])),
            names=tuple(map(tuple, stored["names"])),
            questions=tuple(map(tuple, stored["questions"])),
            answers=stored["answers"],
        )
    except (ValueError, TypeError, KeyError) as error:
        raise RenderError("The stored issue cannot be read.", hint="It was written by another version.") from error

"""A draft: the issue as it is on disk at one moment, and copies of it for whoever is asked about.

Whatever is wrong with it is part of it, so that the studio outlives every mistake. A rendering is made for each
group of readers when somebody first wants to see what they get.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field, replace

from newsletter.checks import unrenderable
from newsletter.checks.findings import Finding, Severity, from_error
from newsletter.content.values import Issue
from newsletter.errors import NewsletterError, NotFoundError
from newsletter.rendering.slots import Rendered
from newsletter.site import Site
from newsletter.web.studio.proofs import Proof, more_articles, take_apart
from newsletter.web.studio.readers import SAMPLE, reader

SAVE_AGAIN = "Save the file again; if that does not help, it is a fault of the program."


@dataclass(frozen=True)
class Whose:
    """Which copy is looked at."""

    reader: str = SAMPLE
    """A guest's key, or the address of somebody on file."""
    list_slug: str = ""
    """Empty: the first list."""
    tags: tuple[str, ...] = ()
    """Of a guest; somebody on file has tags of their own."""


@dataclass
class Draft:
    """One issue at one moment; safe to ask from several threads."""

    version: int
    site: Site
    issue: Issue | None = None
    trouble: Finding | None = None
    milliseconds: float = 0.0
    """What it took to load it and to make the first copy."""
    _renderings: dict[tuple[str, tuple[str, ...]], Rendered] = field(default_factory=dict)
    _files: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    _proofs: dict[Whose, Proof] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def proof(self, whose: Whose) -> Proof:
        """The copy for somebody. Raises `NewsletterError` for whatever keeps them from having one."""
        if self.issue is None:
            raise NotFoundError("There is nothing to show until that is mended.")
        if whose not in self._proofs:
            who = reader(self.site, whose.reader)
            is_on_file = "@" in whose.reader
            rendered = self._rendered(self.issue, whose.list_slug, tuple(who["tags"]) if is_on_file else whose.tags)
            copy = self.site.copy(self.issue.slug, rendered, list_slug=whose.list_slug or None, reader=dict(who))
            if is_on_file:  # they may change at any time
                return take_apart(copy)
            self._proofs[whose] = take_apart(copy)
        return self._proofs[whose]

    def picture(self, name: str) -> tuple[str, bytes] | None:
        """Media type and bytes of a picture of any rendering so far, or None."""
        return self._files.get(name)

    def variants(self) -> list[dict[str, str]]:
        """Every variant for every list, as `{list, title, tags}`; empty while that cannot be said."""
        if self.issue is None:
            return []
        try:
            return [
                {"list": each.slug, "title": each.title, "tags": ",".join(variant.tags)}
                for each in self.site.config.lists
                for variant in self.site.variants(self.issue, each.slug).each
            ]
        except NewsletterError:
            return []

    def room(self, size: int) -> int | None:
        """About how many more articles fit behind `size` bytes of HTML, reckoned from what those of this issue take."""
        if self.issue is None:
            return None
        try:
            bare = replace(self.issue, articles=())
            copy = self.site.copy(bare.slug, self.site.render(bare))
        except NewsletterError:
            return None
        return more_articles(size, take_apart(copy).clip_size, len(self.issue.articles))

    def _rendered(self, issue: Issue, list_slug: str, tags: tuple[str, ...]) -> Rendered:
        with self._lock:
            key = (list_slug, tags)
            if key not in self._renderings:
                rendered = self.site.render(issue, list_slug=list_slug or None, tags=tags)
                self._renderings[key] = rendered
                self._files.update(rendered.files)
            return self._renderings[key]


def drafted(site: Site, slug: str, version: int, whose: Whose) -> Draft:
    """The issue as it is now, its copy for `whose` made already; its trouble when there is any."""
    began = time.perf_counter()
    draft = Draft(version, site)
    try:
        draft.issue = site.load(slug)
        draft.proof(Whose(list_slug=whose.list_slug, tags=whose.tags))
    except Exception as error:  # whatever a half-saved file leads to, the studio stays up
        draft.trouble = trouble(error, site)
    draft.milliseconds = 1000 * (time.perf_counter() - began)
    return draft


def trouble(error: Exception, site: Site | None = None) -> Finding:
    """What went wrong, with its place; a fault of the theme is looked for where its rules say that it is."""
    if not isinstance(error, NewsletterError):
        return Finding("render", Severity.ERROR, f"{type(error).__name__}: {error}", SAVE_AGAIN)
    found = from_error(error)
    if found.path is None and site is not None:
        try:
            return unrenderable(error, site.environment)[0]
        except NewsletterError:
            return found
    return found

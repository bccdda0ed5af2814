"""What lies on the light table: the newest draft of one issue, made once after every change.

A change of the issue's own files needs no more than loading it again; a change of templates or configuration
opens the Site anew. So the studio recovers by itself when a mistake is mended.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from newsletter.checks.findings import Finding
from newsletter.checks.reporters import as_json
from newsletter.config import FILE_NAME
from newsletter.errors import ConfigError, NewsletterError
from newsletter.rendering import themes
from newsletter.rendering.clients import GMAIL_CLIPS_AT
from newsletter.rendering.environment import make_environment
from newsletter.site import Checked, Site
from newsletter.web.studio.drafts import Draft, Whose, drafted, trouble
from newsletter.web.studio.proofs import Proof, document
from newsletter.web.studio.sources import Source, excerpt, name_of, sources
from newsletter.web.studio.watching import Signature, Watcher, signature


class Desk:
    """One issue, always as it is on disk now."""

    def __init__(self, slug: str, open_site: Callable[[], Site]) -> None:
        """`open_site` opens the Site, again whenever its configuration or its templates change.

        Raises `ConfigError` when that does not work the first time.
        """
        self.slug = slug
        self.version = 1
        self.pages = make_environment(None)
        self._open_site = open_site
        self._last = Whose()
        self._news = threading.Condition()
        self._is_over = False
        self._checking = threading.Lock()
        self._site = open_site()
        self._house = _house(self._site)
        self._seen: Signature = signature(self._house)
        self._draft = drafted(self._site, slug, self.version, self._last)
        self._watcher = Watcher(self._places, self._changed)

    # -- life ------------------------------------------------------------------------------------

    def start(self) -> None:
        """Follow the files from now on."""
        self._watcher.start()

    def close(self) -> None:
        """Follow nothing any more, and let go of everybody who waits."""
        self._watcher.stop()
        with self._news:
            self._is_over = True
            self._news.notify_all()
        self._site.close()

    def wait(self, known: int, timeout: float) -> int | None:
        """The number of a draft that is not `known`, as soon as there is one; None after `timeout` seconds.

        Raises `EOFError` when there will be no more.
        """
        with self._news:
            self._news.wait_for(lambda: self._is_over or self.version != known, timeout)
            if self._is_over:
                raise EOFError
            return None if self.version == known else self.version

    # -- what is shown -------------------------------------------------------------------------------

    @property
    def draft(self) -> Draft:
        """The newest one."""
        return self._draft

    def proof(self, whose: Whose) -> Proof:
        """The newest copy for somebody. Raises `NewsletterError`."""
        self._last = whose
        return self._draft.proof(whose)

    def document(self, key: str, whose: Whose) -> str:
        """A view as a document, its pictures served from here. Raises `NewsletterError`."""
        return document(self.pages, self.proof(whose), key, lambda name: f"/media/{name}")

    def sources(self) -> list[Source]:
        """The files that may be looked at."""
        try:
            return sources(self._draft.site, self.slug)
        except NewsletterError:  # a theme that is not there; the draft's trouble says so
            return []

    def state(self, whose: Whose) -> dict[str, Any]:
        """What the page has to know about the newest draft, as JSON can carry it."""
        draft, files = self._draft, self.sources()
        wrong, mail = draft.trouble, None
        if wrong is None:
            try:
                proof = self.proof(whose)
            except NewsletterError as error:
                wrong = trouble(error)
            else:
                mail = {
                    "subject": proof.subject,
                    "html_size": proof.clip_size,
                    "message_size": len(proof.message),
                    "limit": GMAIL_CLIPS_AT,
                }
        return {
            "version": draft.version,
            "milliseconds": round(draft.milliseconds, 1),
            "files": [{"name": each.name, "group": each.group} for each in files],
            "variants": draft.variants(),
            "trouble": None if wrong is None else _told(wrong, files),
            "mail": mail,
        }

    def checks(self, whose: Whose) -> dict[str, Any]:
        """What the linter says about the files as they are, and how many more articles fit."""
        with self._checking:
            draft, files = self._draft, self.sources()
            try:
                checked = draft.site.check(self.slug)
                more = draft.room(draft.proof(whose).clip_size)
            except NewsletterError as error:
                checked, more = Checked(self.slug, [trouble(error)]), None
            report = as_json(self.slug, checked.findings)
            for row, finding in zip(report["findings"], checked.findings, strict=True):
                row["file"] = name_of(files, finding.path)
            return {**report, "version": draft.version, "more_articles": more}

    # -- following the files -----------------------------------------------------------------------

    def _changed(self) -> None:
        version = self.version + 1
        try:
            self._draft = drafted(self._site_now(), self.slug, version, self._last)
        except (NewsletterError, OSError) as error:
            self._draft = Draft(version, self._site, trouble=trouble(error))
        with self._news:
            self.version = version
            self._news.notify_all()

    def _site_now(self) -> Site:
        """The Site, opened anew when anything but the issue has changed."""
        seen = signature(self._house)
        if seen != self._seen:
            opened = self._open_site()
            self._site.close()
            self._site, self._house = opened, _house(opened)
            self._seen = signature(self._house)
        return self._site

    def _places(self) -> list[Path]:
        """Everything whose change is to be noticed: the Site, the issue, and what issues share."""
        found = _below(self._site.issues_dir)
        return [*self._house, *(each for each in found if each.name == self.slug or not (each / "issue.md").exists())]


def _house(site: Site) -> list[Path]:
    """What the Site is made of: configuration and templates."""
    folders = {site.root / "templates"}
    with contextlib.suppress(ConfigError):  # a theme that is not there yet
        folders |= set(themes.folders(site.templates, site.config.theme.name))
    of_issues = [each for folder in sorted(folders) for each in (folder / "issue", folder / "themes")]
    return [site.root / FILE_NAME, site.root / ".env", *of_issues]


def _below(folder: Path) -> list[Path]:
    try:
        return [each for each in folder.iterdir() if not each.name.startswith(".")]
    except OSError:
        return []


def _told(wrong: Finding, files: list[Source]) -> dict[str, Any]:
    name = name_of(files, wrong.path)
    return {
        "message": wrong.message,
        "remedy": wrong.remedy,
        "file": name or (wrong.path.name if wrong.path else ""),
        "is_listed": bool(name),
        "line": wrong.line,
        "excerpt": excerpt(wrong.path, wrong.line) if name else [],
    }

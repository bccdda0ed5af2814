"""Authoring: an issue loaded, rendered, checked, copied for a sample reader, and launched."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from newsletter import addresses
from newsletter.content import variants
from newsletter.content.cache import Cache
from newsletter.content.fitting import Fitter
from newsletter.content.loader import list_issues, load_issue
from newsletter.content.values import Issue
from newsletter.content.variants import Variant, Variants
from newsletter.errors import NewsletterError, NotFoundError
from newsletter.site.folder import Folder
from newsletter.subscribers import lifecycle, people

if TYPE_CHECKING:
    from pathlib import Path

    from newsletter.campaigns.approval import Approval, Fingerprint
    from newsletter.campaigns.launch import Launched, Order
    from newsletter.checks.extras import Extras
    from newsletter.checks.findings import Finding
    from newsletter.rendering.slots import Rendered
    from newsletter.rendering.variants import Edition


@dataclass(frozen=True)
class Checked:
    """An issue that was looked at: what was found, and unless it could not be made the rendering for anybody."""

    slug: str
    findings: list[Finding]
    issue: Issue | None = None
    rendered: Rendered | None = None
    message: bytes = b""
    editions: Mapping[str, Edition] = field(default_factory=dict)
    """For each list, by its slug, what is sent to it."""


class Authoring(Folder):
    """What is done with the issues of a Site."""

    def issues(self) -> list[str]:
        """The slugs of all issues."""
        return list_issues(self.issues_dir)

    def load(self, slug: str) -> Issue:
        """The content of one issue, or the error of its first fault."""
        return load_issue(self.issues_dir, slug, language=self.config.language, typography=self.config.typography)

    def variants(self, issue: Issue, list_slug: str | None = None) -> Variants:
        """The issue as each group of readers of a list gets it."""
        return variants.variants(issue, self.config.list(list_slug).slug, [each.slug for each in self.config.lists])

    def render(self, issue: Issue, *, list_slug: str | None = None, tags: Collection[str] = ()) -> Rendered:
        """The issue as readers with these tags get it, rendered once for all of them; without tags as anybody may."""
        found = self.variants(issue, list_slug)
        return self._render(found.of(tags).issue, found.each[0].issue)

    def editions(self, issue: Issue) -> dict[str, Edition]:
        """The issue for each list, by its slug; what lists have in common is rendered once."""
        from newsletter.rendering.variants import Edition

        done: list[tuple[Variants, Edition]] = []
        found = {}
        for each in self.config.lists:
            wanted = self.variants(issue, each.slug)
            edition = next((edition for before, edition in done if before == wanted), None)
            if edition is None:
                public = wanted.each[0].issue
                edition = Edition(
                    renderings=tuple(self._render(variant.issue, public) for variant in wanted.each),
                    names=tuple(variant.tags for variant in wanted.each),
                    questions=wanted.questions,
                    answers=wanted.answers,
                )
                done.append((wanted, edition))
            found[each.slug] = edition
        return found

    def _render(self, issue: Issue, public: Issue) -> Rendered:
        """One variant of an issue; `public` is what its page shows."""
        from newsletter.rendering.issue import render_issue

        return render_issue(
            self.environment,
            issue,
            self.config,
            view_url=self.letterhead.view_url(issue.slug),
            media_url=self.letterhead.picture_url,
            page_media_url=lambda image: f"/media/{image.media_name}",
            public=None if issue is public else public,
            fit=self.fitter.fit,
        )

    @cached_property
    def fitter(self) -> Fitter:
        """Makes the files of pictures; what it made before is in `var/cache/images`."""
        return Fitter(Cache(self.var / "cache" / "images"), self.config.images.quality)

    def copy(
        self,
        slug: str,
        rendered: Rendered,
        *,
        list_slug: str | None = None,
        reader: dict[str, Any] | None = None,
        mark: str = "",
    ) -> bytes:
        """One copy outside the ledger: what a real reader would get, but for links that do nothing."""
        from newsletter.campaigns.compose import sample_copy

        return sample_copy(
            self.letterhead,
            self.config.list(list_slug),
            slug,
            rendered,
            reader or self.sample_reader,
            self.clock(),
            mark,
            self.signer,
        )

    def check(self, slug: str, extras: Extras | None = None) -> Checked:
        """Load, render and look at an issue; faults become findings, never exceptions.

        `extras` is what was asked for beside the rules: links, spam filter, more facts about mail programs.
        """
        from newsletter.checks import unrenderable
        from newsletter.checks.findings import from_error

        _ = self.keys, self.signer  # a key that cannot be used is no fault of the issue
        try:
            issue = self.load(slug)
        except NotFoundError:
            raise
        except NewsletterError as error:
            return Checked(slug, [from_error(error)])
        try:
            editions = self.editions(issue)
            rendered = editions[self.config.default_list.slug].public
            message = self.copy(slug, rendered)
            findings = self._findings(issue, editions, extras)
        except NewsletterError as error:
            return Checked(slug, unrenderable(error, self.environment), issue)
        return Checked(slug, findings, issue, rendered, message, editions)

    def _findings(self, issue: Issue, editions: Mapping[str, Edition], extras: Extras | None) -> list[Finding]:
        """What the rules find in any variant of the issue."""
        from newsletter.checks import check_issue
        from newsletter.checks.extras import NOTHING_MORE
        from newsletter.checks.variants import united

        found: dict[str, list[Finding]] = {}
        looked_at: list[Edition] = []
        for slug, edition in editions.items():
            if edition in looked_at:
                continue
            looked_at.append(edition)
            place = "" if all(each is edition for each in editions.values()) else f" of the list {slug}"
            for variant, rendered in zip(self.variants(issue, slug).each, edition.renderings, strict=True):
                message = self.copy(issue.slug, rendered, list_slug=slug)
                found[_readers(variant) + place] = check_issue(
                    variant.issue, rendered, message, self.config, env=self.environment, extras=extras or NOTHING_MORE
                )
        return united(found)

    def order(self, checked: Checked, list_slug: str | None, at: datetime | None = None) -> Order:
        """What `launch` is asked to send."""
        from newsletter.campaigns.launch import Order

        with self.database.write() as connection:
            lifecycle.wake(connection, self.clock())
        target = self.config.list(list_slug)
        edition = checked.editions.get(target.slug)
        return Order(
            slug=checked.slug,
            content=(checked.issue, edition) if checked.issue and edition else None,
            list_id=self.list_ids[target.slug],
            list_slug=target.slug,
            is_trial=self.config.uses_sandbox,
            at=at,
        )

    def launch(self, order: Order, *, errors: Sequence[str], expect: int | None) -> Launched:
        """Start or continue a campaign, once its database is known for ours and every copy of it for complete."""
        from newsletter.campaigns import dryfill, launch

        self.fence.require()
        with self.database.read() as connection:
            is_new = launch.plan(connection, order).campaign_id is None
            if is_new and order.content is not None and not errors:
                if self.config.require_approval:
                    self.require_approval(order.content[0], {order.list_slug: order.content[1]})
                dryfill.require_complete(connection, order, self.letterhead.view_url(order.slug) or "")
        with self.database.write() as connection:
            return launch.launch(connection, order, errors=errors, expect=expect, now=self.clock())

    # -- approval --------------------------------------------------------------------------------

    def approve(self, issue: Issue, editions: Mapping[str, Edition], *, by: str) -> tuple[Approval, Path]:
        """Write down that somebody says yes to the issue as it is; returns that and its file."""
        from newsletter.campaigns import lockfile
        from newsletter.campaigns.approval import Approval
        from newsletter.campaigns.revision import revision_of

        revision = revision_of(self.root, but_for=lockfile.FILE_NAME)
        approval = Approval(
            issue=issue.slug,
            by=by,
            at=self.clock().replace(microsecond=0),
            seen=self._fingerprint(issue, editions),
            commit=revision.commit if revision else "",
            is_clean=revision.is_clean if revision else False,
        )
        return approval, lockfile.write(issue.path, approval)

    def require_approval(self, issue: Issue, editions: Mapping[str, Edition]) -> Approval:
        """The approval that covers what these lists get; `UnapprovedError` when there is none, or anything drifted."""
        from newsletter.campaigns import approval, lockfile

        return approval.require(issue.slug, lockfile.read(issue.path), self._fingerprint(issue, editions))

    def _fingerprint(self, issue: Issue, editions: Mapping[str, Edition]) -> Fingerprint:
        from newsletter.campaigns.approval import fingerprint

        return fingerprint(issue, editions, self.config, self.environment, self.issues_dir)

    # -- sample readers ---------------------------------------------------------------------------

    def reader(self, email: str) -> dict[str, Any] | None:
        """A subscriber as the reader of a preview or a test copy; None for strangers."""
        address = addresses.parse(email)
        with self.database.read() as connection:
            person = people.find(connection, address.key)
        if person is None:
            return None
        return {"email": person.email, "name": person.name, "fields": person.fields, "tags": person.tags}

    def stranger(self, email: str) -> dict[str, Any]:
        """Somebody who is not on file as such a reader: their address, and the rest of the sample reader."""
        return {**self.sample_reader, "email": addresses.parse(email).email}

    @property
    def sample_reader(self) -> dict[str, Any]:
        """Who previews and checks are addressed to: somebody with a value in every declared field."""
        fields = {each.name: each.label or each.name for each in self.config.fields}
        return {"email": "reader@example.net", "name": "Ada Reader", "fields": fields, "tags": ()}


def _readers(variant: Variant) -> str:
    """Who gets a variant, in words."""
    return f"readers tagged {', '.join(variant.tags)}" if variant.tags else "readers without tags"

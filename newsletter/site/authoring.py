"""Authoring: an issue loaded, rendered, checked, copied for a sample reader, and launched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from newsletter import addresses
from newsletter.content.cache import Cache
from newsletter.content.fitting import Fitter
from newsletter.content.loader import list_issues, load_issue
from newsletter.content.values import Issue
from newsletter.errors import NewsletterError, NotFoundError
from newsletter.site.folder import Folder
from newsletter.subscribers import people

if TYPE_CHECKING:
    from newsletter.campaigns.launch import Launched, Order
    from newsletter.checks.extras import Extras
    from newsletter.checks.findings import Finding
    from newsletter.rendering.slots import Rendered


@dataclass(frozen=True)
class Checked:
    """An issue that was looked at: what was found, and the rendering unless it could not be made."""

    slug: str
    findings: list[Finding]
    issue: Issue | None = None
    rendered: Rendered | None = None
    message: bytes = b""


class Authoring(Folder):
    """What is done with the issues of a Site."""

    def issues(self) -> list[str]:
        """The slugs of all issues."""
        return list_issues(self.issues_dir)

    def load(self, slug: str) -> Issue:
        """The content of one issue, or the error of its first fault."""
        return load_issue(
            self.issues_dir, slug, language=self.config.language, typography=self.config.typography
        )

    def render(self, issue: Issue) -> Rendered:
        """The issue rendered once for everybody."""
        from newsletter.rendering.issue import render_issue

        return render_issue(
            self.environment,
            issue,
            self.config,
            view_url=self.letterhead.view_url(issue.slug),
            media_url=self.letterhead.picture_url,
            page_media_url=lambda image: f"/media/{image.media_name}",
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
        from newsletter.checks import check_issue, unrenderable
        from newsletter.checks.extras import NOTHING_MORE
        from newsletter.checks.findings import from_error

        _ = self.keys, self.signer  # a key that cannot be used is no fault of the issue
        try:
            issue = self.load(slug)
        except NotFoundError:
            raise
        except NewsletterError as error:
            return Checked(slug, [from_error(error)])
        try:
            rendered = self.render(issue)
            message = self.copy(slug, rendered)
        except NewsletterError as error:
            return Checked(slug, unrenderable(error, self.environment), issue)
        env, more = self.environment, extras or NOTHING_MORE
        findings = check_issue(issue, rendered, message, self.config, env=env, extras=more)
        return Checked(slug, findings, issue, rendered, message)

    def order(self, checked: Checked, list_slug: str | None, at: datetime | None = None) -> Order:
        """What `launch` is asked to send."""
        from newsletter.campaigns.launch import Order

        target = self.config.list(list_slug)
        return Order(
            slug=checked.slug,
            content=(checked.issue, checked.rendered) if checked.issue and checked.rendered else None,
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
                dryfill.require_complete(connection, order, self.letterhead.view_url(order.slug) or "")
        with self.database.write() as connection:
            return launch.launch(connection, order, errors=errors, expect=expect, now=self.clock())

    # -- sample readers ---------------------------------------------------------------------------

    def reader(self, email: str) -> dict[str, Any] | None:
        """A subscriber as the reader of a preview or a test copy; None for strangers."""
        address = addresses.parse(email)
        with self.database.read() as connection:
            person = people.find(connection, address.key)
        return None if person is None else {"email": person.email, "name": person.name, "fields": person.fields}

    def stranger(self, email: str) -> dict[str, Any]:
        """Somebody who is not on file as such a reader: their address, and the rest of the sample reader."""
        return {**self.sample_reader, "email": addresses.parse(email).email}

    @property
    def sample_reader(self) -> dict[str, Any]:
        """Who previews and checks are addressed to: somebody with a value in every declared field."""
        fields = {field.name: field.label or field.name for field in self.config.fields}
        return {"email": "reader@example.net", "name": "Ada Reader", "fields": fields}

"""An opened Site: the one place where configuration, database, templates and transports are wired together.

Everything below this module is handed what it needs; everything above asks the Site for it. Parts are
made when they are first used, so that a command pays only for what it does.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from newsletter import addresses, config, starter
from newsletter.clock import Clock, utc_now
from newsletter.config import Config, ListConfig, Origins
from newsletter.content.loader import list_issues, load_issue
from newsletter.content.values import Image, Issue
from newsletter.deliveries.claims import Delivery, Scope
from newsletter.deliveries.fence import Fence
from newsletter.deliveries.pacing import Limits
from newsletter.deliveries.sender import Policies, Progress, Sender
from newsletter.errors import ConfigError, NewsletterError, NotFoundError
from newsletter.store import migrate
from newsletter.store.engine import Database
from newsletter.store.schema import CampaignKind, SuppressionReason
from newsletter.subscribers import lifecycle, people, suppression
from newsletter.subscribers.letterhead import Letterhead
from newsletter.subscribers.wanted import still_wanted
from newsletter.tokens import KeyRing
from newsletter.transport.base import Envelope, Outcome, Phase, Transport, Verdict

if TYPE_CHECKING:
    from jinja2 import Environment

    from newsletter.campaigns.launch import Launched, Order
    from newsletter.checks.findings import Finding
    from newsletter.rendering.slots import Rendered
    from newsletter.transport.dkim import Signer
    from newsletter.transport.sandbox import Sandbox
    from newsletter.transport.smtp import SmtpTransport

DEAD_MAILBOX = frozenset({"5.1.1", "5.1.10"})
"""Enhanced codes that say the mailbox does not exist (RFC 3463 §3.2, RFC 7505 §4.1)."""

MOST_SIGNERS = 4
"""Threads that compose and sign: more than these are not kept busy by one sender."""


@dataclass(frozen=True)
class Checked:
    """An issue that was looked at: what was found, and the rendering unless it could not be made."""

    slug: str
    findings: list[Finding]
    issue: Issue | None = None
    rendered: Rendered | None = None
    message: bytes = b""


class Site:
    """A folder with `newsletter.toml`, `templates/` and `issues/`."""

    def __init__(
        self, root: Path, settings: Config, origins: Origins, clock: Clock = utc_now, *, instance_id: str = ""
    ) -> None:
        """`instance_id` is NEWSLETTER_INSTANCE_ID: taken from the environment only, for `.env` is copied along."""
        self.root = root
        self.config = settings
        self.origins = origins
        self.clock = clock
        self.instance_id = instance_id
        self.var = root / "var"
        self._sandbox: Sandbox | None = None

    @classmethod
    def open(cls, folder: Path | None = None, clock: Clock = utc_now) -> Site:
        """The Site in `folder`, or the nearest one upwards from here."""
        root = folder.resolve() if folder is not None else find_root(Path.cwd())
        settings, origins = config.load(root)
        return cls(root, settings, origins, clock, instance_id=os.environ.get("NEWSLETTER_INSTANCE_ID", ""))

    def close(self) -> None:
        """Stop what was started and give files back."""
        if self._sandbox is not None:
            self._sandbox.stop()
            self._sandbox = None
        if "any_database" in self.__dict__:
            self.any_database.close()

    def __enter__(self) -> Site:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    # -- store and keys ------------------------------------------------------------------------

    @cached_property
    def any_database(self) -> Database:
        """The database whatever its schema; for `db` commands only."""
        return Database(self.config.database.url, self.root, self.config.database.durability)

    @cached_property
    def database(self) -> Database:
        """The database, its schema checked and its lists in step with `[[lists]]`."""
        database = self.any_database
        migrate.require_current(database)
        slugs = tuple(each.slug for each in self.config.lists)
        with database.read() as connection:
            missing = set(slugs) - lifecycle.list_ids(connection).keys()
        if missing:
            with database.write() as connection:
                lifecycle.mirror_lists(connection, slugs)
        return database

    @cached_property
    def fence(self) -> Fence:
        """What keeps a copy of the database from sending."""
        return Fence(self.database, self.var / "instance", override=self.instance_id, is_local=self.config.is_local)

    def upgrade(self) -> tuple[str | None, str]:
        """Create the database or bring its schema up to date, and make it our own when it was nobody's."""
        before, after = migrate.upgrade(self.any_database)
        self.fence.settle_in(is_new=before is None, now=self.clock())
        return before, after

    @cached_property
    def keys(self) -> KeyRing:
        """The key ring."""
        return KeyRing.load(self.keys_path)

    @property
    def keys_path(self) -> Path:
        """Where the key ring is."""
        return self.root / self.config.keys.file

    @cached_property
    def list_ids(self) -> dict[str, int]:
        """Row number of every configured list by its slug."""
        with self.database.read() as connection:
            known = lifecycle.list_ids(connection)
        return {each.slug: known[each.slug] for each in self.config.lists}

    @cached_property
    def lists_by_id(self) -> dict[int, ListConfig]:
        """Every configured list by its row number."""
        return {self.list_ids[each.slug]: each for each in self.config.lists}

    # -- content and rendering -----------------------------------------------------------------

    @property
    def issues_dir(self) -> Path:
        """The folder of issues."""
        return self.root / "issues"

    @cached_property
    def environment(self) -> Environment:
        """The template environment: the Site's templates over the packaged ones."""
        from newsletter.rendering.environment import make_environment

        own = self.root / "templates"
        return make_environment(own if own != starter.templates() else None, self.config.language)

    @cached_property
    def letterhead(self) -> Letterhead:
        """The Site's stationery."""
        return Letterhead(self.config, self.keys)

    def issues(self) -> list[str]:
        """The slugs of all issues."""
        return list_issues(self.issues_dir)

    def load(self, slug: str) -> Issue:
        """The content of one issue, or the error of its first fault."""
        return load_issue(self.issues_dir, slug)

    def render(self, issue: Issue) -> Rendered:
        """The issue rendered once for everybody."""
        from newsletter.rendering.issue import render_issue

        return render_issue(
            self.environment,
            issue,
            self.config,
            view_url=self.letterhead.view_url(issue.slug),
            media_url=self.media_url,
            page_media_url=lambda image: f"/media/{image.media_name}",
        )

    def media_url(self, image: Image) -> str:
        """Where readers' mail programs fetch a picture."""
        return self.letterhead.link(f"media/{image.media_name}")

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

    def check(self, slug: str) -> Checked:
        """Load, render and look at an issue; faults become findings, never exceptions."""
        from newsletter.checks import check_issue
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
            return Checked(slug, [from_error(error)], issue)
        return Checked(slug, check_issue(issue, rendered, message, self.config), issue, rendered, message)

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

    # -- sending -------------------------------------------------------------------------------

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

    @cached_property
    def signer(self) -> Signer | None:
        """Who signs the mail, or None when that is left to the relay. Raises `ConfigError` without a usable key."""
        settings = self.config.dkim
        if not settings.domain:
            return None
        from newsletter.transport.dkim import Signer
        from newsletter.transport.dkim_keys import load_key

        return Signer(settings.domain, settings.selector, load_key(self.root / settings.key_path))

    def transport(self, *, impatient: bool = False) -> SmtpTransport:
        """The configured relay; without one the sandbox, started when none listens yet.

        `impatient` waits 30 seconds at most for anything, because somebody sits in front of it.
        """
        from newsletter.transport.smtp import SmtpSettings, SmtpTransport, Timeouts

        smtp = self.config.smtp
        if smtp is None:
            return SmtpTransport(self.sandbox().settings)
        seconds = smtp.timeout or (30.0 if impatient else None)
        patience = Timeouts() if seconds is None else Timeouts(*[seconds] * 6)
        return SmtpTransport(
            SmtpSettings(
                host=smtp.host,
                port=smtp.port,
                security=smtp.security,
                username=smtp.username or None,
                password=smtp.password.get_secret_value() if smtp.password else None,
                connections=smtp.connections,
                timeouts=patience,
                ca_file=self.root / smtp.ca_file if smtp.ca_file else None,
            )
        )

    def sandbox(self) -> Sandbox:
        """The sandbox inbox of this Site: the one that runs already, or one of ours until `close`."""
        from newsletter.transport.sandbox import Sandbox

        if self._sandbox is None or Sandbox.running(self.sandbox_folder) is None:
            self._sandbox = Sandbox.start_or_join(self.sandbox_folder)
        return self._sandbox

    @property
    def sandbox_folder(self) -> Path:
        """Where the sandbox keeps its mails."""
        return self.var / "sandbox"

    def sender(
        self, *, campaign_id: int | None = None, progress: Progress | None = None, transport: Transport | None = None
    ) -> Sender:
        """A sender for one campaign, or for everything that is due."""
        smtp, pacing = self.config.smtp, self.config.pacing
        policies = Policies(
            compose=self._compose(),
            still_wanted=still_wanted(),
            on_outcome=self._on_outcome,
            limits=Limits(pacing.rate, smtp.rate, pacing.providers) if smtp else None,
            fence=self.fence,
            compose_threads=min(MOST_SIGNERS, os.cpu_count() or 1) if self.signer else 0,
        )
        return Sender(
            self.database,
            transport or self.transport(),
            policies,
            self.clock,
            scope=Scope(trial=self.config.uses_sandbox, campaign_id=campaign_id),
            progress=progress,
        )

    def housekeeping(self) -> None:
        """What time alone brings about: sign-ups that nobody confirmed expire."""
        with self.database.write() as connection:
            lifecycle.expire(connection, self.clock())

    def _compose(self) -> Any:
        from newsletter.campaigns.compose import IssueComposer
        from newsletter.subscribers.compose import MailComposer

        issues = IssueComposer(self.config, self.letterhead, self.lists_by_id, self.database, self.signer)
        mails = MailComposer(self.config, self.environment, self.letterhead, self.lists_by_id, self.signer)

        def compose(delivery: Delivery) -> Envelope:
            return issues.compose(delivery) if delivery.kind is CampaignKind.ISSUE else mails.compose(delivery)

        return compose

    def _on_outcome(self, connection: Connection, delivery: Delivery, outcome: Outcome) -> None:
        """A mailbox that does not exist is never mailed again; other refusals say nothing about the address."""
        if (
            outcome.verdict is Verdict.REJECTED
            and outcome.phase is Phase.RCPT
            and outcome.enhanced in DEAD_MAILBOX
            and not self.config.uses_sandbox
        ):
            person = people.by_uid(connection, delivery.uid)
            if person is not None:
                suppression.suppress(
                    connection,
                    person.address_hash,
                    SuppressionReason.HARD_BOUNCE,
                    self.clock(),
                    note=f"{outcome.code} {outcome.text}"[:200],
                )


def find_root(start: Path) -> Path:
    """The nearest folder upwards that holds `newsletter.toml`."""
    for folder in (start, *start.parents):
        if (folder / config.FILE_NAME).is_file():
            return folder
    raise ConfigError(
        f"There is no {config.FILE_NAME} here or above.",
        hint="Run `newsletter init DIR` to make a Site, or name one with --site DIR.",
    )

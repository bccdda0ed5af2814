"""A Site's folder, opened: its configuration, database, keys, templates and stationery.

Parts are made when they are first used, so that a command pays only for what it does.
"""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from newsletter import config, starter
from newsletter.clock import Clock, utc_now
from newsletter.config import Config, ListConfig, Origins
from newsletter.deliveries.fence import Fence
from newsletter.errors import ConfigError
from newsletter.store import revision
from newsletter.store.engine import Database
from newsletter.store.journal import Journal
from newsletter.subscribers import departures, lifecycle, series
from newsletter.subscribers.departures import CaughtUp
from newsletter.subscribers.letterhead import Letterhead
from newsletter.subscribers.turnout import Turnout
from newsletter.tokens import KeyRing

if TYPE_CHECKING:
    from jinja2 import Environment

    from newsletter.transport.dkim import Signer
    from newsletter.transport.sandbox import Sandbox


class Folder:
    """What is in the folder of a Site."""

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
        self._environments: dict[str, Environment] = {}

    @classmethod
    def open(cls, folder: Path | None = None, clock: Clock = utc_now) -> Self:
        """The Site in `folder`, or the nearest one upwards from here."""
        root = folder.resolve() if folder is not None else find_root(Path.cwd())
        settings, origins = config.load(root)
        return cls(root, settings, origins, clock, instance_id=os.environ.get("NEWSLETTER_INSTANCE_ID", ""))

    def close(self) -> None:
        """Stop what was started and give files back."""
        if self._sandbox is not None:
            self._sandbox.stop()
            self._sandbox = None
        if "turnout" in self.__dict__:
            self.turnout.write()
        if "any_database" in self.__dict__:
            self.any_database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    # -- store and keys ------------------------------------------------------------------------

    @cached_property
    def any_database(self) -> Database:
        """The database whatever its schema; for `db` commands only."""
        database = Database(self.config.database.url, self.root, self.config.database.durability)
        self.departures.attach(database.engine)
        return database

    @cached_property
    def departures(self) -> Journal:
        """Who left, beside the database."""
        return Journal(self.var / "departures")

    def catch_up(self) -> CaughtUp:
        """Have the database learn who left since it was taken, if it is a restored one."""
        return departures.catch_up(self.database, self.departures)

    @cached_property
    def database(self) -> Database:
        """The database, its schema checked and its lists in step with `[[lists]]`."""
        database = self.any_database
        revision.require_current(database)
        slugs = tuple(each.slug for each in self.config.lists)
        with database.read() as connection:
            missing = set(slugs) - lifecycle.list_ids(connection).keys()
        if missing:
            with database.write() as connection:
                lifecycle.mirror_lists(connection, slugs)
        self._mirror_series(database)
        return database

    def _mirror_series(self, database: Database) -> None:
        """Every step of `[[series]]` has its standing campaign; those that were taken out end."""
        with database.read() as connection:
            wanted = series.steps(self.config.series, lifecycle.list_ids(connection))
            is_current = series.is_current(connection, wanted)
        if not is_current:
            with database.write() as connection:
                series.mirror(connection, wanted, self.clock())

    @cached_property
    def fence(self) -> Fence:
        """What keeps a copy of the database from sending."""
        return Fence(self.database, self.var / "instance", override=self.instance_id, is_local=self.config.is_local)

    @cached_property
    def turnout(self) -> Turnout:
        """How many of those who see the confirmation page press its button."""
        return Turnout(self.var / "turnout.json")

    def upgrade(self) -> tuple[str | None, str]:
        """Create the database or bring its schema up to date, and make it our own when it was nobody's."""
        from newsletter.store import migrate

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

    # -- templates and stationery -----------------------------------------------------------------

    @property
    def issues_dir(self) -> Path:
        """The folder of issues."""
        return self.root / "issues"

    @property
    def templates(self) -> Path | None:
        """The Site's own templates; None where they are the packaged ones themselves."""
        own = self.root / "templates"
        return own if own != starter.templates() else None

    @cached_property
    def environment(self) -> Environment:
        """The template environment: the Site's templates over those of its theme, in the Site's language."""
        return self.environment_in(self.config.language)

    def environment_in(self, language: str) -> Environment:
        """The same templates with interface texts in another language, made once for each that the Site offers."""
        from newsletter.rendering.environment import make_environment

        offered = language if language in self.config.offered_languages else self.config.language
        if offered not in self._environments:
            self._environments[offered] = make_environment(self.templates, offered, self.config.theme.name)
        return self._environments[offered]

    @cached_property
    def letterhead(self) -> Letterhead:
        """The Site's stationery."""
        return Letterhead(self.config, self.keys)

    @cached_property
    def signer(self) -> Signer | None:
        """Who signs the mail, or None when that is left to the relay. Raises `ConfigError` without a usable key."""
        settings = self.config.dkim
        if not settings.domain:
            return None
        from newsletter.transport.dkim import Signer
        from newsletter.transport.dkim_keys import load_key

        return Signer(settings.domain, settings.selector, load_key(self.root / settings.key_path))


def find_root(start: Path) -> Path:
    """The nearest folder upwards that holds `newsletter.toml`."""
    for folder in (start, *start.parents):
        if (folder / config.FILE_NAME).is_file():
            return folder
    raise ConfigError(
        f"There is no {config.FILE_NAME} here or above.",
        hint="Run `newsletter init DIR` to make a Site, or name one with --site DIR.",
    )

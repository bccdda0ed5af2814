"""Migrations reach exactly the schema of this version, and everything else is refused with what to run."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text

from newsletter.errors import SchemaError, StoreError
from newsletter.store import migrate, revision
from newsletter.store.engine import Database


def test_migrations_reach_exactly_the_schema(database: Database) -> None:
    assert migrate.drift(database) == []
    assert revision.current(database) == revision.head()
    revision.require_current(database)


def test_upgrading_twice_changes_nothing(database: Database) -> None:
    assert migrate.upgrade(database) == (revision.head(), revision.head())


def test_missing_database_says_what_to_run_and_is_not_made(tmp_path: Path) -> None:
    database = Database("sqlite:///var/news.db", tmp_path)
    assert revision.current(database) is None
    with pytest.raises(SchemaError, match=r"no database.*`newsletter db upgrade`") as refused:
        revision.require_current(database)
    assert refused.value.exit_code == 3
    assert not (tmp_path / "var").exists()
    assert migrate.upgrade(database) == (None, revision.head())
    revision.require_current(database)
    database.close()


def test_empty_file_says_what_to_run(tmp_path: Path) -> None:
    (tmp_path / "news.db").touch()
    database = Database("sqlite:///news.db", tmp_path)
    with pytest.raises(SchemaError, match=r"empty.*`newsletter db upgrade`"):
        revision.require_current(database)
    database.close()


def test_newer_schema_is_refused_by_every_command_and_by_upgrade(database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for refuse in (revision.require_current, migrate.upgrade):
        with pytest.raises(SchemaError, match=r"9999, which this version does not know.*newer version"):
            refuse(database)


def test_older_schema_says_what_to_run(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    present = revision.head()
    monkeypatch.setattr(revision, "head", lambda: "9999")
    with pytest.raises(SchemaError, match=rf"schema {present}, this program needs 9999.*`newsletter db upgrade`"):
        revision.require_current(database)


def test_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("", "utf-8")
    with pytest.raises(StoreError, match="Check"):
        migrate.upgrade(Database("sqlite:///var/news.db", tmp_path))


def test_revisions_are_those_that_alembic_finds() -> None:
    config = Config()
    config.set_main_option("script_location", "newsletter.store:migrations")
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)
    assert revision.known() == tuple(sorted(script.revision for script in scripts.walk_revisions()))
    assert revision.head() == scripts.get_current_head()


def test_drift_is_seen(database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("ALTER TABLE subscribers ADD COLUMN shoe_size INTEGER"))
        connection.execute(text("DROP INDEX ix_deliveries_due"))
    found = str(migrate.drift(database))
    assert "shoe_size" in found
    assert "ix_deliveries_due" in found

"""Fixtures every test may use: a planted Site in a temporary folder, and a clock that stands still.

The Site is planted and migrated once a session and copied for each test, because migrating takes
longer than most tests. Keep this file small; what makes data belongs in `factories`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import databases
import factories
import postgres
import pytest
from hypothesis import settings as hypothesis

from newsletter import config
from newsletter.clock import FrozenClock
from newsletter.site import Site
from newsletter.starter.plant import plant
from newsletter.store import migrate
from newsletter.store.engine import Database
from newsletter.tokens import KeyRing

# The same examples on every machine, and no stop-watch: a busy machine is not a failure.
hypothesis.register_profile("newsletter", deadline=None, derandomize=True)
hypothesis.load_profile("newsletter")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test once on every database it is to be run on."""
    if len(found := databases.kinds(metafunc)) > 1 and databases.KEEPING & set(metafunc.fixturenames):
        metafunc.parametrize("database_kind", found, indirect=True)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[tuple[postgres.Server, str]]:
    """A server, and the name of a database on it that others are copied from."""
    with postgres.running() as server:
        template = databases.template(server)
        yield server, template
        server.drop(template)


@pytest.fixture(autouse=True)
def database_kind(request: pytest.FixtureRequest) -> Iterator[str]:
    """`sqlite` or `postgresql`: where the Sites of this test keep what they keep."""
    kind: str = getattr(request, "param", None) or databases.kinds(request.node)[0]
    made = databases.Makes(*request.getfixturevalue("postgresql")) if kind == databases.POSTGRESQL else None
    with databases.on(made):
        yield kind


@pytest.fixture(scope="session")
def planted_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The one that is copied; never write into it."""
    folder = tmp_path_factory.mktemp("planted") / "site"
    plant(folder)
    settings, origins = config.load(folder, {})
    KeyRing.create(folder / settings.keys.file, factories.START)
    with Site(folder, settings, origins) as site:
        migrate.upgrade(site.any_database)
        assert site.database.exists  # writes the rows of `lists`
    return folder


@pytest.fixture
def clock() -> FrozenClock:
    """Stands at `factories.START` until told to move."""
    return FrozenClock(factories.START)


@pytest.fixture
def site_folder(planted_site: Path, tmp_path: Path) -> Path:
    """A Site on disk as `newsletter init` leaves it: the example issues, keys, an empty database."""
    folder = Path(shutil.copytree(planted_site, tmp_path / "site"))
    databases.settle(folder)
    return folder


@pytest.fixture
def site(site_folder: Path, clock: FrozenClock) -> Iterator[Site]:
    """That Site, opened without the environment; nothing is set up but the sandbox."""
    with Site(site_folder, *config.load(site_folder, {}), clock) as opened:
        yield opened


@pytest.fixture
def database(site: Site) -> Database:
    """Its database, at the current schema, with both lists and nobody in it."""
    return site.database


@pytest.fixture
def keys(site: Site) -> KeyRing:
    """Its keys."""
    return site.keys

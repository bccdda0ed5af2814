"""A copied or restored database does not send; its own does, whatever happens around it."""

from __future__ import annotations

import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import factories
import pytest
from sqlalchemy import insert, select, update

from newsletter import config
from newsletter.campaigns.launch import Order
from newsletter.clock import FrozenClock
from newsletter.deliveries import claims, ledger, workers
from newsletter.deliveries.claims import Scope
from newsletter.deliveries.fence import Fence
from newsletter.errors import RefusedError, StoreError
from newsletter.site import Site
from newsletter.store import revision
from newsletter.store.schema import CampaignStatus, campaigns, instance
from newsletter.store.schema import workers as worker_rows
from newsletter.subscribers.wanted import still_wanted
from newsletter.transport.memory import MemoryTransport

NOW = factories.START
RELAY = {"NEWSLETTER_SMTP__HOST": "smtp.example.org"}
LOOPBACK = {"NEWSLETTER_SMTP__HOST": "127.0.0.1", "NEWSLETTER_SMTP__SECURITY": "none"}

Opens = Callable[..., Site]


@pytest.fixture
def opens(clock: FrozenClock) -> Iterator[Opens]:
    """Opens Sites with a relay out in the world; nothing is ever sent to it."""
    with ExitStack() as stack:

        def open_site(folder: Path, environ: dict[str, str] | None = None, instance_id: str = "") -> Site:
            settings = config.load(folder, RELAY if environ is None else environ)
            return stack.enter_context(Site(folder, *settings, clock, instance_id=instance_id))

        yield open_site


@pytest.fixture
def home(site_folder: Path, opens: Opens) -> Site:
    """A Site whose database is its own, with readers and a campaign to them."""
    site = opens(site_folder)
    site.upgrade()
    with site.database.write() as connection:
        factories.readers(connection, site.keys, 5)
        factories.issue_campaign(connection)
    return site


def back_up(site: Site, target: Path) -> Path:
    """A sound copy of a database in use."""
    target.unlink(missing_ok=True)
    with closing(sqlite3.connect(site.database.path)) as connection:
        connection.execute("VACUUM INTO ?", (str(target),))
    return target


def send(site: Site) -> MemoryTransport:
    transport = MemoryTransport()
    site.sender(transport=transport).drain()
    return transport


def counted(site: Site) -> int:
    """A claim as a sender makes it."""
    with site.database.write() as connection:
        turn = site.fence.advance(connection)
    site.fence.keep(turn)
    return turn


def refused(site: Site, match: str) -> None:
    with pytest.raises(RefusedError, match=rf"{match}.*`newsletter db adopt`") as error:
        site.fence.require()
    assert error.value.exit_code == 4
    transport = MemoryTransport()
    with pytest.raises(RefusedError):
        site.sender(transport=transport).drain()
    assert not transport.messages
    with site.database.read() as connection:
        assert not connection.execute(select(worker_rows)).all()


def test_own_database_sends_again_and_again(home: Site, opens: Opens) -> None:
    for _ in range(3):
        home.fence.require()
        counted(home)
    opens(home.root).fence.require()


def test_what_stands_outside_is_for_its_owner_only(home: Site) -> None:
    assert stat.S_IMODE((home.var / "instance").stat().st_mode) == 0o600
    counted(home)
    assert stat.S_IMODE((home.var / "instance").stat().st_mode) == 0o600
    assert [each.name for each in home.var.glob("instance*")] == ["instance"]


@pytest.mark.sqlite
def test_database_copied_to_another_site_is_refused(
    home: Site, planted_site: Path, tmp_path: Path, opens: Opens
) -> None:
    other = opens(Path(shutil.copytree(planted_site, tmp_path / "other")))
    other.upgrade()
    other.close()
    back_up(home, other.root / "var/newsletter.db")
    refused(opens(other.root), "it is not the one that .*instance belongs to")


def test_database_restored_without_what_stood_beside_it_is_refused(home: Site, opens: Opens) -> None:
    home.close()
    (home.var / "instance").unlink()
    refused(opens(home.root), "there is no .*instance")


@pytest.mark.sqlite
def test_whole_site_copied_with_everything_is_refused(home: Site, tmp_path: Path, opens: Opens) -> None:
    home.close()
    copy = opens(Path(shutil.copytree(home.root, tmp_path / "copy")))
    refused(copy, "its file is not the one that was there before")
    opens(home.root).fence.require()


@pytest.mark.sqlite
def test_backup_moved_into_place_is_refused(home: Site, tmp_path: Path, opens: Opens) -> None:
    backup = back_up(home, tmp_path / "backup.db")
    home.close()
    backup.replace(home.root / "var/newsletter.db")
    refused(opens(home.root), "its file is not the one")


@pytest.mark.sqlite
def test_backup_written_over_the_same_file_is_refused_when_mail_has_left_since(
    home: Site, tmp_path: Path, opens: Opens
) -> None:
    backup = back_up(home, tmp_path / "backup.db")
    counted(home)
    home.close()
    shutil.copyfile(backup, home.root / "var/newsletter.db")
    refused(opens(home.root), "it is older than the last mail that left")


@pytest.mark.sqlite
def test_backup_restored_before_anything_left_is_as_good_as_the_original(
    home: Site, tmp_path: Path, opens: Opens
) -> None:
    backup = back_up(home, tmp_path / "backup.db")
    home.close()
    shutil.copyfile(backup, home.root / "var/newsletter.db")
    opens(home.root).fence.require()


def test_another_machine_is_refused(home: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "machine-id").write_text("0123456789abcdef\n", "utf-8")
    monkeypatch.setattr("newsletter.deliveries.fence.MACHINE_ID", tmp_path / "machine-id")
    refused(home, "it comes from another machine")


@pytest.mark.sqlite
def test_sending_moves_the_count_in_both_places_and_the_backup_from_before_is_refused(
    home: Site, tmp_path: Path, opens: Opens
) -> None:
    with home.database.write() as connection:
        connection.execute(update(campaigns).values(status=CampaignStatus.PAUSED))
        list_id = factories.list_id(connection)
    content = (factories.issue("summer"), factories.edition())
    order = Order("summer", content=content, list_id=list_id, list_slug="steady-spine", is_trial=False)
    assert home.launch(order, errors=(), expect=5).audience == 5
    backup = back_up(home, tmp_path / "backup.db")
    assert len(send(home).messages) == 5
    with home.database.read() as connection:
        assert connection.execute(select(instance.c.turn)).scalar_one() == 1
    assert '"turn": 1' in (home.var / "instance").read_text("utf-8")
    home.close()
    shutil.copyfile(backup, home.root / "var/newsletter.db")
    restored = opens(home.root)
    refused(restored, "it is older than the last mail that left")
    with pytest.raises(RefusedError, match="db adopt"):
        restored.launch(order, errors=(), expect=5)


@pytest.mark.parametrize("environ", [{}, LOOPBACK], ids=["sandbox", "loopback"])
def test_copy_that_mails_only_this_machine_is_free(
    home: Site, tmp_path: Path, opens: Opens, environ: dict[str, str]
) -> None:
    home.close()
    folder = Path(shutil.copytree(home.root, tmp_path / "copy"))
    opens(folder, environ).fence.require()
    named = opens(folder, environ, instance_id="blue")
    with pytest.raises(RefusedError, match="NEWSLETTER_INSTANCE_ID"):
        named.fence.require()


def test_a_name_from_the_environment_takes_the_place_of_the_file(
    site_folder: Path, tmp_path: Path, opens: Opens
) -> None:
    site = opens(site_folder, instance_id="blue")
    site.upgrade()
    assert not (site.var / "instance").exists()
    site.fence.require()
    counted(site)
    site.close()
    moved = Path(shutil.copytree(site_folder, tmp_path / "volume"))
    opens(moved, instance_id="blue").fence.require()
    refused(opens(moved, instance_id="green"), "not the one of NEWSLETTER_INSTANCE_ID")
    refused(opens(moved), "there is no .*instance")


@pytest.mark.sqlite
def test_adopting_makes_the_copy_send_and_only_the_copy(home: Site, tmp_path: Path, opens: Opens) -> None:
    home.close()
    copy = opens(Path(shutil.copytree(home.root, tmp_path / "copy")))
    assert copy.fence.adopt(NOW) == 0
    copy.fence.require()
    assert copy.fence.difference() == ""
    opens(home.root).fence.require()


@pytest.mark.sqlite
def test_adopting_settles_what_the_copy_had_in_hand_and_on_the_wire(home: Site, tmp_path: Path, opens: Opens) -> None:
    # The owner of these rows is this very process, so that no reaper would take it for dead.
    with home.database.write() as connection:
        worker = workers.register(connection, "serve", NOW)
        first, *_ = claims.claim(connection, worker, Scope(trial=False), now=NOW, limit=3)
        assert ledger.arm(connection, first, worker, still_wanted(), NOW)
    home.close()
    copy = opens(Path(shutil.copytree(home.root, tmp_path / "copy")))
    assert copy.fence.adopt(NOW) == 1
    with copy.database.read() as connection:
        totals = ledger.totals(connection, first.campaign_id)
        assert (totals.pending, totals.ambiguous, totals.claimed, totals.inflight) == (4, 1, 0, 0)
        assert not connection.execute(select(worker_rows)).all()
    with home.database.read() as connection:
        assert ledger.totals(connection, first.campaign_id).inflight == 1, "the original is not touched"


def test_worker_whose_row_is_lost_is_settled_too(home: Site) -> None:
    with home.database.write() as connection:
        first, *_ = claims.claim(connection, 77, Scope(trial=False), now=NOW, limit=1)
        assert ledger.arm(connection, first, 77, still_wanted(), NOW)
    assert home.fence.adopt(NOW) == 1


def test_first_upgrade_adopts_silently_and_once(site_folder: Path, opens: Opens) -> None:
    site = opens(site_folder)
    refused(site, "it belongs to no Site yet")
    assert site.upgrade() == (revision.head(), revision.head())
    before = (site.var / "instance").read_text("utf-8")
    site.upgrade()
    assert (site.var / "instance").read_text("utf-8") == before


def test_backup_from_before_there_were_identities_is_not_adopted_silently(home: Site) -> None:
    with home.database.write() as connection:
        connection.execute(instance.delete())
    home.upgrade()
    refused(home, "it belongs to no Site yet")


@pytest.mark.sqlite
def test_new_database_in_an_old_place_is_adopted(home: Site, opens: Opens) -> None:
    home.close()
    for file in home.var.glob("newsletter.db*"):
        file.unlink()
    site = opens(home.root)
    site.upgrade()
    site.fence.require()


def test_count_is_never_written_backwards(home: Site) -> None:
    home.fence.keep(9)
    home.fence.keep(4)
    assert '"turn": 9' in (home.var / "instance").read_text("utf-8")


def test_count_that_cannot_be_written_stops_nothing(home: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("newsletter.files.os.open", full)
    counted(home)
    home.fence.require()


def test_damaged_file_is_a_sentence(home: Site) -> None:
    (home.var / "instance").write_text('{"identity": 1}', "utf-8")
    with pytest.raises(StoreError, match=r"cannot be read.*`newsletter db adopt`"):
        home.fence.require()


def test_only_one_identity_fits(home: Site) -> None:
    with pytest.raises(Exception, match=r"(?i)check constraint"), home.database.write() as connection:
        connection.execute(insert(instance).values(id=2, identity="x", turn=0, adopted_at=NOW))


def test_fence_reads_and_writes_nothing_when_mail_stays_here(site_folder: Path, opens: Opens) -> None:
    site = opens(site_folder, {})
    Fence(site.database, site.var / "nowhere" / "instance", is_local=True).require()
    assert not (site.var / "nowhere").exists()

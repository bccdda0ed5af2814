"""Forgetting: nothing that names the person is left, and what protects them stays."""

from __future__ import annotations

import factories
import pytest
from factories import START
from sqlalchemy import insert, select

from newsletter import addresses
from newsletter.clock import FrozenClock
from newsletter.site import Site
from newsletter.store.schema import (
    CampaignKind,
    ConsentKind,
    SubscriptionStatus,
    SuppressionReason,
    attempts,
    campaigns,
    consent_records,
    deliveries,
    suppressions,
)
from newsletter.subscribers import consent, forget, people, signup, suppression, transfer
from newsletter.subscribers.gate import allowed
from newsletter.subscribers.intake import Terms

EMAIL = "zebedee.quillfeather@example.net"
TRACES = (b"quillfeather", b"Quillfeather", b"Zebedee")


def _everything_happens(site: Site) -> int:
    """One reader with a confirmation, an issue on its way, a refusal that quotes them and a note that does."""
    with site.database.write() as connection:
        asked = factories.request(EMAIL, name="Zebedee Quillfeather", fields={"city": "Quillfeather Falls"})
        signup.subscribe(connection, asked, site.keys, START)
        allowed.add(connection, EMAIL, "wrote that nothing arrives", START)
        person = people.find(connection, EMAIL)
        assert person is not None
        signup.confirm(connection, person.uid, 0, factories.PAGE, START)
        people.amend(connection, person.id, name="Zebedee Q. Quillfeather", tags=["quillfeather"])
        campaign = factories.issue_campaign(connection)
        said = f"550 5.1.1 <{EMAIL}> unknown"
        connection.execute(
            insert(attempts).values(
                campaign_id=campaign,
                subscriber_id=person.id,
                seq=0,
                at=START,
                verdict="rejected",
                phase="rcpt",
                code=550,
                enhanced="5.1.1",
                text=said,
            )
        )
        suppression.suppress(connection, person.address_hash, SuppressionReason.HARD_BOUNCE, START, said)
    return person.id


def _traces(site: Site) -> list[tuple[str, bytes]]:
    files = [path for path in site.var.iterdir() if path.name.startswith("newsletter.db")]
    return [(path.name, word) for path in files for word in TRACES if word in path.read_bytes()]


@pytest.mark.sqlite
def test_no_trace_is_left_in_the_files_of_the_database(site: Site) -> None:
    _everything_happens(site)
    assert _traces(site)
    with site.database.write() as connection:
        person = people.find(connection, EMAIL)
        assert person is not None
        forget.forget(connection, person, START)
    forget.leave_no_trace(site.database)
    assert _traces(site) == []


def test_ledger_keeps_numbers_and_mail_that_has_not_left_is_skipped(site: Site) -> None:
    who = _everything_happens(site)
    with site.database.write() as connection:
        person = people.find(connection, EMAIL)
        assert person is not None
        forget.forget(connection, person, START)
        rows = connection.execute(
            select(deliveries, campaigns.c.kind).join(campaigns, campaigns.c.id == deliveries.c.campaign_id)
        ).all()
    assert {row.kind for row in rows} == {CampaignKind.CONFIRM, CampaignKind.WELCOME, CampaignKind.ISSUE}
    assert {(row.status, row.scope) for row in rows} == {("skipped", None)}
    numbers = {row.subscriber_id for row in rows}
    assert len(numbers) == 1, "what belongs together stays together"
    assert numbers.isdisjoint({who})
    assert min(numbers) < 0, "no newcomer is ever given that number"


def test_chain_of_consent_still_holds_and_names_nobody(site: Site) -> None:
    _everything_happens(site)
    with site.database.write() as connection:
        factories.subscribed(connection, site.keys, "bea@example.net", SubscriptionStatus.PENDING)
        bea = people.find(connection, "bea@example.net")
        person = people.find(connection, EMAIL)
        assert bea is not None
        assert person is not None
        consent.append(connection, [consent.Act(ConsentKind.REQUESTED, bea.id, 1, bea.email, factories.FORM)], START)
        forget.forget(connection, person, START)
        assert list(consent.broken(connection)) == []
        rows = connection.execute(select(consent_records).order_by(consent_records.c.id)).all()
    assert [(row.kind, row.subscriber_id, row.personal is None, row.salt is None) for row in rows] == [
        ("requested", None, True, True),
        ("confirmed", None, True, True),
        ("requested", bea.id, False, False),
    ]


def test_erased_address_is_refused_by_forms_and_imports(site: Site, clock: FrozenClock) -> None:
    _everything_happens(site)
    with site.database.write() as connection:
        person = people.find(connection, EMAIL)
        assert person is not None
        forget.forget(connection, person, clock())
    with site.database.write() as connection:
        kept = connection.execute(select(suppressions)).one()
        assert (kept.reason, kept.note) == ("erased", "")
        assert kept.address_hash == site.keys.address_hash(addresses.parse(EMAIL).key)
        assert not signup.subscribe(connection, factories.request(EMAIL), site.keys, clock())
        terms = Terms(1, "steady-spine", confirmed=True, basis="a list from 2019", source="cli")
        with pytest.raises(Exception, match=r"suppressed|erased"):
            transfer.add(connection, site.keys, {"email": EMAIL.upper()}, terms, (), clock())
    with site.database.write() as connection:
        assert people.find(connection, EMAIL) is None


@pytest.mark.sqlite
def test_database_overwrites_what_it_deletes(site: Site) -> None:
    with site.database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA secure_delete").scalar() == 1

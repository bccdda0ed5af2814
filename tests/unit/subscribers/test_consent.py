"""The evidence can be added to, and erased of what is personal; anything else is refused or found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import factories
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from newsletter.subscribers import consent
from newsletter.subscribers.consent import GENESIS, Wording, truncated_network

if TYPE_CHECKING:
    from .conftest import Desk


@pytest.fixture
def chain(desk: Desk) -> Desk:
    """Six records."""
    for email in ("ada@example.net", "bob@example.net", "eve@example.net"):
        desk.subscribe(email)
        desk.confirm(email)
    return desk


def run(desk: Desk, *statements: str) -> None:
    for statement in statements:
        desk.connection.execute(text(statement))


def without_triggers(desk: Desk, *statements: str) -> list[tuple[int, str]]:
    factories.unguard_evidence(desk.connection)
    run(desk, *statements)
    return list(consent.broken(desk.connection))


def test_chain_begins_at_nothing_and_each_record_names_the_one_before(chain: Desk) -> None:
    records = chain.evidence()
    assert records[0].previous_hash == GENESIS
    assert [record.previous_hash for record in records[1:]] == [record.hash for record in records[:-1]]
    assert list(consent.broken(chain.connection)) == []


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM consent_records WHERE id = 3",
        "DELETE FROM consent_records",
        "UPDATE consent_records SET kind = 'imported' WHERE id = 3",
        "UPDATE consent_records SET at = at + 1 WHERE id = 3",
        "UPDATE consent_records SET list_id = 2 WHERE id = 3",
        "UPDATE consent_records SET subscriber_id = 1 WHERE id = 3",
        "UPDATE consent_records SET wording_hash = NULL WHERE id = 3",
        "UPDATE consent_records SET commitment = 'x' WHERE id = 3",
        "UPDATE consent_records SET previous_hash = 'x' WHERE id = 3",
        "UPDATE consent_records SET hash = 'x' WHERE id = 3",
        "UPDATE consent_records SET id = 99 WHERE id = 3",
        "UPDATE consent_records SET personal = '{}' WHERE id = 3",
        "UPDATE consent_records SET salt = (SELECT salt FROM consent_records WHERE id = 4) WHERE id = 3",
        "UPDATE consent_records SET personal = NULL, salt = NULL, kind = 'imported' WHERE id = 3",
    ],
)
def test_database_refuses_to_change_or_delete_evidence(chain: Desk, statement: str) -> None:
    with pytest.raises(IntegrityError, match=r"consent records are never (changed|deleted)"):
        run(chain, statement)


@pytest.mark.sqlite  # the other one knows no INSERT OR REPLACE
def test_record_cannot_be_replaced(chain: Desk) -> None:
    columns = "subscriber_id, list_id, at, wording_hash, personal, salt, commitment, previous_hash, hash"
    with pytest.raises(IntegrityError):
        run(
            chain,
            f"INSERT OR REPLACE INTO consent_records (id, kind, {columns}) "
            f"SELECT id, 'imported', {columns} FROM consent_records WHERE id = 3",
        )


def test_erasing_the_personal_part_keeps_the_chain_whole(chain: Desk) -> None:
    run(chain, "UPDATE consent_records SET personal = NULL, salt = NULL, subscriber_id = NULL WHERE id IN (3, 4)")
    assert list(consent.broken(chain.connection)) == []
    assert "bob@example.net" not in str([record.personal for record in chain.evidence()])
    with pytest.raises(IntegrityError):
        run(chain, 'UPDATE consent_records SET personal = \'{"email":"bob@example.net"}\' WHERE id = 3')


def test_evidence_outlives_the_person(chain: Desk) -> None:
    run(chain, "DELETE FROM subscribers")
    assert len(chain.evidence()) == 6
    assert list(consent.broken(chain.connection)) == []


@pytest.mark.parametrize(
    ("statement", "record", "found"),
    [
        ("UPDATE consent_records SET kind = 'imported' WHERE id = 3", 3, "was changed"),
        ("UPDATE consent_records SET at = at + 1 WHERE id = 3", 3, "was changed"),
        ("UPDATE consent_records SET list_id = 2 WHERE id = 3", 3, "was changed"),
        ("UPDATE consent_records SET wording_hash = NULL WHERE id = 3", 3, "was changed"),
        ("UPDATE consent_records SET commitment = 'x' WHERE id = 3", 3, "was changed"),
        ("UPDATE consent_records SET hash = 'x' WHERE id = 3", 3, "was changed"),
        ('UPDATE consent_records SET personal = \'{"email":"x@example.net"}\' WHERE id = 3', 3, "personal part"),
        ("UPDATE consent_records SET salt = NULL WHERE id = 3", 3, "personal part"),
        ("DELETE FROM consent_records WHERE id = 3", 4, "does not follow"),
        ("DELETE FROM consent_records WHERE id = 1", 2, "does not follow"),
        ("UPDATE consent_records SET id = 99 WHERE id = 3", 4, "does not follow"),
    ],
)
def test_tampering_behind_the_triggers_is_found(chain: Desk, statement: str, record: int, found: str) -> None:
    faults = without_triggers(chain, statement)
    assert faults[0][0] == record
    assert found in faults[0][1]


def test_wording_is_kept_once_and_exactly(chain: Desk) -> None:
    kept = chain.connection.execute(text("SELECT version, language, text FROM wordings")).all()
    assert len(kept) == 1
    assert "No spam" in kept[0].text


def test_another_version_language_or_comma_is_another_wording() -> None:
    base = Wording("1", "en", "Yes, please.")
    others = (Wording("2", "en", "Yes, please."), Wording("1", "de", "Yes, please."), Wording("1", "en", "Yes please."))
    assert len({base.hash, *(other.hash for other in others)}) == 4


@pytest.mark.parametrize(
    ("ip", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("", ""),
        ("unknown", ""),
        ("203.0.113.77, 10.0.0.1", ""),
    ],
)
def test_only_the_network_of_a_visitor_is_kept(ip: str, network: str) -> None:
    assert truncated_network(ip) == network


def test_record_cannot_be_turned_to_somebody_else(chain: Desk) -> None:
    faults = without_triggers(chain, "UPDATE consent_records SET subscriber_id = 1 WHERE id = 3")
    assert faults == [(3, "was turned to somebody else")]


def test_nameless_record_cannot_be_given_to_somebody(chain: Desk) -> None:
    run(chain, "UPDATE consent_records SET personal = NULL, salt = NULL, subscriber_id = NULL WHERE id = 3")
    faults = without_triggers(chain, "UPDATE consent_records SET subscriber_id = 1 WHERE id = 3")
    assert faults == [(3, "is said to be about somebody, though its personal part is erased")]


def test_records_of_the_first_version_still_hold(chain: Desk) -> None:
    """They commit to the address, and not to the number of the subscriber."""
    (last,) = chain.evidence()[-1:]
    personal = '{"email":"old@example.net","source":"form"}'
    commitment = consent.commit(b"salt", personal)
    digest = consent.link(last.hash, 1, "confirmed", 0, None, commitment)
    chain.connection.execute(
        text(
            "INSERT INTO consent_records (subscriber_id, list_id, kind, at, personal, salt, commitment, previous_hash,"
            " hash) VALUES (7, 1, 'confirmed', 0, :personal, :salt, :commitment, :previous, :digest)"
        ),
        {
            "personal": personal,
            "salt": b"salt",
            "commitment": commitment,
            "previous": last.hash,
            "digest": digest,
        },
    )
    chain.subscribe("new@example.net")
    assert list(consent.broken(chain.connection)) == []


def test_changed_wording_is_found(chain: Desk) -> None:
    run(chain, "UPDATE wordings SET text = 'Whatever you like.'")
    assert list(consent.broken(chain.connection)) == [(1, "refers to a wording that was changed")]


def test_both_steps_tell_where_when_and_in_which_words(chain: Desk) -> None:
    asked, confirmed, *_ = chain.evidence()
    assert asked.personal["source"] == "form"
    assert asked.wording_hash
    assert confirmed.personal["source"] == "confirm-page"
    assert confirmed.personal["origin"].startswith("mail 1.0, pending 2026-09-15T08:00:00")
    assert confirmed.personal["subscriber"] == confirmed.subscriber_id

"""CSV in and out: every refused row has a reason, no unsubscribe is revived, and nothing is lost on the way."""

from __future__ import annotations

import io
import os
import threading
import tracemalloc
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import factories
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, event, func, select

from newsletter import addresses
from newsletter.clock import FrozenClock
from newsletter.config import FieldConfig
from newsletter.store.engine import Database
from newsletter.store.schema import (
    ConsentKind,
    SubscriptionStatus,
    SuppressionReason,
    consent_records,
    deliveries,
    subscribers,
    subscriptions,
)
from newsletter.subscribers import consent, lifecycle, people, signup, suppression, transfer
from newsletter.subscribers.importing import bring, reading
from newsletter.subscribers.importing.reading import ImportRefused
from newsletter.subscribers.intake import Refusal, Report, Terms
from newsletter.tokens import KeyRing

NOW = factories.START
FIELDS = (FieldConfig(name="city"), FieldConfig(name="age", type="number"))
SLUG = "steady-spine"
PENDING = Terms(1, SLUG)
CONFIRMED = Terms(1, SLUG, confirmed=True, basis="Trade fair, paper form of 2026-09-01", origin="fair.csv")


class Post:
    """The import door of one Site."""

    def __init__(self, database: Database, keys: KeyRing, clock: FrozenClock) -> None:
        self.database, self.keys, self.clock = database, keys, clock
        self.refusals: list[Refusal] = []

    def bring(
        self,
        content: str | bytes,
        terms: Terms = PENDING,
        *,
        encoding: str | None = None,
    ) -> tuple[Report, Sequence[str]]:
        raw = io.BytesIO(content.encode() if isinstance(content, str) else content)
        self.refusals = []
        return transfer.import_csv(
            self.database,
            self.keys,
            reading.open_text(raw, encoding),
            terms,
            FIELDS,
            self.clock(),
            on_refusal=self.refusals.append,
        )

    def why(self) -> dict[str, str]:
        return {refusal.email: refusal.reason for refusal in self.refusals}

    def status(self, email: str) -> str | None:
        with self.database.read() as connection:
            person = people.find(connection, addresses.parse(email).key)
            return None if person is None else lifecycle.status_of(connection, person.id, 1)

    def person(self, email: str) -> people.Subscriber:
        with self.database.read() as connection:
            found = people.find(connection, addresses.parse(email).key)
        assert found is not None
        return found

    def stand(self, email: str, *steps: SubscriptionStatus) -> None:
        with self.database.write() as connection:
            found = factories.subscribed(connection, self.keys, email, SubscriptionStatus.PENDING)
            for step in steps:
                assert lifecycle.move(connection, found.id, 1, step, NOW)

    def rows(self, table: Any) -> Sequence[Any]:
        with self.database.read() as connection:
            return connection.execute(select(table)).all()

    def export(self, list_id: int | None = None) -> str:
        out = io.StringIO()
        with self.database.read() as connection:
            transfer.export_csv(connection, out, FIELDS, list_id)
        return out.getvalue()


def _page(post: Post) -> list[dict[str, Any]]:
    with post.database.read() as connection:
        return people.page(connection, list_id=1)


@pytest.fixture
def post(database: Database, keys: KeyRing, clock: FrozenClock) -> Post:
    return Post(database, keys, clock)


# -- what comes in -----------------------------------------------------------------------------------


def test_rows_without_a_basis_become_pending_and_are_not_mailed(post: Post) -> None:
    report, ignored = post.bring("email,name,city\nada@example.net,Ada Reader,Vienna\nbob@example.net,,\n")
    assert report == Report(rows=2, added=2, pending=2)
    assert ignored == []
    assert post.status("ada@example.net") == "pending"
    assert (post.person("ada@example.net").name, post.person("ada@example.net").fields) == (
        "Ada Reader",
        {"city": "Vienna"},
    )
    assert post.rows(deliveries) == []
    assert post.rows(consent_records) == []


def test_rows_with_a_basis_are_confirmed_with_it_on_record(post: Post) -> None:
    report, _ = post.bring("email,confirmed_at\nada@example.net,2026-09-01\nbob@example.net,\n", CONFIRMED)
    assert report == Report(rows=2, added=2, confirmed=2)
    ada, bob = post.rows(consent_records)
    assert (ada.kind, ada.personal["basis"]) == (ConsentKind.IMPORTED, CONFIRMED.basis)
    assert ada.personal["origin"] == "fair.csv line 2, confirmed 2026-09-01"
    assert bob.personal["origin"] == "fair.csv line 3"
    moments = [row.confirmed_at for row in post.rows(subscriptions)]
    assert moments == [datetime(2026, 9, 1, tzinfo=UTC), NOW]
    with post.database.read() as connection:
        assert list(consent.broken(connection)) == []


def test_confirmations_are_mailed_only_when_asked_for_and_within_budgets(post: Post) -> None:
    terms = Terms(1, SLUG, send_confirmations=True)
    report, _ = post.bring("email\nada@example.net\nbob@example.net\n", terms)
    assert report.invited == 2
    report, _ = post.bring("email\nada@example.net\n", terms)
    assert (report.invited, report.unchanged) == (0, 1)
    assert len(post.rows(deliveries)) == 2


@pytest.mark.parametrize(
    "content",
    [
        "\ufeffemail,name\nada@example.net,Zoë\n".encode(),
        "email,name\nada@example.net,Zoë\n".encode("utf-16"),
        "email;name\r\nada@example.net;Zoë\r\n".encode(),
        "email\tname\rada@example.net\tZoë\r".encode(),
        '"E-Mail","Email ","NAME"\n"x","ada@example.net","Zoë"\n'.encode(),
        'name,email\n"Zoë\n",ada@example.net'.encode(),
        "\n\nemail,name\n\n  ,\nada@example.net,Zoë\n\n".encode(),
    ],
    ids=["BOM", "UTF-16", "semicolons", "tabs and CR", "capitals", "quoted newline", "blank lines"],
)
def test_what_spreadsheets_write_is_read(post: Post, content: bytes) -> None:
    report, _ = post.bring(content)
    assert report.pending == 1
    assert post.person("ada@example.net").name == "Zoë"


def test_named_encoding_is_used(post: Post) -> None:
    post.bring("email,name\nada@example.net,Zoë\n".encode("cp1252"), encoding="cp1252")
    assert post.person("ada@example.net").name == "Zoë"


def test_file_may_come_through_a_pipe(post: Post) -> None:
    read, write = os.pipe()
    with os.fdopen(write, "wb") as end:
        end.write("email\nada@example.net\n".encode("utf-16"))
    with os.fdopen(read, "rb") as raw, reading.open_text(raw) as file:
        transfer.import_csv(post.database, post.keys, file, PENDING, FIELDS, NOW, on_refusal=post.refusals.append)
    assert post.status("ada@example.net") == "pending"


def test_unknown_columns_are_reported_with_the_nearest_known(post: Post) -> None:
    _, ignored = post.bring("email,citty,Shoe Size\nada@example.net,Vienna,42\n")
    assert ignored == ["citty", "shoe size"]
    said = transfer.describe_ignored(ignored, FIELDS)
    assert "citty, shoe size" in said
    assert "Did you mean city?" in said
    assert transfer.describe_ignored([], FIELDS) == ""


def test_duplicates_in_the_file_and_against_the_database_are_one_person(post: Post) -> None:
    post.bring("email\nada@example.net\n", CONFIRMED)
    report, _ = post.bring("email\nADA@example.net\nuser@müller.example\nuser@xn--mller-kva.example\n", CONFIRMED)
    assert report == Report(rows=3, added=1, confirmed=1, unchanged=2)
    assert len(post.rows(subscribers)) == 2
    assert len(post.rows(consent_records)) == 2


def test_importing_a_file_again_changes_nothing(post: Post) -> None:
    content = "email,name\nada@example.net,Ada\nbob@example.net,Bob\n"
    post.bring(content, CONFIRMED)
    before = post.export()
    report, _ = post.bring(content, CONFIRMED)
    assert report == Report(rows=2, unchanged=2)
    assert post.export() == before


def test_unconfirmed_import_leaves_a_confirmed_reader_confirmed(post: Post) -> None:
    post.stand("ada@example.net", SubscriptionStatus.CONFIRMED)
    report, _ = post.bring("email,name\nada@example.net,Ada\n")
    assert report == Report(rows=1, updated=1, confirmed=1)
    assert post.status("ada@example.net") == "confirmed"
    assert post.person("ada@example.net").name == "Ada"


def test_row_by_hand_follows_the_same_rules(post: Post) -> None:
    with post.database.write() as connection:
        report = transfer.add(connection, post.keys, {"email": "ada@example.net", "name": "Ada"}, PENDING, FIELDS, NOW)
        assert report.pending == 1
        with pytest.raises(ImportRefused, match=r"nobody was not added: .*not an e-mail address"):
            transfer.add(connection, post.keys, {"email": "nobody"}, Terms(1, SLUG), FIELDS, NOW)


def test_our_own_export_moves_a_site_without_making_anybody_agree(post: Post) -> None:
    post.stand("ada@example.net", SubscriptionStatus.CONFIRMED)
    post.stand("asked@example.net")
    post.stand("late@example.net", SubscriptionStatus.EXPIRED)
    post.stand("left@example.net", SubscriptionStatus.CONFIRMED, SubscriptionStatus.UNSUBSCRIBED)
    with post.database.write() as connection:
        factories.subscribed(connection, post.keys, "clinic@example.net", slug="clinic-notes")
    exported = post.export()
    with post.database.write() as connection:
        connection.execute(delete(subscribers))
    report, ignored = post.bring(exported, CONFIRMED)
    assert report == Report(rows=5, added=4, confirmed=1, pending=2, left=1, refused=1)
    assert ignored == []
    assert post.why() == {"clinic@example.net": "belongs to the list clinic-notes, says the file"}
    statuses = {row["email"]: row["status"] for row in _page(post)}
    assert statuses == {
        "ada@example.net": "confirmed",
        "asked@example.net": "pending",
        "late@example.net": "pending",
    } | {"left@example.net": "unsubscribed"}
    assert [(row.personal["email"], row.kind) for row in post.rows(consent_records)] == [
        ("ada@example.net", "imported"),
        ("left@example.net", "unsubscribed"),
    ]
    again, _ = post.bring(exported, Terms(2, "clinic-notes", confirmed=True, basis="moved"))
    assert (again.confirmed, again.refused) == (1, 4)


@pytest.mark.parametrize(
    ("status", "became", "said"),
    [
        ("confirmed", "confirmed", ""),
        (" Confirmed ", "confirmed", ""),
        ("", "confirmed", ""),
        ("pending", "pending", ""),
        ("EXPIRED", "pending", ""),
        ("unsubscribed", "unsubscribed", ""),
        ("subscribed", None, "status 'subscribed' is unknown"),
    ],
)
def test_basis_confirms_only_whom_the_file_does_not_call_otherwise(
    post: Post, status: str, became: str | None, said: str
) -> None:
    post.bring(f"email,Status\nada@example.net,{status}\n", CONFIRMED)
    assert post.status("ada@example.net") == became
    assert said in post.why().get("ada@example.net", "")
    assert len(post.rows(consent_records)) == (became in {"confirmed", "unsubscribed"})


def test_status_in_a_file_takes_nothing_from_who_is_confirmed_here(post: Post) -> None:
    post.stand("ada@example.net", SubscriptionStatus.CONFIRMED)
    report, _ = post.bring("email,status\nada@example.net,pending\n", CONFIRMED)
    assert report == Report(rows=1, unchanged=1)
    assert post.status("ada@example.net") == "confirmed"


def test_second_row_of_a_person_meets_what_the_first_has_left(post: Post) -> None:
    report, _ = post.bring(
        "email,name,city,status\n"
        "ada@example.net,Ada,,pending\n"
        "ADA@example.net,Ada Reader,Vienna,confirmed\n"
        "ada@EXAMPLE.net,,Graz,confirmed\n",
        CONFIRMED,
    )
    assert report == Report(rows=3, added=1, updated=2, pending=1, confirmed=2)
    ada = post.person("ada@example.net")
    assert (ada.email, ada.name, ada.fields) == ("ada@example.net", "Ada Reader", {"city": "Graz"})
    assert post.status("ada@example.net") == "confirmed"
    (record,) = post.rows(consent_records)
    assert (record.subscriber_id, record.personal["origin"]) == (ada.id, "fair.csv line 3")


def test_names_and_fields_of_people_on_file_are_brought_up_to_date_in_one_batch(post: Post) -> None:
    post.bring("email,name,city\nada@example.net,Ada,Vienna\nbob@example.net,Bob,\n")
    post.bring("email,name,age\nada@example.net,Ada Reader,40\nbob@example.net,,7\n", CONFIRMED)
    ada, bob = post.person("ada@example.net"), post.person("bob@example.net")
    assert (ada.name, ada.fields) == ("Ada Reader", {"city": "Vienna", "age": "40"})
    assert (bob.name, bob.fields) == ("Bob", {"age": "7"})
    assert post.status("bob@example.net") == "confirmed"


@pytest.mark.parametrize("header", ["EMAIL", "E-Mail", "e-mail address", "Email  Address", " email "])
def test_address_column_is_known_by_its_usual_names(post: Post, header: str) -> None:
    post.bring(f"Name,{header}\nAda,ada@example.net\n")
    assert post.person("ada@example.net").name == "Ada"


def test_column_named_email_wins_over_one_that_only_sounds_like_it(post: Post) -> None:
    _, ignored = post.bring("E-Mail,email\nold@example.net,ada@example.net\n")
    assert ignored == ["e-mail"]
    assert [row.email for row in post.rows(subscribers)] == ["ada@example.net"]


def test_row_with_surplus_cells_stays_outside(post: Post) -> None:
    report, _ = post.bring("email,name\nada@example.net,Reader, Ada\nbob@example.net,Bob,,\n")
    assert report == Report(rows=2, added=1, pending=1, refused=1)
    assert "has 3 cells, the header 2" in post.why()["ada@example.net"]


def test_fields_by_hand_are_checked_and_none_is_demanded(post: Post) -> None:
    declared = (*FIELDS, FieldConfig(name="role", required=True))
    with post.database.write() as connection:
        record = {"email": "ada@example.net", "age": "40"}
        transfer.add(connection, post.keys, record, PENDING, declared, NOW)
        with pytest.raises(ImportRefused, match="age must be a number"):
            transfer.add(connection, post.keys, {"email": "bob@example.net", "age": "old"}, PENDING, declared, NOW)
    assert post.person("ada@example.net").fields == {"age": "40"}


# -- what stays outside ------------------------------------------------------------------------------


def test_every_refused_row_has_its_line_and_reason_and_the_others_come_in(post: Post) -> None:
    with post.database.write() as connection:
        suppression.suppress(connection, post.keys.address_hash("gone@example.net"), SuppressionReason.ERASED, NOW)
    post.stand("left@example.net", SubscriptionStatus.CONFIRMED, SubscriptionStatus.UNSUBSCRIBED)
    report, _ = post.bring(
        "email,age,confirmed_at\n"
        "ada@example.net,,\n"
        "not an address,,\n"
        ",,\n"  # blank, not a row
        ",42,\n"
        "gone@example.net,,\n"
        "left@example.net,,\n"
        "old@example.net,very,\n"
        "when@example.net,,yesterday\n"
        "soon@example.net,,2027-01-01\n"
        "ancient@example.net,,0001-01-01T00:00:00+14:00\n"
        f"{'l' * 300}@example.net,,\n"
        '"x@example.net\r\nBcc: y@example.net",,\n'
        "bob@example.net,,\n",
        CONFIRMED,
    )
    assert report == Report(rows=12, added=2, confirmed=2, refused=10)
    assert {row.email for row in post.rows(subscribers)} == {"ada@example.net", "bob@example.net", "left@example.net"}
    why = post.why()
    assert "not an e-mail address" in why["not an address"]
    assert "needed" in why[""]
    assert why["gone@example.net"] == "suppressed (erased)"
    assert "unsubscribed" in why["left@example.net"]
    assert why["old@example.net"] == "age must be a number"
    assert "confirmed_at is not a date" in why["when@example.net"]
    assert "future" in why["soon@example.net"]
    assert "confirmed_at" in why["ancient@example.net"]
    assert "longer than 254" in why["l" * 254]
    lines = {refusal.email: refusal.row for refusal in post.refusals}
    assert (lines["not an address"], lines["left@example.net"]) == (3, 7)


@pytest.mark.parametrize(
    "steps",
    [
        [SubscriptionStatus.UNSUBSCRIBED],
        [SubscriptionStatus.CONFIRMED, SubscriptionStatus.UNSUBSCRIBED],
        [SubscriptionStatus.CONFIRMED, SubscriptionStatus.UNSUBSCRIBED, SubscriptionStatus.PENDING],
        [
            SubscriptionStatus.CONFIRMED,
            SubscriptionStatus.UNSUBSCRIBED,
            SubscriptionStatus.PENDING,
            SubscriptionStatus.EXPIRED,
        ],
    ],
    ids=" → ".join,
)
@pytest.mark.parametrize("terms", [CONFIRMED, Terms(1, SLUG, send_confirmations=True)], ids=["confirmed", "by mail"])
def test_import_never_revives_an_unsubscribe(post: Post, steps: list[SubscriptionStatus], terms: Terms) -> None:
    post.stand("ada@example.net", *steps)
    report, _ = post.bring("email,name\nAda@Example.net,New Name\n", terms)
    assert report == Report(rows=1, refused=1)
    assert post.status("ada@example.net") == steps[-1]
    assert post.person("ada@example.net").name == ""
    assert post.rows(deliveries) == []


def test_whoever_came_back_by_themselves_counts_as_confirmed_again(post: Post, clock: FrozenClock) -> None:
    with post.database.write() as connection:
        for seq in range(2):
            signup.subscribe(connection, factories.request("ada@example.net"), post.keys, clock())
            person = people.find(connection, "ada@example.net")
            assert person is not None
            signup.confirm(connection, person.uid, seq, factories.PAGE, clock())
            clock.advance(timedelta(days=1))
            if not seq:
                signup.unsubscribe(connection, person, 1, factories.PAGE, clock(), farewell=False)
    report, _ = post.bring("email\nada@example.net\n", CONFIRMED)
    assert report == Report(rows=1, unchanged=1)


def test_expired_request_may_be_confirmed_by_a_stated_basis(post: Post) -> None:
    post.stand("ada@example.net", SubscriptionStatus.EXPIRED)
    assert post.bring("email\nada@example.net\n")[0].unchanged == 1
    assert post.bring("email\nada@example.net\n", CONFIRMED)[0].confirmed == 1
    assert post.status("ada@example.net") == "confirmed"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no column named email"),
        (b"ada@example.net\nbob@example.net\n", "no column named email"),
        (b"name,mail\n", "no column named email"),
        ("email,name\nada@example.net,Zoë\n".encode("cp1252"), "--encoding cp1252"),
        (
            b"email,name\n" + b"ada@example.net,Ada\n" * 2000 + "b@example.net,Zoë\n".encode("cp1252"),
            "--encoding cp1252",
        ),
        (b"email,name\nada@example.net,A\0da\n", "NUL"),
        (b"\x89PNG\r\n\x1a\n\0\0", "UTF-8|NUL|no column"),
        (b"PK\x03\x04\x14\0\0\0", "NUL|no column"),
        (b"email\n" + b"x" * 200_000, "longer than 65536"),
        (b"x" * 200_000, "longer than 65536"),
        (b'email,name\nada@example.net,"Ada\n', "Line 2 is not CSV"),
        (b'email,name\nada@example.net,"Ada" x\n', "Line 2 is not CSV"),
        (b'email,name\nada@example.net,"' + b"x\n" * 50_000 + b'"\n', "not CSV"),
    ],
)
def test_file_that_is_no_list_of_addresses_is_one_sentence(post: Post, content: bytes, said: str) -> None:
    with pytest.raises(ImportRefused, match=said) as refused:
        post.bring(content)
    assert refused.value.exit_code == 4


def test_unknown_encoding_is_one_sentence(post: Post) -> None:
    with pytest.raises(ImportRefused, match="no encoding 'klingon'"):
        post.bring("email\n", encoding="klingon")


def test_batches_before_a_fault_stay_and_the_file_can_be_imported_again(post: Post) -> None:
    good = "".join(f"r{number}@example.net,\n" for number in range(bring.BATCH + 5))
    with pytest.raises(ImportRefused):
        post.bring("email,name\n" + good + 'x@example.net,"open\n')
    assert len(post.rows(subscribers)) == bring.BATCH + 5
    report, _ = post.bring("email,name\n" + good)
    assert (report.unchanged, report.pending) == (bring.BATCH + 5, 0)


def test_open_quote_names_its_line_the_remedy_and_what_came_in_before(post: Post) -> None:
    with pytest.raises(ImportRefused) as refused:
        post.bring('email,name\nada@example.net,Ada\nbob@example.net,"Bob\nx@example.net,X\n', CONFIRMED)
    said = str(refused.value)
    assert said.startswith("Line 3 is not CSV: it begins a cell with a quote that nothing closes. Close the quote")
    assert "The rows before it are in (1 added, 0 updated, 0 unchanged, 0 refused)" in said
    assert post.status("ada@example.net") == "confirmed"
    with pytest.raises(ImportRefused, match=r"Line 2 .*Nothing was imported"):
        post.bring('email,name\nbob@example.net,"Bob\n')


def test_file_in_another_encoding_never_names_line_nought(post: Post) -> None:
    with pytest.raises(ImportRefused) as refused:
        post.bring("email,name\nada@example.net,Zoë\n".encode("cp1252"))
    assert str(refused.value) == "The file is not UTF-8. Name its encoding, for example --encoding cp1252."
    with pytest.raises(ImportRefused, match="The file is not ascii"):
        post.bring("email,name\nada@example.net,Zoë\n", encoding="ascii")


@pytest.mark.parametrize("header", ["email,email", "email,Status,status", "E-Mail,e-mail"])
def test_column_that_is_there_twice_is_refused(post: Post, header: str) -> None:
    with pytest.raises(ImportRefused, match="two columns named"):
        post.bring(f"{header}\nada@example.net\n")


# -- much of it --------------------------------------------------------------------------------------


class Turns:
    """Counts write transactions and what is asked in each."""

    def __init__(self, database: Database) -> None:
        self.statements: list[int] = []
        event.listen(database.engine, "before_cursor_execute", self._count)

    def _count(self, _connection: object, _cursor: object, statement: str, *_more: object) -> None:
        if statement.startswith("BEGIN"):
            self.statements.append(0)
        self.statements[-1] += 1


@pytest.mark.sqlite  # which is told when a transaction begins
@pytest.mark.parametrize("seen", [False, True], ids=["new", "on file"])
def test_import_takes_short_turns_of_a_few_statements(post: Post, *, seen: bool) -> None:
    rows = 2 * bring.BATCH + 1
    if seen:
        post.bring("email\n" + "".join(f"r{number}@example.net\n" for number in range(rows)))
    turns = Turns(post.database)
    content = "email,name\n" + "".join(f"r{number}@example.net,Reader {number}\n" for number in range(rows))
    assert post.bring(content, CONFIRMED)[0].confirmed == rows
    assert bring.BATCH <= 200
    assert len(turns.statements) == 3 + 2  # the beginning and the end
    assert max(turns.statements) <= 14  # with BEGIN


def test_whoever_waits_beside_an_import_has_the_next_turn(post: Post) -> None:
    """A writer that asks during one batch is served before the second after it."""
    asked, served = threading.Event(), threading.Event()
    seen_at: list[int] = []

    def beside() -> None:
        asked.wait(10)
        with post.database.write() as connection:
            seen_at.append(connection.execute(select(func.count()).select_from(subscribers)).scalar_one())
        served.set()

    def progress(done: int) -> None:
        if done == bring.BATCH:
            asked.set()
        elif done == 3 * bring.BATCH:
            served.wait(10)

    other = threading.Thread(target=beside)
    other.start()
    content = "email\n" + "".join(f"r{number}@example.net\n" for number in range(4 * bring.BATCH))
    transfer.import_csv(
        *(post.database, post.keys, io.StringIO(content), PENDING, FIELDS, NOW),
        on_refusal=post.refusals.append,
        on_progress=progress,
    )
    other.join(10)
    assert seen_at[0] <= 3 * bring.BATCH


class Endless(io.RawIOBase):
    """A file of so many rows that is never whole in memory."""

    def __init__(self, rows: int) -> None:
        self.rows = iter(range(rows))
        self.rest = b"email,name\n"

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while len(self.rest) < len(buffer) and (number := next(self.rows, None)) is not None:
            # One in a hundred is new; the others only pass through, as fast as rows can.
            address = "" if number % 100 else f"r{number}@example.net"
            self.rest += f"{address},{'Reader ' * 20}\n".encode()
        taken, self.rest = self.rest[: len(buffer)], self.rest[len(buffer) :]
        buffer[: len(taken)] = taken
        return len(taken)


def test_twenty_thousand_rows_stream_through_bounded_memory(post: Post) -> None:
    refused, seen = [0], []

    def count(_refusal: Refusal) -> None:
        refused[0] += 1

    def brought(rows: int) -> int:
        tracemalloc.start()
        try:
            transfer.import_csv(
                post.database,
                post.keys,
                reading.open_text(io.BufferedReader(Endless(rows))),
                Terms(1, SLUG),
                FIELDS,
                NOW,
                on_refusal=count,
                on_progress=seen.append,
            )
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    small = brought(1000)
    peak = brought(20_000)
    assert peak < small + 3_000_000
    assert refused[0] == 990 + 19_800
    assert seen[-1] == 20_000
    assert len(seen) == 21_000 // bring.BATCH
    assert len(post.rows(subscribers)) == 200


# -- what goes out -----------------------------------------------------------------------------------


def test_export_lists_every_subscription_with_its_standing(post: Post) -> None:
    post.bring("email,name,city,confirmed_at\nada@example.net,Ada,Vienna,2026-09-01T10:00:00+02:00\n", CONFIRMED)
    post.bring("email\nbob@example.net\n", Terms(2, "clinic-notes"))
    assert post.export().splitlines() == [
        "email,name,city,age,list,status,confirmed_at,unsubscribed_at,tags",
        "ada@example.net,Ada,Vienna,,steady-spine,confirmed,2026-09-01T08:00:00+00:00,,",
        "bob@example.net,,,,clinic-notes,pending,,,",
    ]
    assert len(post.export(list_id=2).splitlines()) == 2


def test_tags_of_a_row_are_added_to_those_a_reader_has(post: Post) -> None:
    post.bring('email,tags\nada@example.net,"Member; Long Term,,"\nbob@example.net,\n')
    assert post.person("ada@example.net").tags == ("long-term", "member")
    assert post.person("bob@example.net").tags == ()
    post.bring("email,tags\nada@example.net,board\nbob@example.net,member\nada@example.net,\n")
    assert post.person("ada@example.net").tags == ("board", "long-term", "member")
    assert post.person("bob@example.net").tags == ("member",)


def test_tags_survive_the_way_out_and_in(post: Post) -> None:
    post.bring('email,tags\nada@example.net,"member,board"\n')
    exported = post.export()
    assert exported.splitlines()[1].endswith(',"board,member"')
    with post.database.write() as connection:
        people.amend(connection, 1, tags=())
    post.bring(exported)
    assert post.person("ada@example.net").tags == ("board", "member")


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("caf\u00e9", "is not a tag"),
        ("-x", "is not a tag"),
        ("x" * 41, "is not a tag"),
        (";".join(f"t{number}" for number in range(51)), "51 tags are more"),
    ],
)
def test_row_with_something_that_is_no_tag_stays_outside(post: Post, cell: str, said: str) -> None:
    post.bring(f"email,tags\nada@example.net,{cell}\nbob@example.net,t99\n")
    assert said in post.why()["ada@example.net"]
    assert post.person("bob@example.net").tags == ("t99",)


def test_nobody_gathers_tags_without_end(post: Post) -> None:
    many = ";".join(f"t{number}" for number in range(50))
    post.bring(f"email,tags\nada@example.net,{many}\nada@example.net,one-more\n")
    assert "51 tags are more" in post.why()["ada@example.net"]
    assert len(post.person("ada@example.net").tags) == 50


@pytest.mark.parametrize(
    "cell", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "'=1", "''=1", "'quoted'", "'", "''", "a=b"]
)
def test_formula_is_kept_as_text_and_goes_out_tame(post: Post, cell: str) -> None:
    with post.database.write() as connection:
        people.file(connection, addresses.parse("ada@example.net"), post.keys, NOW, name=cell)
        lifecycle.begin(connection, people.find(connection, "ada@example.net").id, 1, "form", NOW)  # type: ignore[union-attr]
    exported = post.export()
    assert not any(cell.startswith(reading.FORMULA) for cell in exported.splitlines()[1].split(","))
    with post.database.write() as connection:
        people.amend(connection, 1, name="")
    post.bring(exported)
    assert post.person("ada@example.net").name == cell


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(name=st.text(max_size=30))
def test_any_name_survives_the_way_out_and_in(post: Post, name: str) -> None:
    with post.database.write() as connection:
        person = people.find(connection, "ada@example.net")
        if person is None:
            person = factories.subscribed(connection, post.keys, "ada@example.net")
        people.amend(connection, person.id, name=people.clean_name(name) or "x")
    exported = post.export()
    with post.database.write() as connection:
        people.amend(connection, person.id, name="")
    post.bring(exported)
    assert post.person("ada@example.net").name == (people.clean_name(name) or "x")

"""Exports of other programs: recognised by their header, mapped by one table, and their dates understood or refused."""

from __future__ import annotations

import contextlib
import io
import string
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.config import FieldConfig
from newsletter.subscribers.importing import dates, formats, reading
from newsletter.subscribers.importing.reading import ImportRefused

FIELDS = (FieldConfig(name="city"), FieldConfig(name="first_visit", type="date"))


def read(content: str, *, forced: str = "", file: str = "") -> tuple[str, list[dict[str, str]]]:
    rows = reading.rows(io.StringIO(content, newline=""))
    _, header = next(rows)
    columns = formats.recognise(header, FIELDS, forced, file)
    return columns.format.name, [columns.read(values) for _, values in rows]


MAILCHIMP = (
    '"Email Address","First Name","Last Name",City,MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP,'
    "LATITUDE,LONGITUDE,GMTOFF,DSTOFF,TIMEZONE,CC,REGION,LAST_CHANGED,LEID,EUID,NOTES,TAGS"
)


@pytest.mark.parametrize(
    ("content", "name", "first"),
    [
        (
            f'{MAILCHIMP}\nada@example.net,Ada,Reader,Wien,2,"2023-05-04 10:11:12",,"2023-05-04 10:12:00"'
            + ",,,,,,,,,,,,,"
            + '"""Gold Member"",""Café"""\n',
            "mailchimp",
            {
                **{"email": "ada@example.net", "name": "Ada Reader", "city": "Wien", "tags": "gold-member,cafe"},
                **{"confirmed_at": "2023-05-04 10:12:00", "status": ""},
            },
        ),
        (
            f"{MAILCHIMP}\nada@example.net,,,,2,2023-05-04 10:11:12,,,,,,,,,,,,,,,\n",
            "mailchimp",
            {"email": "ada@example.net", "name": "", "confirmed_at": "2023-05-04 10:11:12", "status": ""},
        ),
        (
            "Email Address,First Name,MEMBER_RATING,OPTIN_TIME,UNSUB_TIME,UNSUB_CAMPAIGN_TITLE,UNSUB_REASON\n"
            "ada@example.net,Ada,2,2020-01-01 00:00:00,2024-03-04 05:06:07,Spring,N/A\n",
            "mailchimp-unsubscribed",
            {"email": "ada@example.net", "unsubscribed_at": "2024-03-04 05:06:07", "status": "unsubscribed"},
        ),
        (
            "Email Address,First Name,MEMBER_RATING,OPTIN_TIME,CLEAN_TIME,CLEAN_CAMPAIGN_TITLE\n"
            "ada@example.net,Ada,1,2020-01-01 00:00:00,2024-03-04 05:06:07,Spring\n",
            "mailchimp-cleaned",
            {"email": "ada@example.net", "status": "bounced"},
        ),
        (
            "uuid,email,name,attributes,status,created_at,updated_at\n"
            '1f,ada@example.net,Ada,"{""city"": ""Wien"", ""x"": [1]}",blocklisted,2023-05-04T10:11:12.5Z,x\n',
            "listmonk",
            {"email": "ada@example.net", "name": "Ada", "city": "Wien", "status": "blocked"},
        ),
        (
            "uuid,email,name,attributes,status,created_at,updated_at\n1f,ada@example.net,Ada,[broken,enabled,,\n",
            "listmonk",
            {"email": "ada@example.net", "status": "confirmed"},
        ),
        (
            "email,active_subscription,expiry,plan,email_disabled,created_at,first_payment_at\n"
            "ada@example.net,false,,other,true,2023-05-04T10:11:12.000Z,\n",
            "substack",
            {"email": "ada@example.net", "confirmed_at": "2023-05-04T10:11:12.000Z", "status": "unsubscribed"},
        ),
        (
            "id,email,name,note,subscribed_to_emails,complimentary_plan,stripe_customer_id,created_at,deleted_at,"
            "labels,tiers\n1,ada@example.net,Ada,,true,false,,2023-05-04T10:11:12.000Z,,VIP,\n",
            "ghost",
            {"email": "ada@example.net", "name": "Ada", "tags": "vip", "status": "confirmed"},
        ),
        (
            "id,email,name,note,subscribed_to_emails,complimentary_plan,stripe_customer_id,created_at,deleted_at,"
            "labels,tiers\n1,ada@example.net,Ada,,true,false,,2023-05-04T10:11:12.000Z,2024-01-01T00:00:00Z,,\n",
            "ghost",
            {"status": "unsubscribed", "unsubscribed_at": "2024-01-01T00:00:00Z"},
        ),
        (
            'Email,First name,Last name,Data,Status\nada@example.net,Ada,Reader,"{""city"":""Wien""}",unreachable\n',
            "keila",
            {"email": "ada@example.net", "name": "Ada Reader", "city": "Wien", "status": "bounced"},
        ),
        (
            "email_address,notes,metadata,tags,type,creation_date\nada@example.net,,{},,unactivated,2023-05-04\n",
            "buttondown",
            {"email": "ada@example.net", "status": "pending", "confirmed_at": "2023-05-04"},
        ),
        (
            "Email;First Name;Last Name;City\nada@example.net;Ada;Reader;Wien\n",
            "plain",
            {"email": "ada@example.net", "name": "Ada Reader", "city": "Wien"},
        ),
        ("sep=;\r\nemail;name\r\nada@example.net;A, B\r\n", "plain", {"email": "ada@example.net", "name": "A, B"}),
    ],
)
def test_export_is_known_by_its_header_and_mapped(content: str, name: str, first: dict[str, str]) -> None:
    found, (record, *_) = read(content)
    assert found == name
    assert {key: record.get(key, "") for key in first} == first


def test_who_never_subscribed_at_mailchimp_is_pending_by_the_name_of_the_file_or_on_request() -> None:
    content = f"{MAILCHIMP}\nada@example.net,Ada,,,2,2023-05-04 10:11:12,,,,,,,,,,,,,,,\n"
    for given_name in ({"file": "nonsubscribed_email_audience_export.csv"}, {"forced": "mailchimp-nonsubscribed"}):
        _, (record,) = read(content, **given_name)
        assert record["status"] == "pending"
        assert "confirmed_at" not in record


def test_named_format_whose_address_column_is_missing_is_refused() -> None:
    with pytest.raises(ImportRefused, match="no column named email address, which a Mailchimp export has"):
        read("email,name\nada@example.net,Ada\n", forced="mailchimp")


def test_bare_list_is_read_on_request_only() -> None:
    rows = "ada@example.net\nbob@example.net\n"
    with pytest.raises(ImportRefused, match="say --format addresses"):
        read(rows)
    assert read(rows, forced="addresses")[0] == "addresses"


def test_two_columns_that_disagree_count_as_the_graver() -> None:
    content = "email_address,metadata,type,subscriber_type,creation_date\nada@example.net,{},regular,complained,\n"
    assert read(content)[1][0]["status"] == "complained"


@given(st.text(alphabet=string.printable + "äß‐", max_size=60))
def test_foreign_tags_become_tags_or_nothing(cell: str) -> None:
    from newsletter import tags

    tags.split(formats._spelt(cell))


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=12), max_size=8))
def test_any_row_under_any_known_header_is_a_record(cells: list[str]) -> None:
    for each in formats.FORMATS:
        header = list(dict.fromkeys([*each.columns, *each.standings, each.details]))
        record = formats.recognise(header, FIELDS, each.name).read(cells)
        assert all(isinstance(value, str) for value in record.values())


# -- dates -------------------------------------------------------------------------------------------

DAY = datetime(2023, 5, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2023-05-04", DAY),
        ("2023-05-04 10:11:12", DAY.replace(hour=10, minute=11, second=12)),
        ("2023-05-04T10:11:12.5Z", DAY.replace(hour=10, minute=11, second=12, microsecond=500_000)),
        ("2023-05-04 10:11:12 UTC", DAY.replace(hour=10, minute=11, second=12)),
        ("2023-05-04T12:00:00+02:00", DAY.replace(hour=10)),
        ("2023-05-04 10:00:00.123 +0200 CEST", DAY.replace(hour=8)),
        ("2023/5/4", DAY),
        ("4.5.2023", DAY),
        ("04.05.2023 10:11", DAY.replace(hour=10, minute=11)),
        ("25/12/2022", datetime(2022, 12, 25, tzinfo=UTC)),
        ("12/25/2022 1:05 PM", datetime(2022, 12, 25, 13, 5, tzinfo=UTC)),
        ("5/5/2023", DAY + timedelta(days=1)),
        ("May 4, 2023", DAY),
        ("4 May 2023", DAY),
        ("Thu, 04 May 2023 10:00:00 +0200", DAY.replace(hour=8)),
    ],
)
def test_dates_of_other_programs_are_understood(text: str, moment: datetime) -> None:
    assert dates.moment(text) == moment


@pytest.mark.parametrize(("order", "month"), [("dmy", 5), ("mdy", 4)])
def test_day_that_may_be_two_is_refused_until_somebody_says_which(order: dates.Order, month: int) -> None:
    with pytest.raises(dates.Ambiguous):
        dates.moment("04/05/2023")
    assert dates.moment("04/05/2023", order).month == month


@pytest.mark.parametrize("text", ["", "yesterday", "2023", "31/02/2023", "13/13/2023", "1/13/2023 13:00 PM", "x" * 99])
def test_what_is_no_date_is_said_to_be_none(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - in many words
        dates.moment(text)


@given(st.text(max_size=70))
def test_any_text_is_a_moment_with_a_zone_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError, OverflowError):
        assert dates.moment(text).tzinfo is not None


@given(st.integers(0, 4_000_000_000), st.integers(-12, 14))
def test_moments_survive_being_written(seconds: int, hours: int) -> None:
    moment = datetime.fromtimestamp(seconds, timezone(timedelta(hours=hours)))
    assert dates.moment(moment.isoformat()) == moment


# -- reading -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_byte_order_mark_decides_whatever_is_named(encoding: str) -> None:
    with reading.open_text(io.BytesIO("email\nzoë@example.net\n".encode(encoding)), "cp1252") as file:
        assert [values for _, values in reading.rows(file)] == [["email"], ["zoë@example.net"]]


@pytest.mark.parametrize("encoding", ["utf-7", "unicode_escape", "base64", "no such", "a\0b"])
def test_codec_that_is_no_encoding_of_files_is_refused(encoding: str) -> None:
    with pytest.raises(ImportRefused, match="There is no encoding"):
        reading.open_text(io.BytesIO(b"email\n"), encoding)


class Gigabyte(io.RawIOBase):
    """One line without an end, or one row of endless lines."""

    def __init__(self, piece: bytes) -> None:
        self.piece, self.left, self.begin = piece, 1 << 30, b"email,name\n"

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = (self.begin + self.piece * (len(buffer) // len(self.piece) + 1))[: min(len(buffer), self.left)]
        self.begin = b""
        buffer[: len(data)] = data
        self.left -= len(data)
        return len(data)


@pytest.mark.parametrize("piece", [b"x", b'"a\n",', b'"'], ids=["line", "row", "quotes"])
def test_gigabyte_without_an_end_is_let_go_at_once(piece: bytes) -> None:
    source = Gigabyte(piece)
    with reading.open_text(io.BufferedReader(source)) as file:
        rows = reading.rows(file)
        next(rows)
        with pytest.raises(ImportRefused):
            next(rows)
    assert source.left > (1 << 30) - (4 << 20)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_tamed_cell_comes_back_and_begins_with_no_formula(cell: str) -> None:
    assert reading.untame(reading.tame(cell)) == cell
    assert not reading.tame(cell).startswith(reading.FORMULA)

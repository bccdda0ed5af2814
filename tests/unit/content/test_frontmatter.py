"""Front matter means what was typed, and says where it is wrong."""

from __future__ import annotations

import contextlib
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.content.frontmatter import MAX_BYTES, FrontMatter, Key, Kind, read
from newsletter.errors import ContentError

SCHEMA = {
    "title": Key(required=True),
    "date": Key(Kind.DATE),
    "number": Key(Kind.NUMBER),
    "pinned": Key(Kind.BOOL),
    "excerpt": Key(),
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "01-a.md"


def parse(file: Path, text: str | bytes) -> FrontMatter:
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return read(file, SCHEMA)


def failure(file: Path, text: str | bytes) -> ContentError:
    with pytest.raises(ContentError) as caught:
        parse(file, text)
    assert caught.value.path == file
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize("typed", ["no", "01234", "1.10", "2026-09-12", "~", "null", "0x1F", "yes", "1e3", "12:30:45"])
def test_text_stays_as_it_was_typed(file: Path, typed: str) -> None:
    assert parse(file, f"---\ntitle: {typed}\n---\nBody\n").text("title") == typed


def test_declared_types_are_read(file: Path) -> None:
    matter = parse(file, "---\ntitle: A\ndate: 2026-09-15\nnumber: 12\npinned: yes\n---\nBody\n")
    assert matter.day("date") == date(2026, 9, 15)
    assert matter.number("number") == 12
    assert matter.flag("pinned")
    assert matter.text("excerpt") == ""


def test_byte_order_mark_and_windows_line_ends_are_tolerated(file: Path) -> None:
    matter = parse(file, b"\xef\xbb\xbf---\r\ntitle: A\r\n---\r\n\r\nBody\r\n")
    assert matter.text("title") == "A"
    assert (matter.body.source, matter.body.line) == ("Body", 5)


def test_body_knows_the_line_it_starts_on(file: Path) -> None:
    matter = parse(file, "---\ntitle: >\n  long\n  title\n---\n\n\nBody\n---\nmore\n")
    assert matter.text("title") == "long title"
    assert (matter.body.source, matter.body.line) == ("Body\n---\nmore", 8)


def test_duplicate_key_is_an_error_at_the_second(file: Path) -> None:
    error = failure(file, "---\ntitle: A\ndate: 2026-01-01\ntitle: B\n---\nBody\n")
    assert error.line == 4
    assert "line 2" in error.message


def test_unknown_key_names_the_nearest(file: Path) -> None:
    error = failure(file, "---\ntitle: A\nexcerp: B\n---\nBody\n")
    assert error.line == 3
    assert "excerpt" in error.hint


@pytest.mark.parametrize(
    "text", ["---\ntitle: A\n\tdate: 2026-01-01\n---\n", "---\ntitle: A\ndate:\t2026-01-01\n---\n"]
)
def test_tab_is_an_error_at_its_line(file: Path, text: str) -> None:
    error = failure(file, text)
    assert error.line == 3
    assert "spaces" in error.hint


def test_colon_in_a_value_asks_for_quotes(file: Path) -> None:
    error = failure(file, "---\ndate: 2026-01-01\ntitle: A: B\n---\n")
    assert error.line == 3
    assert "colon" in error.message
    assert "mapping" not in str(error)
    assert "quotes" in error.hint


def test_a_list_where_names_and_texts_belong_is_told_how_to_write_them(file: Path) -> None:
    file.write_text("---\nignore: [subj.length]\n---\n", "utf-8")
    with pytest.raises(ContentError, match="lines of its own") as caught:
        read(file, {"ignore": Key(Kind.TABLE)})
    assert "subj.length: why" in caught.value.hint


@pytest.mark.parametrize(
    "value",
    [
        "{{ subscriber.first_name }}",
        "[a, b]",
        "&a x",
        "*a",
        "!!python/object:os.system x",
        "!!int 3",
        "\n  a: b",
        "- x",
    ],
)
def test_anything_but_plain_text_is_an_error(file: Path, value: str) -> None:
    error = failure(file, f"---\ndate: 2026-01-01\ntitle: {value}\n---\n")
    assert error.line in {3, 4}


@pytest.mark.parametrize("source", ["[" * 50_000, "{" * 50_000, "- a", "just words", "? - x", "a: b\n...\n--- \nc: d"])
def test_front_matter_that_is_no_list_of_keys_is_an_error(file: Path, source: str) -> None:
    failure(file, f"---\n{source}\n---\nBody\n")


@pytest.mark.parametrize("value", ["20260915", "2026-W38-2", "2026-02-30", "15.9.2026", "2026-09-15 08:00", "soon"])
def test_date_that_is_not_iso_is_an_error(file: Path, value: str) -> None:
    error = failure(file, f"---\ntitle: A\ndate: {value}\n---\n")
    assert error.line == 3
    assert "2026-09-15" in error.hint


@pytest.mark.parametrize(
    ("key", "value"), [("number", "1.5"), ("number", "-1"), ("number", "٣"), ("pinned", "perhaps")]
)
def test_value_of_the_wrong_kind_is_an_error(file: Path, key: str, value: str) -> None:
    assert failure(file, f"---\ntitle: A\n{key}: {value}\n---\n").line == 3


def test_quoted_merge_tag_is_text(file: Path) -> None:
    tag = '{{ subscriber.first_name | default("friend") }}'
    assert parse(file, f"---\ntitle: '{tag}, hello'\n---\n").text("title") == f"{tag}, hello"
    assert parse(file, f"---\ntitle: Hello {tag}\n---\n").text("title") == f"Hello {tag}"


def test_missing_required_key_is_an_error(file: Path) -> None:
    assert "title" in failure(file, "---\ndate: 2026-01-01\n---\nBody\n").message
    assert failure(file, "---\ndate: 2026-01-01\ntitle:\n---\nBody\n").line == 3


def test_missing_fences_are_errors_on_line_one(file: Path) -> None:
    assert failure(file, "# A title\n").line == 1
    assert failure(file, "").line == 1
    assert failure(file, "---\ntitle: A\n").line == 1


def test_text_that_is_not_utf8_is_an_error_at_its_line(file: Path) -> None:
    assert failure(file, b"---\ntitle: caf\xe9\n---\n").line == 2


def test_control_characters_are_errors_however_they_are_spelled(file: Path) -> None:
    assert failure(file, "---\ntitle: A\n---\nIt\x92s\n").line == 4
    assert failure(file, '---\ntitle: "A\\u0000B"\n---\n').line == 2


def test_line_break_in_a_title_cannot_become_a_header(file: Path) -> None:
    assert parse(file, '---\ntitle: "A\\nBcc: x@example.net"\n---\nB\n').text("title") == "A Bcc: x@example.net"


def test_huge_and_missing_files_are_errors(file: Path) -> None:
    failure(file, "---\ntitle: A\n---\n" + "x" * MAX_BYTES)
    with pytest.raises(ContentError, match="cannot be read"):
        read(file.with_name("none.md"), SCHEMA)


@settings(deadline=None, derandomize=True)
@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_with_a_place(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = tmp_path_factory.getbasetemp() / "any.md"
    file.write_text(f"---\n{text}\n---\nBody", encoding="utf-8", errors="replace", newline="")
    with contextlib.suppress(ContentError):
        matter = read(file, SCHEMA)
        assert "\n" not in matter.text("title")
        assert matter.body.line >= 3

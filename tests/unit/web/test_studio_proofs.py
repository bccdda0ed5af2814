"""A proof says what mail programs show of a copy."""

from __future__ import annotations

from email.message import EmailMessage

import pytest

from newsletter.web.studio.proofs import cut, more_articles, rows, snippet, take_apart

FILLER = "&#847;&zwnj;&nbsp;" * 60


def message(html: str, subject: str = "Why your back hurts") -> bytes:
    mail = EmailMessage()
    mail["From"] = "The Steady Spine <editor@news.example.org>"
    mail["To"] = "ada@example.net"
    mail["Subject"] = subject
    mail.set_content("Hello\n")
    mail.add_alternative(html, subtype="html")
    return mail.as_bytes()


def test_a_message_is_taken_apart_into_what_programs_show() -> None:
    proof = take_apart(message("<p>Grüße</p>", "Grüße aus dem Süden"))
    assert proof.subject == "Grüße aus dem Süden"
    assert proof.sender == "The Steady Spine <editor@news.example.org>"
    assert proof.html.strip() == "<p>Grüße</p>"
    assert proof.text == "Hello\n"
    assert proof.clip_size >= len("<p>Grüße</p>".encode())


def test_snippet_is_the_preheader_and_stops_at_its_filler() -> None:
    head = "<html><head><title>T</title><style>p{}</style></head>"
    html = f"{head}<body><div>Two questions.{FILLER}</div><h1>Mast</h1></body></html>"
    assert snippet(html) == "Two questions."


def test_without_a_preheader_the_snippet_is_what_the_mail_begins_with() -> None:
    assert snippet("<body><h1>The Steady Spine</h1><p>Dear Ada,</p></body>") == "The Steady Spine Dear Ada,"
    assert snippet("") == ""


def test_rows_are_cut_at_35_60_and_90_characters() -> None:
    proof = take_apart(message("<p>" + "x" * 200 + "</p>", "s" * 70))
    assert [row.limit for row in rows(proof)] == [35, 60, 90]
    assert [len(row.subject[0]) for row in rows(proof)] == [35, 60, 70]
    assert [len(row.snippet[0]) for row in rows(proof)] == [35, 60, 90]
    assert rows(proof)[2].subject[1] == ""


def test_cutting_loses_nothing() -> None:
    assert cut("abcdef", 4) == ("abcd", "ef")


@pytest.mark.parametrize(
    ("size", "bare", "articles", "more"),
    [(24_448, 8_448, 4, 20), (104_448, 10_000, 30, 0), (200_000, 10_000, 30, 0), (8_448, 8_448, 0, 35)],
)
def test_room_is_reckoned_from_what_articles_take(size: int, bare: int, articles: int, more: int) -> None:
    assert more_articles(size, bare, articles) == more

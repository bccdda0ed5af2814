"""What goes into a log names nobody and opens nothing."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.redaction import ADDRESS, redacted
from newsletter.tokens import KeyRing, SigningKey, Verp

RING = KeyRing([SigningKey(1, bytes(range(32)), "")], bytes(32))
TOKEN = RING.sign("unsubscribe", 123456789, 1)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("550 5.1.1 <ada@example.org>: no such user", f"550 5.1.1 <{ADDRESS}>: no such user"),
        ("[parameters: ('ada.l+x@mail.example.org', 3)]", f"[parameters: ('{ADDRESS}', 3)]"),
        ("GET /?email=ada%40example.org&x=1", f"GET /?email={ADDRESS}&x=1"),
        ("über@exämple.de", ADDRESS),
        (f"POST /u/{TOKEN} failed", "POST /u/… failed"),
        (f"https://news.example.org/confirm/{TOKEN}?lang=de", "https://news.example.org/confirm/…?lang=de"),
        (f"the token {TOKEN}.", "the token …."),
        (f"{RING.verp(Verp(3, 99, 0))}@bounces.example.org", ADDRESS),
        (f"{RING.verp(Verp(3, 99, 0))} is gone", "… is gone"),
        ("Authorization: Bearer nlk_abcd2345_" + "aB3-" * 10, "Authorization: Bearer …"),
        ("postgresql://news:secret@db.internal/news", "postgresql://db.internal/news"),
        ("sha256 " + "ab12" * 16, "sha256 " + "ab12" * 16),
        ("/archive/001-why-your-back-hurts/", "/archive/001-why-your-back-hurts/"),
        ("The database is at schema 0011.", "The database is at schema 0011."),
    ],
)
def test_people_and_keys_are_taken_out_and_the_rest_stays(text, kept):
    assert redacted(text) == kept


@given(st.from_regex(r"[a-z0-9._+-]{1,60}@[a-z0-9-]{1,30}\.[a-z]{2,8}", fullmatch=True), st.text(max_size=30))
def test_no_address_survives(address, around):
    assert address not in redacted(f"{around} {address} {around}")


@given(st.integers(0, 2**63), st.integers(0, 2**63), st.sampled_from(["confirm", "unsubscribe", "preferences"]))
def test_no_token_survives(first, second, purpose):
    token = RING.sign(purpose, first, second)
    assert token not in redacted(f"in the middle of {token} a line")
    assert token[5:] not in redacted(f"/u/{token}")


def test_long_text_takes_no_long_time():
    begun = time.process_time()
    for text in ("x" * 200_000, "aB" * 100_000, "a@" * 100_000, "/u/" * 70_000):
        redacted(text)
    assert time.process_time() - begun < 5

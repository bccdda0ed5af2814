"""Signatures: what they cover, what breaks them, and that another implementation agrees."""

from __future__ import annotations

import base64
import re
import stat
from pathlib import Path

import dkim.canonicalization
import pytest
import signatures
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import example, given
from hypothesis import strategies as st

from newsletter.errors import ConfigError, RenderError
from newsletter.rendering import headers
from newsletter.rendering.compiled import compile_message
from newsletter.rendering.slots import Rendered, Slot
from newsletter.transport import dkim_keys
from newsletter.transport.dkim import OVERSIGNED, relaxed_body, relaxed_field, relaxed_lines

NAME = Slot("NLSLOTab120000X", "subscriber.first_name", "friend")
LINK = Slot("NLSLOTab120001X", "unsubscribe_url", None)
SHARED = [
    headers.mailbox("From", "The Steady Spine", "editor@news.example.org"),
    headers.mailbox("Reply-To", "", "letters@news.example.org"),
    headers.list_id("The Steady Spine", "steady-spine.news.example.org"),
    headers.structured("Precedence", "list"),
]
URL = "https://news.example.org/u/AQAAAAAAAAABAAAAAAAAAAEabcdefghijklmnopqrstuvwxyz"

blanks_and_letters = st.lists(
    st.sampled_from([b" ", b"\t", b"  ", b"\r\n", b"a", b"=\r\n", b".", b"\r\n\r\n", b"\xc3\xbc", b"--b--"]),
    max_size=40,
).map(b"".join)
names = st.text(max_size=80).filter(lambda text: not re.search("[\x00-\x1f\x7f-\x9f]", text))


def own_headers(name: str = "Ada Reader", date: str = "Tue, 15 Sep 2026 08:00:00 +0000") -> list[headers.Header]:
    return [
        headers.mailbox("To", name, "ada@example.net"),
        headers.structured("Date", date),
        headers.structured("Message-ID", "<c1.abc@news.example.org>"),
        headers.uris("List-Unsubscribe", [URL]),
        headers.structured("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
    ]


def copy(text: str = "t\n", html: str = "<p>h</p>\n", subject: str = "Hello", name: str = "Ada") -> bytes:
    source = Rendered(subject, "", html, text, (NAME, LINK))
    values = {NAME.name: name, LINK.name: URL}
    return compile_message(source, SHARED).fill(values, own_headers(), signatures.signer())


def tags(message: bytes) -> dict[str, str]:
    field = re.match(rb"DKIM-Signature: ((?:.*\r\n[ \t])*.*)\r\n", message)
    assert field is not None
    pairs = re.sub(r"\s+", "", field[1].decode("ascii")).split(";")
    return dict(pair.split("=", 1) for pair in pairs)


# -- canonical form ------------------------------------------------------------------------------


@given(blanks_and_letters)
@example(b"")
@example(b"\r\n\r\n")
@example(b" \t\r\n \r\n")
@example(b"a \t b\t\r\n\r\n \r\n")
def test_a_body_of_whole_lines_becomes_what_dkimpy_makes_of_it(body: bytes) -> None:
    body += b"\r\n"
    assert relaxed_body(body) == dkim.canonicalization.Relaxed.canonicalize_body(body)


@pytest.mark.parametrize(
    ("body", "relaxed"), [(b"", b""), (b" ", b""), (b"a", b"a\r\n"), (b"a \t", b"a\r\n"), (b"\r\na", b"\r\na\r\n")]
)
def test_a_body_without_a_last_line_end_gets_one(body: bytes, relaxed: bytes) -> None:
    assert relaxed_body(body) == relaxed


@given(st.lists(blanks_and_letters.map(lambda piece: piece + b"\r\n"), max_size=5))
def test_whole_lines_may_be_canonicalised_in_pieces(pieces: list[bytes]) -> None:
    assert b"".join(map(relaxed_lines, pieces)) == relaxed_lines(b"".join(pieces))


@given(st.lists(st.sampled_from([b" ", b"\t", b"a", b"\r\n ", b"\r\n\t", b":", b"<x>"]), max_size=20).map(b"".join))
def test_a_field_becomes_what_dkimpy_makes_of_it(value: bytes) -> None:
    [(name, text)] = dkim.canonicalization.Relaxed.canonicalize_headers([(b"List-ID", value)])
    assert relaxed_field("List-ID", value).line == name + b":" + text


# -- good signatures -----------------------------------------------------------------------------


@given(text=st.text(max_size=200), subject=names, name=names)
@example(text="", subject="", name="")
@example(text=f".\n..\n.{NAME.token}\n{NAME.token}\n.", subject=".", name=".")
@example(text="trailing \n\ttabs\t\n \n\n\n", subject="two  spaces", name=" a  b ")
@example(text="one line, no end", subject="Grüße " * 30, name="=?utf-8?q?x?=")
@example(text=f"{NAME.token}{NAME.token}", subject="x", name="y " * 100)
def test_dkimpy_verifies_every_copy(text: str, subject: str, name: str) -> None:
    message = copy(text, f"<p>{text}</p> {NAME.token}", f"{subject} {NAME.token}", name)
    assert signatures.dkimpy_accepts(message)
    unsigned = re.sub(rb"\ADKIM-Signature: .*\r\n(?:[ \t].*\r\n)*", b"", message)
    assert signatures.signer().sign_message(unsigned) == message


@given(body=blanks_and_letters)
@example(body=b"")
@example(body=b"\r\n")
@example(body=b"one line\r\n")
@example(body=b"..\r\n.\r\n")
def test_dkimpy_verifies_a_message_signed_in_one_piece(body: bytes) -> None:
    plain = b"From: a@news.example.org\r\nDate: Tue, 15 Sep 2026 08:00:00 +0000\r\nX-Other: 1\r\n\r\n" + body + b"\r\n"
    assert signatures.dkimpy_accepts(signatures.signer().sign_message(plain))


def test_of_fields_that_stand_twice_both_are_covered() -> None:
    dated = b"From: a@news.example.org\r\nDate: Tue, 15 Sep 2026 08:00:00 +0000\r\n"
    plain = b"Cc: a@x.example\r\n" + dated + b"Cc: b@x.example\r\n\r\n"
    signed = signatures.signer().sign_message(plain)
    assert tags(signed)["h"].split(":").count("cc") == 3
    assert signatures.dkimpy_accepts(signed)
    for address in (b"a@x.example", b"b@x.example"):
        assert not signatures.dkimpy_accepts(signed.replace(address, b"c@x.example"))


def test_opendkim_agrees(tmp_path: Path) -> None:
    good = [
        copy(),
        copy("", "", "", "."),
        copy(f".\n.{NAME.token}\ntrailing \n\t\n\n", f"<p>{NAME.token}  </p>", f"Für {NAME.token}", "Zoë  O'Hara" * 9),
        copy("one line, no end", NAME.token * 9, "long subject " * 20, "y " * 100),
    ]
    bad = [message.replace(b"<p>", b"<q>").replace(b"Hello", b"Hallo") for message in good[:1]]
    assert signatures.opendkim_verdicts(tmp_path, [*good, *bad]) == [True, True, True, True, False]


def test_the_signature_says_what_it_should() -> None:
    message = copy()
    found = tags(message)
    assert set(found) == {"v", "a", "c", "d", "s", "h", "t", "bh", "b"}  # no l=, no x=, no i=
    assert (found["a"], found["c"]) == ("rsa-sha256", "relaxed/relaxed")
    assert (found["d"], found["s"]) == (signatures.DOMAIN, signatures.SELECTOR)
    assert found["t"] == "1789459200"
    assert len(base64.b64decode(found["b"])) == 256


def test_every_field_of_a_copy_is_covered_and_the_tempting_ones_once_more() -> None:
    message = copy()
    head = message.partition(b"\r\n\r\n")[0]
    present = [name.decode().lower() for name in re.findall(rb"^([!-9;-~]+):", head, re.MULTILINE)][1:]
    listed = tags(message)["h"].split(":")
    for name in present:
        assert listed.count(name) == present.count(name) + (name in OVERSIGNED)
    for name in OVERSIGNED:
        assert listed.count(name) == present.count(name) + 1


def test_the_field_is_folded() -> None:
    long = signatures.Signer("d" * 40 + ".news.example.org", "s" * 40, signatures.key())
    for message in (copy(), long.sign_message(copy())):
        lines = message[: message.index(b"\r\nTo:")].split(b"\r\n")
        assert max(map(len, lines)) <= 76
        assert len(lines) > 5


def test_the_same_copy_is_signed_the_same_way_again() -> None:
    assert copy(name="Zoë") == copy(name="Zoë")


@pytest.mark.parametrize("gone", [b"From", b"Date"])
def test_a_message_without_from_or_date_is_not_signed(gone: bytes) -> None:
    plain = b"From: a@news.example.org\r\nDate: Tue, 15 Sep 2026 08:00:00 +0000\r\n\r\nhello\r\n"
    with pytest.raises(RenderError, match=gone.decode()):
        signatures.signer().sign_message(plain.replace(gone, b"X-" + gone))


@pytest.mark.parametrize("junk", [b"", b"hello", b"\r\n\r\nhello", b"no colon here\r\n\r\nhello", b"Date: tomorrow"])
def test_what_is_no_message_is_not_signed(junk: bytes) -> None:
    with pytest.raises(RenderError):
        signatures.signer().sign_message(junk)


def test_a_date_that_is_none_is_not_signed() -> None:
    with pytest.raises(RenderError, match="Date"):
        signatures.signer().sign_message(b"From: a@news.example.org\r\nDate: soon\r\n\r\nhello\r\n")


# -- broken signatures ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name.title() for name in OVERSIGNED])
@pytest.mark.parametrize("place", ["top", "below the signature", "bottom"])
def test_a_field_added_on_the_way_breaks_the_signature(name: str, place: str) -> None:
    message = copy()
    extra = name.encode() + b": <https://elsewhere.example/>\r\n"
    at = {"top": 0, "below the signature": message.index(b"To: "), "bottom": message.index(b"\r\n\r\n") + 2}[place]
    assert signatures.dkimpy_accepts(message)
    assert not signatures.dkimpy_accepts(message[:at] + extra + message[at:])


def test_opendkim_notices_added_fields_too(tmp_path: Path) -> None:
    message = copy()
    added = [name.title().encode() + b": x@elsewhere.example\r\n" + message for name in OVERSIGNED]
    assert signatures.opendkim_verdicts(tmp_path, added) == [False] * len(added)


def test_any_changed_byte_breaks_the_signature() -> None:
    message = copy(f"Dear {NAME.token}, hello.\n", f"<p>{NAME.token}</p>", "Hi")
    unbroken = [
        position
        for position in range(len(message))
        if message[position] != ord("~")
        and signatures.dkimpy_accepts(message[:position] + b"~" + message[position + 1 :])
    ]
    assert unbroken == []


@given(st.data())
def test_any_byte_taken_out_breaks_the_signature_unless_it_is_a_blank(data: st.DataObject) -> None:
    message = copy(f"Dear {NAME.token}, hello.\n", f"<p>{NAME.token}</p>", "Hi")
    end = len(message) - 4  # without the last CRLF, which canonicalisation would put back
    start = message.index(b"\r\nTo:") + 2
    letters = [position for position in range(start, end) if not chr(message[position]).isspace()]
    position = data.draw(st.sampled_from(letters))
    assert not signatures.dkimpy_accepts(message[:position] + message[position + 1 :])


# -- keys ----------------------------------------------------------------------------------------


def test_a_new_key_belongs_to_its_owner_alone_and_can_be_loaded(tmp_path: Path) -> None:
    path = tmp_path / "var" / "dkim-a.pem"
    made = dkim_keys.create_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    loaded = dkim_keys.load_key(path)
    assert loaded.key_size == 2048
    assert loaded.private_numbers() == made.private_numbers()


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "dkim-a.pem"
    path.write_bytes(b"precious")
    with pytest.raises(ConfigError, match="exists already"):
        dkim_keys.create_key(path)
    assert path.read_bytes() == b"precious"


def pem(private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, passphrase: bytes = b"") -> bytes:
    return private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption(),
    )


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (lambda: b"", "PEM"),
        (lambda: b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "PEM"),
        (lambda: pem(ec.generate_private_key(ec.SECP256R1())), "RSA"),
        (lambda: pem(signatures.key(), b"secret"), "passphrase"),
    ],
    ids=["empty", "garbage", "elliptic", "passphrase"],
)
def test_a_file_that_holds_no_usable_key_is_refused(tmp_path: Path, content: object, complaint: str) -> None:
    path = tmp_path / "key.pem"
    path.touch(mode=0o600)
    path.write_bytes(content())  # type: ignore[operator]
    with pytest.raises(ConfigError, match=complaint) as refused:
        dkim_keys.load_key(path)
    assert refused.value.hint


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(pem(signatures.key()))
    path.chmod(mode)
    with pytest.raises(ConfigError, match="read by others") as refused:
        dkim_keys.load_key(path)
    assert "chmod 600" in refused.value.hint


def test_a_missing_key_names_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist") as refused:
        dkim_keys.load_key(tmp_path / "none.pem")
    assert "newsletter keys dkim" in refused.value.hint


def test_the_record_is_split_so_that_dns_can_hold_it() -> None:
    record = signatures.record()
    assert record.name == "newsletter._domainkey.news.example.org"
    assert record.value.startswith("v=DKIM1; k=rsa; p=MII")
    assert "".join(record.strings) == record.value
    assert [len(piece) <= 255 for piece in record.strings] == [True, True]
    assert re.findall(r'"([^"]*)"', record.zone_line) == record.strings

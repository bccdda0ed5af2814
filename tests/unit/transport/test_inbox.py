"""Reading the sandbox: whatever lies there is shown, quickly, and nothing else is reachable."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter.errors import NotFoundError
from newsletter.transport.inbox import clear, messages, read, stamp
from newsletter.transport.maildrop import Maildrop


def put(folder: Path, message: bytes, recipient: str = "b@example.org") -> str:
    return Maildrop(folder).add(stamp("a@example.org", [recipient], message)).stem


ALTERNATIVE = "\r\n".join(
    [
        "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=",
        "Received: from here",
        "Content-Type: multipart/mixed; boundary=x",
        "",
        "--x",
        "Content-Type: multipart/alternative; boundary=y",
        "",
        "--y",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: quoted-printable",
        "",
        "Gr=C3=BC=C3=9Fe",
        "--y",
        "Content-Type: text/html; charset=iso-8859-1",
        "Content-Transfer-Encoding: base64",
        "",
        "PHA+R3L832U8L3A+",
        "--y--",
        "--x",
        "Content-Type: text/plain",
        "Content-Disposition: attachment; filename=a.txt",
        "",
        "attached",
        "--x",
        "Content-Type: image/png",
        "",
        "png",
        "--x--",
        "",
    ]
).encode()


def test_a_message_is_taken_apart(tmp_path: Path) -> None:
    mail = read(tmp_path, put(tmp_path, ALTERNATIVE))
    assert mail.text is not None
    assert mail.text.strip() == "Grüße"
    assert mail.html == "<p>Grüße</p>"
    assert mail.attachments == 2
    assert mail.mail.subject == mail.header("subject") == "Grüße"
    assert [name for name, _ in mail.headers] == ["Subject", "Received", "Content-Type"]


def test_the_newest_come_first_and_only_as_many_as_wanted(tmp_path: Path) -> None:
    for number in range(5):
        put(tmp_path, b"Subject: %d\r\n\r\n" % number)
    assert [mail.subject for mail in messages(tmp_path, limit=2)] == ["4", "3"]
    assert len(messages(tmp_path)) == 5
    assert clear(tmp_path) == 5
    assert messages(tmp_path) == messages(tmp_path / "never made") == []


def test_a_forged_envelope_header_does_not_hide_the_real_one(tmp_path: Path) -> None:
    put(tmp_path, b"X-Sandbox-Envelope-To: forged@example.org\r\n\r\n")
    assert messages(tmp_path)[0].recipient == "b@example.org"


def test_a_line_break_in_an_envelope_address_makes_no_header(tmp_path: Path) -> None:
    mail = read(tmp_path, put(tmp_path, b"Subject: x\r\n\r\n", recipient="b@example.org\r\nEvil: yes"))
    assert mail.header("Evil") == ""


@pytest.mark.parametrize("id", ["000009", "../secret", "..", "", "/etc/passwd", "000001.eml", "0" * 5000, "٠٠٠٠٠١"])
def test_an_unknown_id_reaches_no_file(tmp_path: Path, id: str) -> None:
    put(tmp_path / "box", b"Subject: x\r\n\r\n")
    (tmp_path / "secret.eml").write_text("secret")
    with pytest.raises(NotFoundError):
        read(tmp_path / "box", id)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"no headers at all",
        b"\xff\xfe\x00\r\n\r\n\x00",
        b"To: " + b"," * 180_000 + b"\r\n\r\nx",
        b"Subject: " + b"=?utf-8?q?a?= " * 20_000 + b"\r\n\r\nx",
        b"Subject: " + b"(" * 20_000 + b"\r\n\r\nx",
        b"Subject: =?nonsense?q?x?= =?utf-8?b?!!!?=\r\n\r\nx",
        b"Content-Type: text/html; charset=nonsense\r\n\r\n<p>x",
        b"Content-Transfer-Encoding: base64\r\n\r\n%%%%",
        "".join(f"Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n" for n in range(1500)).encode(),
        b"Content-Type: message/rfc822\r\n\r\n" * 1500,
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 5000,
    ],
)
def test_hostile_mail_is_shown_quickly(tmp_path: Path, message: bytes) -> None:
    begun = time.perf_counter()
    id = put(tmp_path, message)
    (listed,) = messages(tmp_path)
    assert listed.recipient == "b@example.org"
    mail = read(tmp_path, id)
    assert mail.attachments < 600
    assert time.perf_counter() - begun < 2


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(message=st.binary(max_size=3000))
def test_any_bytes_can_be_looked_at(tmp_path: Path, message: bytes) -> None:
    read(tmp_path, put(tmp_path, message))
    messages(tmp_path, limit=1)

"""A relay that cannot be used as a whole: one sentence, exit 1, nobody marked, and the same command goes on later."""

from __future__ import annotations

import socket
from pathlib import Path
from smtpd import ScriptedServer, make_certificate

import pytest
from journeys.desk import ISSUE, Desk

PASSWORD = "correct horse battery"


def all_wait(desk: Desk) -> bool:
    """Whether every reader is pending, without a mark for the trouble of the relay."""
    return desk.statuses() == {"pending": desk.readers} and not desk.sql("SELECT * FROM suppressions")


@pytest.mark.slow
def test_a_relay_that_is_down_costs_nobody_a_copy(desk: Desk) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    desk.relay(port)
    refused = desk.send()
    assert refused.code == 1
    assert f"127.0.0.1:{port}" in refused.err
    assert "refused" in refused.err
    assert "same command again" in refused.err
    assert all_wait(desk)
    with ScriptedServer(port=port) as server:
        assert desk.send().code == 0
        assert len({each.recipient for each in server.messages}) == len(server.messages) == desk.readers
    assert desk.statuses() == {"sent": desk.readers}


def test_a_wrong_password_is_said_and_not_shown(desk: Desk, tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path / "pki")
    with ScriptedServer(tls="tls", certificate=certificate, credentials=("editor", PASSWORD)) as server:
        desk.relay(server.port, "tls", username="editor", password="hunter2 wrong", ca_file=certificate.authority)
        refused = desk.send()
        assert refused.code == 1
        assert "user name or password" in refused.err
        assert "535" in refused.err
        assert "hunter2" not in refused.out + refused.err
        assert not server.said("MAIL")
        assert all_wait(desk)
        del desk.settings["NEWSLETTER_SMTP__PASSWORD"]
        secret = tmp_path / "password"
        secret.write_text(PASSWORD + "\n", "utf-8")
        desk.settings["NEWSLETTER_SMTP__PASSWORD_FILE"] = str(secret)
        assert desk.send().code == 0
        assert {(each.tls, each.user) for each in server.messages} == {(True, "editor")}
    assert desk.statuses() == {"sent": desk.readers}


@pytest.mark.parametrize("fault", ["another authority", "expired", "another name"])
def test_a_certificate_that_does_not_verify_stops_everything(desk: Desk, tmp_path: Path, fault: str) -> None:
    known = make_certificate(tmp_path / "known")
    certificate = {
        "another authority": lambda: make_certificate(tmp_path / "pki", trusted=known),
        "expired": lambda: make_certificate(tmp_path / "pki", expired=True),
        "another name": lambda: make_certificate(tmp_path / "pki", "mail.example.org"),
    }[fault]()
    security = "starttls" if fault == "expired" else "tls"
    with ScriptedServer(tls=security, certificate=certificate, credentials=("editor", PASSWORD)) as server:
        desk.relay(server.port, security, username="editor", password=PASSWORD, ca_file=certificate.authority)
        refused = desk.send()
        assert refused.code == 1
        assert f"certificate of 127.0.0.1:{server.port} does not verify" in refused.err
        assert not server.said("AUTH")
        assert not server.said("MAIL")
        assert not server.messages
    assert all_wait(desk)


def test_without_starttls_nothing_leaves_in_clear(desk: Desk) -> None:
    with ScriptedServer(credentials=("editor", PASSWORD)) as server:
        desk.relay(server.port, "starttls", username="editor", password=PASSWORD)
        refused = desk.send()
        assert refused.code == 1
        assert "does not offer STARTTLS" in refused.err
        assert {line.split()[0] for _, line in server.commands} <= {"EHLO", "QUIT"}
    assert all_wait(desk)


def test_a_relay_on_another_machine_is_never_used_without_encryption(desk: Desk) -> None:
    desk.relay(25, "none", host="mail.example.org")
    refused = desk.send()
    assert refused.code == 3
    assert "this machine only" in refused.err
    assert desk.sql("SELECT count(*) FROM campaigns WHERE slug = ?", ISSUE) == [(0,)]


def test_a_relay_that_refuses_the_sender_marks_no_reader(desk: Desk) -> None:
    with ScriptedServer({"MAIL": "550 5.7.1 this sender is not yours"}) as server:
        desk.relay(server.port)
        refused = desk.send()
    assert refused.code == 1
    assert "refuses mail from us" in refused.err
    assert "this sender is not yours" in refused.err
    assert set(desk.statuses()) == {"pending"}
    assert not desk.sql("SELECT * FROM suppressions")

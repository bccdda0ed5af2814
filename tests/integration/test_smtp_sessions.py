"""Opening a session: encryption, login, and one clear sentence when it does not come about."""

from __future__ import annotations

import re
import socket
import traceback
from dataclasses import replace
from pathlib import Path
from smtpd import Certificate, Drip, Drop, Endless, Item, ScriptedServer, Stall, make_certificate, one_by_one
from typing import Any

import pytest

from newsletter.errors import TransportUnavailable
from newsletter.transport.base import Envelope, Outcome, Verdict
from newsletter.transport.smtp import SmtpSettings, SmtpTransport, Timeouts, probe

QUICK = Timeouts(connect=5, greeting=5, command=5, data=5, block=5, dot=5)
PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"))


def settings(server: ScriptedServer, certificate: Certificate | None = None, **given: Any) -> SmtpSettings:
    defaults: dict[str, Any] = {"security": server.tls or "none", "connections": 1, "timeouts": QUICK}
    if certificate is not None:
        defaults["ca_file"] = certificate.authority
    return SmtpSettings(server.host, server.port, **(defaults | given))


def send_one(given: SmtpSettings) -> tuple[list[Outcome], int]:
    """Try to send one message without pauses; the outcomes, and how many envelopes were taken."""
    outcomes: list[Outcome] = []
    waiting = [Envelope("f@example.org", "a@example.org", b"Subject: x\r\n\r\nsecret text\r\n")]
    taken = 0

    def take() -> Envelope | None:
        nonlocal taken
        if not waiting:
            return None
        taken += 1
        return waiting.pop()

    SmtpTransport(given, sleep=lambda _: None).run(take, one_by_one(lambda _, outcome: outcomes.append(outcome)))
    return outcomes, taken


def refused(given: SmtpSettings) -> TransportUnavailable:
    """The error of a run that must not take any envelope, and of `probe`, which says the same."""

    def take() -> Envelope | None:
        raise AssertionError("took an envelope without a session")

    with pytest.raises(TransportUnavailable) as probed:
        probe(given)
    with pytest.raises(TransportUnavailable) as raised:
        SmtpTransport(given, sleep=lambda _: None).run(take, one_by_one(lambda *_: None))
    assert raised.value.message == probed.value.message
    assert raised.value.hint
    for error in (raised, probed):
        assert PASSWORD not in "".join(traceback.format_exception(error.value))
    return raised.value


@pytest.mark.parametrize("mechanisms", ["PLAIN LOGIN", "LOGIN"])
@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_messages_and_passwords_go_through_verified_tls(certificate: Certificate, tls: str, mechanisms: str) -> None:
    with ScriptedServer(
        tls=tls, certificate=certificate, credentials=("ada", PASSWORD), mechanisms=mechanisms
    ) as server:
        given = settings(server, certificate, username="ada", password=PASSWORD)
        outcomes, _ = send_one(given)
        said = probe(given)
    assert [outcome.verdict for outcome in outcomes] == [Verdict.ACCEPTED]
    assert (server.messages[0].tls, server.messages[0].user) == (True, "ada")
    assert "TLSv1.3" in said
    assert "logged in as ada" in said
    assert "26.2 MB" in said
    assert PASSWORD not in said
    if tls == "starttls":
        assert [line.split()[0] for line in server.said("") if line][:3] == ["EHLO", "STARTTLS", "EHLO"]


@pytest.mark.parametrize("tls", ["starttls", "tls"])
@pytest.mark.parametrize(
    ("flaw", "reason"),
    [
        ("expired", "expired"),
        ("name", "mismatch|not valid for"),
        ("authority", "issuer|signature|self"),
    ],
)
def test_a_certificate_that_does_not_verify_stops_everything(
    tmp_path: Path, certificate: Certificate, tls: str, flaw: str, reason: str
) -> None:
    bad = make_certificate(
        tmp_path,
        *(["mail.example.org"] if flaw == "name" else []),
        expired=flaw == "expired",
        trusted=certificate if flaw == "authority" else None,
    )
    with ScriptedServer(tls=tls, certificate=bad, credentials=("ada", PASSWORD)) as server:
        error = refused(settings(server, bad, username="ada", password=PASSWORD))
    assert "does not verify" in error.message
    assert re.search(reason, error.message)
    assert server.said("AUTH") == server.said("MAIL") == []
    assert server.connections == 2, "one for the probe, one for the run: not retried"


def test_starttls_stripped_sends_nothing_in_clear() -> None:
    with ScriptedServer(credentials=("ada", PASSWORD)) as server:
        error = refused(settings(server, security="starttls", username="ada", password=PASSWORD))
    assert "does not offer STARTTLS" in error.message
    assert "nothing was sent in clear" in error.message
    assert server.said("AUTH") == server.said("MAIL") == []


def test_a_refused_starttls_sends_nothing_in_clear(certificate: Certificate) -> None:
    with ScriptedServer({"STARTTLS": "454 4.7.0 no TLS today"}, tls="starttls", certificate=certificate) as server:
        error = refused(settings(server, certificate))
    assert "no TLS today" in error.message
    assert server.said("MAIL") == []


def test_plaintext_slipped_in_behind_starttls_is_refused(certificate: Certificate) -> None:
    with ScriptedServer(tls="starttls", certificate=certificate, inject=b"250 forged\r\n") as server:
        error = refused(settings(server, certificate))
    assert "slipped in" in error.message


def test_tls_to_a_port_without_it_says_so() -> None:
    with ScriptedServer() as server:
        error = refused(settings(server, security="tls"))
    assert "No encrypted connection" in error.message
    assert "starttls" in error.hint


def test_an_unencrypted_relay_elsewhere_is_refused_before_any_connection() -> None:
    error = refused(SmtpSettings("mail.example.org", 25, security="none"))
    assert "unencrypted" in error.message


@pytest.mark.parametrize("mechanisms", ["PLAIN", "LOGIN"])
def test_a_wrong_password_is_tried_once_and_never_shown(certificate: Certificate, mechanisms: str) -> None:
    with ScriptedServer(
        tls="starttls", certificate=certificate, credentials=("ada", "other"), mechanisms=mechanisms
    ) as server:
        error = refused(settings(server, certificate, username="ada", password=PASSWORD))
    assert error.message.startswith("The mail server refused the user name or password (535")
    assert server.connections == 2, "one for the probe, one for the run: not retried"


@pytest.mark.parametrize("echo", [f"535 5.7.8 wrong: {PASSWORD}", f"garbage {PASSWORD}".encode() + b"\r\n"])
def test_a_server_that_echoes_the_password_does_not_make_us_show_it(echo: str | bytes) -> None:
    with ScriptedServer({"AUTH": echo}, credentials=("ada", PASSWORD)) as server:
        error = refused(settings(server, username="ada", password=PASSWORD))
    assert PASSWORD not in str(error)


def test_a_login_put_off_for_now_is_tried_again() -> None:
    with ScriptedServer({"AUTH": ["454 4.7.0 database away"]}, credentials=("ada", PASSWORD)) as server:
        outcomes, _ = send_one(settings(server, username="ada", password=PASSWORD))
    assert [outcome.verdict for outcome in outcomes] == [Verdict.ACCEPTED]


def test_a_login_that_is_not_offered_is_not_attempted() -> None:
    with ScriptedServer() as server:
        error = refused(settings(server, username="ada", password=PASSWORD))
    assert "offers no login" in error.message


def test_nobody_listening_is_said_with_host_and_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
    error = refused(SmtpSettings("127.0.0.1", port, security="none"))
    assert error.message == f"Nothing answers at 127.0.0.1:{port}: connection refused."


def test_a_name_that_does_not_exist_is_said() -> None:
    error = refused(SmtpSettings("mail.invalid", 587, timeouts=QUICK))
    assert "mail.invalid cannot be found" in error.message


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ("554 5.7.1 go away", "go away"),
        ("421 4.7.0 too many", "too many"),
        (Drop(), "closed the connection"),
        (b"SSH-2.0-OpenSSH\r\n", "not an SMTP reply"),
        (Endless(), "more than"),
        (Endless(line=True), "more than"),
        (Stall(), "did not answer within 0.2 seconds"),
        (Drip("220 test.example", every=0.05), "did not answer within 0.2 seconds"),
    ],
)
def test_a_strange_greeting_ends_in_one_sentence(item: Item, reason: str) -> None:
    with ScriptedServer({"GREETING": item}) as server:
        error = refused(settings(server, timeouts=replace(QUICK, greeting=0.2)))
    assert reason in error.message


def test_helo_is_used_only_when_ehlo_is_refused_for_good() -> None:
    with ScriptedServer({"EHLO": "502 5.5.1 what?"}) as server:
        outcomes, _ = send_one(settings(server))
    assert [outcome.verdict for outcome in outcomes] == [Verdict.ACCEPTED]
    assert server.messages[0].parameters == ""
    with ScriptedServer({"EHLO": "451 4.3.0 later"}) as server:
        refused(settings(server))
    assert server.said("HELO") == []


@pytest.mark.parametrize(("name", "said"), [("news.example.org", "news.example.org"), ("[192.0.2.1]", "[192.0.2.1]")])
def test_ehlo_says_the_configured_name(name: str, said: str) -> None:
    with ScriptedServer() as server:
        probe(settings(server, local_hostname=name))
    assert server.said("EHLO") == [f"EHLO {said}"]


def test_ehlo_says_a_full_name_or_an_address_literal() -> None:
    with ScriptedServer() as server:
        probe(settings(server, local_hostname="bad name\r\nMAIL FROM:<x@y>"))
    (line,) = server.said("EHLO")
    assert line == "EHLO [127.0.0.1]" or "." in line


def test_a_missing_authority_file_is_named(tmp_path: Path, certificate: Certificate) -> None:
    with ScriptedServer(tls="starttls", certificate=certificate) as server:
        error = refused(settings(server, ca_file=tmp_path / "missing.pem"))
    assert "missing.pem cannot be read" in error.message

"""The sandbox as a mail server: it keeps everything, is found by other processes, and fails on request."""

from __future__ import annotations

import json
import smtplib
import socket
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from smtpd import one_by_one

import pytest

from newsletter.errors import NewsletterError, StateError, TransportUnavailable
from newsletter.transport.base import Envelope, Outcome, Verdict
from newsletter.transport.sandbox import Faults, Sandbox, clear, messages, read
from newsletter.transport.smtp import SmtpTransport, probe

BODY = b"From: a@example.org\r\nSubject: Hello\r\n\r\nHi\r\n"


def send(sandbox: Sandbox, *recipients: str, body: bytes = BODY) -> dict[str, Outcome]:
    envelopes = [Envelope("b+1@example.org", recipient, body, key=recipient) for recipient in recipients]
    outcomes: dict[str, Outcome] = {}
    transport = SmtpTransport(sandbox.settings, sleep=lambda _: None)
    transport.run(iter([*envelopes, *[None] * 9]).__next__, one_by_one(lambda e, o: outcomes.__setitem__(e.key, o)))
    return outcomes


def test_mail_goes_in_and_can_be_looked_at(tmp_path: Path) -> None:
    with Sandbox(tmp_path) as sandbox:
        outcomes = send(sandbox, "ada@example.org", "bo@example.org")
    assert {o.verdict for o in outcomes.values()} == {Verdict.ACCEPTED}
    listed = messages(tmp_path)
    assert {m.recipient for m in listed} == {"ada@example.org", "bo@example.org"}
    assert [m.id for m in listed] == ["000002", "000001"]
    assert (listed[0].sender, listed[0].subject) == ("b+1@example.org", "Hello")
    assert listed[0].path.read_bytes().endswith(b"\r\n" + BODY)


def test_dots_and_international_addresses_survive(tmp_path: Path) -> None:
    with Sandbox(tmp_path) as sandbox:
        send(sandbox, "用户@例子.公司", body=BODY + b".\r\n..two\r\n")
    (mail,) = messages(tmp_path)
    assert mail.recipient == "用户@例子.公司"
    assert mail.path.read_bytes().endswith(b"Hi\r\n.\r\n..two\r\n")


def test_probe_describes_it(tmp_path: Path) -> None:
    with Sandbox(tmp_path) as sandbox:
        assert "26.2 MB" in probe(sandbox.settings)


def test_a_message_above_the_limit_is_refused(tmp_path: Path) -> None:
    with Sandbox(tmp_path) as sandbox:
        outcomes = send(sandbox, "a@example.org", body=BODY + b"x\r\n" * 9_000_000)
    assert outcomes["a@example.org"].enhanced == "5.3.4"
    assert messages(tmp_path) == []


def test_other_processes_find_it_and_join_it(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from newsletter.transport.sandbox import Sandbox; "
        "s = Sandbox.start_or_join(pathlib.Path(sys.argv[1])); "
        "print(s.joined, s.address.port, s.address.web_port); s.stop()"
    )
    with Sandbox(tmp_path) as sandbox:
        sandbox.announce(8099)
        done = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True, timeout=60
        )
        assert done.stdout.split() == ["True", str(sandbox.address.port), "8099"]
        assert Sandbox.running(tmp_path) == sandbox.address, "the guest did not stop it"
    assert Sandbox.running(tmp_path) is None


def test_a_second_start_is_refused_with_the_place_of_the_first(tmp_path: Path) -> None:
    with Sandbox(tmp_path) as sandbox, pytest.raises(StateError, match=f"127.0.0.1:{sandbox.address.port}"):
        Sandbox(tmp_path).start()


def test_many_who_start_at_once_share_one(tmp_path: Path) -> None:
    found: list[Sandbox] = []
    threads = [threading.Thread(target=lambda: found.append(Sandbox.start_or_join(tmp_path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({sandbox.address.port for sandbox in found}) == 1
    assert sum(not sandbox.joined for sandbox in found) == 1
    for sandbox in found:
        sandbox.stop()


def test_it_comes_back_on_the_port_of_last_time_and_goes_on_counting(tmp_path: Path) -> None:
    with Sandbox(tmp_path) as sandbox:
        send(sandbox, "a@example.org")
        port = sandbox.address.port
    with Sandbox(tmp_path) as sandbox:
        assert sandbox.address.port == port
        send(sandbox, "b@example.org")
    assert [m.id for m in messages(tmp_path)] == ["000002", "000001"]


def test_another_server_on_the_old_port_is_not_taken_for_it(tmp_path: Path) -> None:
    with Sandbox(tmp_path / "one") as one:
        other = tmp_path / "two"
        other.mkdir()
        (other / "port").write_text((one.folder / "port").read_text())
        assert Sandbox.running(other) is None
        with Sandbox(other) as two:
            assert two.address.port != one.address.port


@pytest.mark.parametrize(
    "content", ["", "[]", "{", '{"host": "127.0.0.1", "port": 999999, "web_port": null, "pid": 1}', "null"]
)
def test_a_spoilt_port_file_is_no_sandbox(tmp_path: Path, content: str) -> None:
    (tmp_path / "port").write_text(content)
    assert Sandbox.running(tmp_path) is None
    with Sandbox(tmp_path) as sandbox:
        assert json.loads((tmp_path / "port").read_text())["port"] == sandbox.address.port


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        with pytest.raises(TransportUnavailable, match=f"127.0.0.1:{port}"):
            Sandbox(tmp_path, port=port).start()


def test_it_listens_on_this_machine_only(tmp_path: Path) -> None:
    with pytest.raises(NewsletterError, match="this machine only"):
        Sandbox(tmp_path, host="0.0.0.0")


def test_stopping_with_a_guest_connected_is_quick_and_clean(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path).start()
    client = smtplib.SMTP(sandbox.address.host, sandbox.address.port, timeout=5)
    client.ehlo()
    sandbox.stop()
    sandbox.stop()
    with pytest.raises(smtplib.SMTPServerDisconnected):
        client.noop()
    client.close()
    with pytest.raises(StateError):
        _ = sandbox.address


def test_several_recipients_are_one_message(tmp_path: Path) -> None:
    with Sandbox(tmp_path) as sandbox, smtplib.SMTP(sandbox.address.host, sandbox.address.port, timeout=5) as client:
        client.sendmail("a@example.org", ["b@example.org", "c@example.org"], BODY)
    (mail,) = messages(tmp_path)
    assert mail.recipient == "b@example.org, c@example.org"


def test_recipients_are_rejected_and_deferred_by_pattern(tmp_path: Path) -> None:
    faults = Faults(reject_recipients=("*@Dead.example",), defer_recipients=("slow*",))
    with Sandbox(tmp_path, faults=faults) as sandbox:
        outcomes = send(sandbox, "x@dead.example", "slow1@example.org", "fine@example.org")
    assert [(o.verdict, o.enhanced) for o in outcomes.values()] == [
        (Verdict.REJECTED, "5.1.1"),
        (Verdict.DEFERRED, "4.7.1"),
        (Verdict.ACCEPTED, "2.0.0"),
    ]


def test_faults_are_the_same_for_the_same_seed(tmp_path: Path) -> None:
    readers = [f"r{n}@example.org" for n in range(60)]
    faults = Faults(reject_rate=0.2, defer_rate=0.3, seed=7)
    seen: list[dict[str, Verdict]] = []
    for name in ("one", "two"):
        with Sandbox(tmp_path / name, faults=faults) as sandbox:
            order = readers if name == "one" else readers[::-1]
            seen.append({k: o.verdict for k, o in send(sandbox, *order).items()})
    assert seen[0] == seen[1]
    counts = Counter(seen[0].values())
    assert 5 <= counts[Verdict.REJECTED] <= 20
    assert 8 <= counts[Verdict.DEFERRED] <= 25


def test_a_dead_mailbox_stays_dead_and_a_deferral_ends(tmp_path: Path) -> None:
    readers = [f"r{n}@example.org" for n in range(30)]
    with Sandbox(tmp_path, faults=Faults(reject_rate=0.3, defer_rate=0.5)) as sandbox:
        tries = [send(sandbox, *readers) for _ in range(8)]
    dead = [{k for k, o in outcomes.items() if o.verdict is Verdict.REJECTED} for outcomes in tries]
    assert dead[0]
    assert all(one == dead[0] for one in dead)
    assert {m.recipient for m in messages(tmp_path)} == set(readers) - dead[0]


def test_drops_before_the_dot_lose_nothing_and_after_it_are_unknown(tmp_path: Path) -> None:
    with Sandbox(tmp_path, faults=Faults(drop_before_dot_rate=1.0)) as sandbox:
        before = send(sandbox, "a@example.org")
        assert messages(tmp_path) == []
        sandbox.faults = Faults(drop_after_dot_rate=1.0)
        after = send(sandbox, "a@example.org")
    assert (before["a@example.org"].verdict, before["a@example.org"].session) == (Verdict.DEFERRED, True)
    assert after["a@example.org"].verdict is Verdict.UNKNOWN
    assert [m.recipient for m in messages(tmp_path)] == ["a@example.org"]


def test_answers_can_be_delayed(tmp_path: Path) -> None:
    with Sandbox(tmp_path, faults=Faults(delay_seconds=0.2)) as sandbox:
        transport = SmtpTransport(sandbox.settings)
        waiting = [Envelope("a@example.org", "b@example.org", BODY)]
        transport.run(lambda: waiting.pop() if waiting else None, one_by_one(lambda *_: None))
    assert transport.wire_seconds >= 0.2


def test_it_can_be_emptied(tmp_path: Path) -> None:
    with Sandbox(tmp_path) as sandbox:
        send(sandbox, "a@example.org", "b@example.org")
        assert clear(tmp_path) == 2
        assert messages(tmp_path) == []
        send(sandbox, "c@example.org")
    assert read(tmp_path, messages(tmp_path)[0].id).mail.recipient == "c@example.org"

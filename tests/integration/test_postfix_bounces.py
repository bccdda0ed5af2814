"""Bounces that a real Postfix writes: each says what really happened.

A private instance in a temporary folder, on loopback, with a scripted server behind it that refuses in all the
ways a reader's server may. Postfix has to be started by root. Without either the test is skipped and says so, or
fails where nothing may be missing (`NEWSLETTER_TEST_REQUIRE_ALL=1`).
"""

from __future__ import annotations

import os
import shutil
import smtplib
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from smtpd import ScriptedServer

import pytest

from newsletter.feedback import Kind, classify

POSTFIX = shutil.which("postfix", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
SENDER = "b-aebagbafaydqqcikbmga2dqpcaireeyuculbo@bounces.example.org"
READERS = {
    "unknown@example.com": "550 5.1.1 <unknown@example.com>: Recipient address rejected: User unknown",
    "unworded@example.com": "550 5.0.0 <unworded@example.com> no such user",
    "full@example.com": "552 5.2.2 Mailbox full",
    "crowded@example.com": "452 4.2.2 Over quota",
    "grey@example.com": "450 4.7.1 Greylisted, come back later",
    "policy@example.com": "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using bl.example.net",
}
EXPECTED = {
    "unknown@example.com": Kind.HARD,
    "unworded@example.com": Kind.HARD,
    "gone.reader@local.example": Kind.HARD,
    "full@example.com": Kind.SOFT,
    "crowded@example.com": Kind.SOFT,
    "grey@example.com": Kind.SOFT,
    "policy@example.com": Kind.BLOCK,
    "content@example.com": Kind.BLOCK,
}
LATE = {"crowded@example.com", "grey@example.com"}
MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = /dev/stdout
maillog_file_prefixes = /dev
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.example.net
mydestination = local.example
mynetworks = 127.0.0.0/8
alias_maps =
alias_database =
local_recipient_maps =
disable_dns_lookups = yes
smtp_host_lookup = native
sink = smtp:[127.0.0.1]:{sink}
transport_maps = inline:{{ {{example.com = $sink}}, {{bounces.example.org = $sink}} }}
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_recipient_restrictions =
smtp_tls_security_level =
smtpd_tls_security_level =
delay_warning_time = 1s
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 2s
maximal_queue_lifetime = 6s
"""
SERVICES = """
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 1 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
local unix - n n - - local
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        (POSTFIX is None or os.geteuid() != 0) and not os.environ.get("NEWSLETTER_TEST_REQUIRE_ALL"),
        reason="SKIPPED LOUDLY: Postfix is not installed, or this is not root, who alone can start it",
    ),
]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short, and open to Postfix's own user on the way; pytest's folders are neither."""
    made = Path(tempfile.mkdtemp(prefix="pf."))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


def start(folder: Path, sink: int) -> int:
    """Start Postfix; answers with the port it listens on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    conf = folder / "conf"
    for name in ("conf", "queue", "data"):
        (folder / name).mkdir(mode=0o755)
    shutil.chown(folder / "data", "postfix")
    (conf / "main.cf").write_text(MAIN.format(folder=folder, sink=sink), "utf-8")
    (conf / "master.cf").write_text(SERVICES.format(port=port).lstrip(), "utf-8")
    assert POSTFIX is not None
    with (folder / "log").open("wb") as log:  # a pipe would stay open as long as the daemons run
        subprocess.run([POSTFIX, "-c", str(conf), "start"], stdout=log, stderr=log, check=True, timeout=60)
    return port


def wait_for(port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail("Postfix does not listen")


def test_every_bounce_of_postfix_says_what_happened(folder: Path) -> None:
    def rcpt(argument: str) -> str | None:
        return next((reply for reader, reply in READERS.items() if f"<{reader}>" in argument), None)

    def dot(recipients: str) -> str | None:
        return "550 5.7.1 Message content rejected" if "content@example.com" in recipients else None

    with ScriptedServer({"RCPT": rcpt, "DOT": dot}) as server:
        port = start(folder, server.port)
        try:
            wait_for(port)
            with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
                for reader in EXPECTED:
                    client.sendmail(
                        SENDER, reader, f"To: {reader}\r\nMessage-ID: <1.{reader}>\r\n\r\nGood morning.\r\n"
                    )
            deadline = time.monotonic() + 60
            while len(server.messages) < len(EXPECTED) + len(LATE) and time.monotonic() < deadline:
                time.sleep(0.2)
        finally:
            subprocess.run([str(POSTFIX), "-c", str(folder / "conf"), "stop"], capture_output=True, timeout=60)
    came_back = [classify(message.data) for message in server.messages if message.recipient == SENDER]
    said = {verdict.recipient: verdict.kind for verdicts in came_back for verdict in verdicts}
    assert said == EXPECTED
    assert came_back.count([]) == len(LATE), "a warning that a mail is late is no bounce"
    for verdicts in came_back:
        for verdict in verdicts:
            assert SENDER.partition("@")[0] in verdict.delivery.verp
            assert f"<1.{verdict.recipient}>" in verdict.delivery.message_ids

"""A real mail server of our own: Postfix on loopback, that hands everything on to one scripted server.

A private instance in a temporary folder, started as root, because Postfix lets nobody else. Without Postfix or root
tests are skipped and say so, or fail where nothing may be missing (`NEWSLETTER_TEST_REQUIRE_ALL=1`).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

POSTFIX = shutil.which("postfix", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
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

needs_postfix = pytest.mark.skipif(
    (POSTFIX is None or os.geteuid() != 0) and not os.environ.get("NEWSLETTER_TEST_REQUIRE_ALL"),
    reason="SKIPPED LOUDLY: Postfix is not installed, or this is not root, who alone can start it",
)


@contextlib.contextmanager
def postfix(sink: int) -> Iterator[int]:
    """Postfix until the block ends; the port it listens on. Mail for readers and bounces goes to port `sink`."""
    # Short, and open to Postfix's own user on the way; pytest's folders are neither.
    folder = Path(tempfile.mkdtemp(prefix="pf."))
    folder.chmod(0o755)
    try:
        port = _start(folder, sink)
        try:
            _wait_for(port)
            yield port
        finally:
            subprocess.run([str(POSTFIX), "-c", str(folder / "conf"), "stop"], capture_output=True, timeout=60)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _start(folder: Path, sink: int) -> int:
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


def _wait_for(port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail("Postfix does not listen")

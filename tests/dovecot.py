"""A real IMAP server of our own: Dovecot on loopback, over TLS, with one account in a temporary folder.

Needs Debian's `dovecot-imapd`; skipped loudly where it is missing, and failed where nothing may be.
"""

from __future__ import annotations

import contextlib
import grp
import imaplib
import ipaddress
import os
import pwd
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

USER, PASSWORD = "bounces", "a-secret-of-the-tests"

CONFIG = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
{users}
first_valid_uid = 1
mail_location = maildir:{folder}/mail
ssl = required
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/key.pem
mail_fsync = never
{more}
passdb {{
  driver = static
  args = user={name} password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/home
}}
service imap-login {{
  {jail}
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    port = {port}
    ssl = yes
  }}
}}
"""

NOT_ROOT = """\
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
service anvil {{
  chroot =
}}
"""


@dataclass(frozen=True)
class Dovecot:
    """The server and its one account."""

    folder: Path
    port: int

    @property
    def address(self) -> str:
        """For `[feedback] mailbox`."""
        return f"imaps://{USER}@127.0.0.1:{self.port}/INBOX"

    @property
    def ca_file(self) -> Path:
        return self.folder / "cert.pem"

    @contextlib.contextmanager
    def session(self) -> Iterator[imaplib.IMAP4_SSL]:
        """A mail program of the tests."""
        tls = ssl.create_default_context(cafile=str(self.ca_file))
        session = imaplib.IMAP4_SSL("127.0.0.1", self.port, ssl_context=tls, timeout=20)
        try:
            session.login(USER, PASSWORD)
            yield session
        finally:
            session.logout()

    def deliver(self, *messages: bytes) -> None:
        """Put messages into the inbox."""
        with self.session() as session:
            for message in messages:
                status, said = session.append("INBOX", "", "", message)
                assert status == "OK", said

    def count(self, folder: str = "INBOX") -> int:
        """Messages in a folder; -1 when there is none."""
        with self.session() as session:
            status, said = session.select(f'"{folder}"', readonly=True)
            return int(said[0] or 0) if status == "OK" else -1


@contextlib.contextmanager
def dovecot(*, more: str = "") -> Iterator[Dovecot]:
    """A server until the block ends; `more` is added to its configuration."""
    program = shutil.which("dovecot") or shutil.which("dovecot", path="/usr/sbin:/usr/local/sbin")
    if program is None or not Path("/usr/lib/dovecot/imap").exists():
        if os.environ.get("NEWSLETTER_TEST_REQUIRE_ALL"):
            pytest.fail("dovecot is required here; install the Debian package dovecot-imapd")
        pytest.skip("dovecot is not installed (Debian: apt-get install dovecot-imapd)")
    # Deliberately none of pytest's folders: their names are too long for sockets, and nobody else may pass through.
    folder = Path(tempfile.mkdtemp(prefix="dovecot-"))
    try:
        with _running(program, folder, more) as server:
            yield server
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def _running(program: str, folder: Path, more: str) -> Iterator[Dovecot]:
    _certificate(folder)
    folder.chmod(0o755)
    is_root = os.getuid() == 0
    owner = pwd.getpwnam("mail") if is_root else pwd.getpwuid(os.getuid())
    for each in ("mail", "home"):
        (folder / each).mkdir()
        if is_root:
            os.chown(folder / each, owner.pw_uid, owner.pw_gid)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    # Dovecot lets root neither talk to strangers nor read mail; Debian brings users for that. Others are their own.
    users = "" if is_root else NOT_ROOT.format(user=owner.pw_name, group=grp.getgrgid(owner.pw_gid).gr_name)
    names = {"users": users, "jail": "" if is_root else "chroot =", "uid": owner.pw_uid, "gid": owner.pw_gid}
    (folder / "conf").write_text(
        CONFIG.format(folder=folder, port=port, name=USER, password=PASSWORD, more=more, **names), "utf-8"
    )
    server = subprocess.Popen(
        [program, "-F", "-c", str(folder / "conf")], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    try:
        _wait(server, folder, port)
        yield Dovecot(folder, port)
    finally:
        server.terminate()
        server.wait(timeout=20)
        assert server.stderr is not None
        server.stderr.close()


def _wait(server: subprocess.Popen[bytes], folder: Path, port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if server.poll() is not None:
            assert server.stderr is not None
            pytest.fail(f"dovecot did not start: {server.stderr.read().decode()}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    log = folder / "log"
    pytest.fail(f"dovecot does not answer: {log.read_text('utf-8') if log.exists() else ''}")


def _certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mailbox of the tests")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=7))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (folder / "key.pem").chmod(0o600)

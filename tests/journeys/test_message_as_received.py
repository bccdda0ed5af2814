"""One issue as a mail server receives it: every rule of the mailbox providers, on the bytes."""

import os
import re
import shutil
import subprocess
import sys
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from smtpd import ScriptedServer

import pytest

from newsletter import config
from newsletter.site import Site
from newsletter.starter.plant import plant
from newsletter.store import migrate
from newsletter.tokens import KeyRing, Verp

READER = "zoe.o'hara+news@example.net"


@pytest.fixture(scope="module")
def received(tmp_path_factory):
    """The site's copy of issue one for a reader with an awkward name, as it came over the wire."""
    folder = tmp_path_factory.mktemp("site") / "letter"
    plant(folder, base_url="https://news.example.org")
    with ScriptedServer() as server:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("NEWSLETTER_")} | {
            "NEWSLETTER_SMTP__HOST": server.host,
            "NEWSLETTER_SMTP__PORT": str(server.port),
            "NEWSLETTER_SMTP__SECURITY": "none",
            "NEWSLETTER_FEEDBACK__RETURN_PATH": "bounces.example.org",
        }
        settings, origins = config.load(folder, environment)
        with Site(folder, settings, origins) as site:
            keys = KeyRing.create(site.keys_path, site.clock())
            migrate.upgrade(site.any_database)
        newsletter(
            "--site",
            folder,
            "subscriber",
            "add",
            READER,
            "--name",
            'Zoë "the =?utf-8?q?x?=" O\'Hara',
            "--confirmed",
            "--basis",
            "she told us",
            env=environment,
        )
        newsletter("--site", folder, "send", "001-why-your-back-hurts", "--yes", "--expect", "1", env=environment)
        [message] = server.messages
    return message, message_from_bytes(message.data), keys


def newsletter(*words, env):
    done = subprocess.run(
        [sys.executable, "-m", "newsletter", *map(str, words)], env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def only(message: Message, name: str) -> str:
    values = message.get_all(name) or []
    assert len(values) == 1, f"{name}: {values}"
    return re.sub(r"\r?\n[ \t]", " ", str(values[0]))


def test_no_line_is_over_998_bytes_and_all_end_in_crlf(received):
    wire, _, _ = received
    assert max(len(line) for line in wire.data.split(b"\r\n")) <= 998
    assert wire.data.count(b"\n") == wire.data.count(b"\r\n") == wire.data.count(b"\r")
    assert wire.data.isascii()
    assert b"\0" not in wire.data


def test_quoted_printable_lines_are_at_most_76(received):
    _, message, _ = received
    for part in message.walk():
        if not part.is_multipart():
            assert part["Content-Transfer-Encoding"] == "quoted-printable"
            assert max(len(line) for line in part.get_payload().splitlines()) <= 76


def test_there_is_one_sender_and_one_recipient(received):
    _, message, _ = received
    assert only(message, "From") == "The Steady Spine <editor@news.example.org>"
    assert only(message, "To").endswith(f"<{READER}>")
    assert "," not in only(message, "To")
    assert message["Cc"] is None
    assert message["Bcc"] is None


def test_one_click_names_exactly_one_https_address_and_no_mailto(received):
    _, message, _ = received
    assert re.fullmatch(r"<https://news\.example\.org/u/[\w-]+>", only(message, "List-Unsubscribe"))
    assert only(message, "List-Unsubscribe-Post") == "List-Unsubscribe=One-Click"


def test_the_list_is_named_by_a_domain_of_ours(received):
    _, message, _ = received
    assert only(message, "List-Id") == "The Steady Spine <steady-spine.news.example.org>"
    assert only(message, "Precedence") == "list"
    assert message["Auto-Submitted"] is None


def test_the_message_id_is_ours_and_hides_the_reader(received):
    _, message, _ = received
    assert re.fullmatch(r"<c\d+\.[0-9a-f]{32}@news\.example\.org>", only(message, "Message-ID"))


def test_the_envelope_sender_names_the_recipient_by_a_mac_whatever_the_case(received):
    wire, message, keys = received
    local, _, domain = wire.sender.partition("@")
    assert domain == "bounces.example.org"
    assert len(local) <= 64
    proof = keys.read_verp(local.upper())
    assert isinstance(proof, Verp)
    assert only(message, "Message-ID").startswith(f"<c{proof.campaign_id}.")


def test_the_text_part_comes_first_and_has_the_links_alone_on_their_lines(received):
    _, message, _ = received
    text, html = message.get_payload()
    assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    unsubscribe = only(message, "List-Unsubscribe").strip("<>")
    assert unsubscribe in text.get_payload(decode=True).decode("utf-8").splitlines()
    assert unsubscribe in html.get_payload(decode=True).decode("utf-8")


def test_structured_headers_carry_no_encoded_words(received):
    wire, message, _ = received
    for name in ("List-Unsubscribe", "List-Unsubscribe-Post", "List-Id", "Message-ID", "Date", "Content-Type"):
        assert "=?" not in only(message, name)
    head = wire.data.partition(b"\r\n\r\n")[0]
    assert not re.search(rb"\r\n[ \t]+\r\n", head)


def test_parsing_it_again_finds_no_defect(received):
    _, message, _ = received
    assert [part.defects for part in message.walk() if part.defects] == []


def test_spamassassin_finds_nothing_to_complain_about(received, tmp_path):
    judge = shutil.which("spamassassin")
    if judge is None:
        if os.environ.get("NEWSLETTER_TEST_REQUIRE_ALL"):
            pytest.fail("spamassassin is required here; install the Debian package of that name")
        pytest.skip("spamassassin is not installed (Debian: apt-get install spamassassin)")
    wire, _, _ = received
    Path(tmp_path / "home").mkdir()
    done = subprocess.run(
        [judge, "-t", "-L"],
        input=wire.data,
        capture_output=True,
        timeout=60,
        env={**os.environ, "HOME": str(tmp_path / "home")},
    )
    score = re.search(rb"Content analysis details:\s+\((-?[\d.]+) points", done.stdout)
    assert score is not None, done.stderr
    assert float(score[1]) <= 1.0, done.stdout.decode("utf-8", "replace")[-1500:]

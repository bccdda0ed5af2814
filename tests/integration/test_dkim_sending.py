"""Every mail that leaves a Site with `[dkim]` carries a signature that two other programs accept."""

from __future__ import annotations

import os
import re
from smtpd import Drop, ScriptedServer

import factories
import pytest
import signatures
from commands import Commands

from newsletter import config
from newsletter.site import Site
from newsletter.store.schema import CampaignKind
from newsletter.subscribers import people, signup

ISSUE = "001-why-your-back-hurts"
AWKWARD = {
    "ada@example.net": "Ada Byron",
    "dot@example.net": ".",
    "zoe.o'hara+news@example.net": 'Zoë  "the =?utf-8?q?x?=" O\'Hara ',
    "long@example.net": "Anna " * 30,
    "nobody@example.net": "",
}


@pytest.fixture
def server():
    with ScriptedServer() as running:
        yield running


@pytest.fixture
def run(site_folder, server, monkeypatch, capfd):
    """Commands on a Site that signs with a key of its own and sends to `server`."""
    for name in list(os.environ):
        if name.startswith("NEWSLETTER_") and not name.startswith("NEWSLETTER_TEST_"):
            monkeypatch.delenv(name)
    for key, value in (("HOST", server.host), ("PORT", server.port), ("SECURITY", "none")):
        monkeypatch.setenv(f"NEWSLETTER_SMTP__{key}", str(value))
    commands = Commands(site_folder, monkeypatch, capfd)
    made = commands.ok("keys", "dkim", "--domain", signatures.DOMAIN, "--json").json
    with (site_folder / "newsletter.toml").open("a", encoding="utf-8") as file:
        file.write(f"\n{made['toml']}\n")
    commands.published = signatures.Record(made["record"]["name"], "".join(made["record"]["strings"]))
    return commands


def assert_signed(run, tmp_path, messages):
    assert all(message.count(b"DKIM-Signature:") == 1 for message in messages)
    assert all(signatures.dkimpy_accepts(message, run.published) for message in messages)
    assert signatures.opendkim_verdicts(tmp_path / "judge", messages, run.published) == [True] * len(messages)


def test_every_copy_of_an_issue_verifies(run, server, tmp_path):
    rows = "".join('"{}","{}"\n'.format(email, name.replace('"', '""')) for email, name in AWKWARD.items())
    (tmp_path / "readers.csv").write_text(f"email,name\n{rows}", "utf-8")
    run.ok("subscriber", "import", tmp_path / "readers.csv", "--confirmed", "--basis", "asked at the desk")
    run.ok("send", ISSUE, "--yes", "--expect", len(AWKWARD))
    assert {message.recipient for message in server.messages} == set(AWKWARD)
    assert_signed(run, tmp_path, [message.data for message in server.messages])


def test_confirmation_welcome_and_goodbye_verify(run, server, site_folder, clock, tmp_path):
    settings = config.load(site_folder)
    with Site(site_folder, *settings, clock) as site:
        with site.database.write() as connection:
            assert signup.subscribe(connection, factories.request("ada@example.net", name="Ada"), site.keys, clock())
            person = people.find(connection, "ada@example.net")
        site.sender().drain()
        with site.database.write() as connection:
            signup.confirm(connection, person.uid, 0, factories.PAGE, clock())
        site.sender().drain()
        with site.database.write() as connection:
            signup.unsubscribe(connection, person, 1, factories.PAGE, clock(), farewell=True)
        site.sender().drain()
    messages = [message.data for message in server.messages]
    assert [len(re.findall(rb"\r\nList-Unsubscribe:", message)) for message in messages] == [0, 1, 0]
    assert_signed(run, tmp_path, messages)


def test_a_test_copy_and_a_preview_verify(run, server, tmp_path):
    run.ok("test", ISSUE, "--to", "editor@example.net")
    run.ok("preview", ISSUE, "--out", tmp_path / "out")
    [copy] = [message.data for message in server.messages]
    assert_signed(run, tmp_path, [copy, (tmp_path / "out" / f"{ISSUE}.eml").read_bytes()])
    assert run.ok("check", ISSUE).code == 0


@pytest.mark.parametrize("kind", [CampaignKind.CONFIRM, CampaignKind.WELCOME, CampaignKind.GOODBYE])
def test_a_sample_of_a_system_mail_verifies(run, site_folder, clock, kind):
    from newsletter.subscribers.compose import MailComposer

    with Site(site_folder, *config.load(site_folder), clock) as site:
        composer = MailComposer(site.config, site.environment_in, site.letterhead, site.lists_by_id, site.signer)
        assert signatures.dkimpy_accepts(composer.sample(kind, 1, clock()), run.published)


def test_a_second_try_carries_the_same_bytes_signature_included(run, monkeypatch, tmp_path):
    run.ok("subscriber", "add", "ada@example.net", "--confirmed", "--basis", "asked at the desk")
    with ScriptedServer({"DOT": [Drop(kept=True)]}) as relay:
        monkeypatch.setenv("NEWSLETTER_SMTP__PORT", str(relay.port))
        campaign = run("send", ISSUE, "--yes", "--expect", 1, "--json").json["campaign"]
        run.ok("campaign", "resolve", campaign, "--resend", "--yes")
        run.ok("send", ISSUE, "--yes", "--expect", 1)
        first, second = relay.messages
    assert first.data == second.data
    assert_signed(run, tmp_path, [second.data])


def test_without_a_domain_nothing_is_signed(run, server, site_folder):
    file = site_folder / "newsletter.toml"
    file.write_text(re.sub(r"\[dkim\](.*\n)+", "", file.read_text("utf-8")), "utf-8")
    run.ok("test", ISSUE, "--to", "editor@example.net")
    assert b"DKIM-Signature" not in server.messages[0].data

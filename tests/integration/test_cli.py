"""The command line as people and scripts use it: answers, refusals, exit codes, and nothing half done."""

import csv
import io
import json
import os
import re
import signal
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from commands import Commands

ISSUE = "001-why-your-back-hurts"
SECOND = "002-the-side-you-favour"


@pytest.fixture
def run(tmp_path, monkeypatch, capfd):
    for name in list(os.environ):
        if name.startswith("NEWSLETTER_") and not name.startswith("NEWSLETTER_TEST_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("NO_COLOR", "1")
    commands = Commands(tmp_path / "letter", monkeypatch, capfd)
    commands.ok("init", commands.folder, "--name", "The Test Letter", "--from", "editor@example.net")
    return commands


def confirmed(run, *addresses):
    for address in addresses:
        run.ok("subscriber", "add", address, "--confirmed", "--basis", "asked at the desk")


def edit(path, old, new):
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


# -- a new Site --------------------------------------------------------------------------------------


def test_init_makes_a_site_that_works_at_once(run):
    assert run.ok("config", "check").out.startswith("The configuration of The Test Letter is fine.")
    assert run.ok("check", ISSUE).code == 0
    assert run.ok("db", "check").out == "The database is sound.\n"
    schema = run.ok("db", "current", "--json").json
    assert schema["current"] == schema["needed"]


def test_init_keeps_secrets_and_people_to_the_owner(run):
    for name in (".env", "var/keys.toml"):
        assert stat.S_IMODE((run.folder / name).stat().st_mode) == 0o600
    assert stat.S_IMODE((run.folder / "var").stat().st_mode) == 0o700


def test_init_refuses_a_folder_that_is_a_site_already(run):
    done = run("init", run.folder)
    assert done.code == 4
    assert "is a Site already" in done.err


@pytest.mark.parametrize(
    "wrong",
    [("--name", "two\nlines"), ("--name", "  "), ("--from", "nobody"), ("--from", ""), ("--name", "ok", "--from", "@")],
)
def test_init_judges_what_it_was_told_before_it_writes(run, tmp_path, wrong):
    folder = tmp_path / "new" / "site"
    done = run("init", folder, *wrong)
    assert done.code == 1
    assert not folder.parent.exists()
    run.ok("init", folder)


def test_a_failed_init_can_be_tried_again(run, tmp_path, monkeypatch):
    folder = tmp_path / "again"
    monkeypatch.setenv("NEWSLETTER_SERVER__PROT", "8000")
    assert run("init", folder).code == 3
    assert not folder.exists()
    monkeypatch.delenv("NEWSLETTER_SERVER__PROT")
    monkeypatch.setenv("NEWSLETTER_DATABASE__URL", "sqlite:///.gitignore/letters.db")
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    assert run("init", folder).code in {1, 3}
    assert [each.name for each in folder.iterdir()] == ["mine.txt"]
    monkeypatch.delenv("NEWSLETTER_DATABASE__URL")
    (folder / "issues").mkdir()
    assert len(run.ok("init", folder, "--json").json["issues"]) == 2
    run.folder = folder
    run.ok("check", ISSUE)


def test_the_words_after_init_are_aligned(run, tmp_path):
    own = tmp_path / "own" / "issues" / "1"
    own.mkdir(parents=True)
    (own / "issue.md").write_text("")
    for folder in ("own", "examples"):
        out = run.ok("init", tmp_path / folder).out
        columns = [found.end() for found in re.finditer(r"(?m)(?<=^  )newsletter \S+(?: \S+)*  +", out)]
        starts = [found.start() for found in re.finditer(r"(?m)(?<=^  )newsletter ", out)]
        assert len(columns) == len(starts) == 3
        assert len({end - start for start, end in zip(starts, columns, strict=True)}) == 1


@pytest.mark.parametrize(
    ("command", "keys"),
    [("serve --port 0", {"url", "inbox"}), ("worker", {"worker"}), ("sandbox", {"smtp", "inbox"})],
)
def test_commands_that_stay_up_say_so_in_one_line_of_json_at_once(run, command, keys):
    words = [sys.executable, "-m", "newsletter", "--site", run.folder, *command.split(), "--json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        document = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=30)[0] == b""
    assert process.returncode == 0
    assert set(document) == keys
    assert all(document.values())


def test_outside_of_a_site_the_remedy_is_named(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["newsletter", "campaign", "list"])
    run.folder = tmp_path
    done = run("campaign", "list")
    assert done.code == 3
    assert "newsletter init DIR" in done.err


def test_an_error_is_one_document_with_json(run):
    done = run("campaign", "show", 7, "--json")
    assert done.code == 1
    assert done.json["error"].startswith("There is no campaign 7.")


def test_with_json_a_mistake_in_the_words_is_one_document_too(run):
    for words in (
        ("sned",),
        ("send",),
        ("send", ISSUE, "--exepct", 3),
        ("subscriber",),
        ("subscriber", "list", "--status", "gone"),
        ("campaign", "resolve", 1, "--mark-sent", "--resend"),
        ("subscriber", "import", "nowhere.csv"),
        ("send", ISSUE, "--at", "yesterday"),
    ):
        done = run(*words, "--json")
        assert done.code == 2, words
        assert set(done.json) == {"error", "hint"}
        assert "--help" in done.json["hint"]
        assert done.err


def test_a_failure_after_the_answer_adds_no_second_document(run):
    with sqlite3.connect(run.folder / "var" / "newsletter.db") as connection:
        connection.execute("ALTER TABLE subscribers ADD COLUMN stray TEXT")
    connection.close()
    done = run("db", "check", "--json")
    assert done.code == 1
    assert done.json["ok"] is False


def test_global_options_work_between_group_and_command(run):
    assert run.ok("subscriber", "--json", "list").json["total"] == 0
    assert run.ok("campaign", "--json", "list").json == []
    assert run.ok("--json", "config", "--quiet", "check").json["ok"] is True


def test_what_the_machine_refuses_is_one_sentence_with_the_file(run, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    done = run("preview", ISSUE, "--out", tmp_path / "file" / "out", "--json")
    assert done.code == 1
    assert str(tmp_path / "file") in done.json["error"]
    assert done.json["hint"]
    assert "fault of the program" not in done.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_loses_nothing_and_says_so(run):
    (run.folder / "var" / "preview").mkdir()
    (run.folder / "var" / "preview" / f"{ISSUE}.html").symlink_to("/dev/full")
    done = run("preview", ISSUE)
    assert done.code == 1
    assert "No space left on device." in done.err
    assert "Nothing was lost. Make room, then run the same command again." in done.err
    assert "fault of the program" not in done.err


def test_a_line_of_dotenv_that_cannot_be_parsed_stops_every_command(run):
    with (run.folder / ".env").open("a") as file:
        file.write("NEWSLETTER_SMTP__PASSWORD 'open\n")
    done = run("campaign", "list")
    assert done.code == 3
    assert ".env, line 3 " in done.err
    assert "python-dotenv" not in done.err.lower()
    assert "could not parse" not in done.err


def test_config_check_warns_of_a_login_without_relay_and_of_an_open_dotenv(run):
    (run.folder / ".env").write_text("NEWSLETTER_SMTP__PASSWORD=hunter2\n")
    (run.folder / ".env").chmod(0o644)
    done = run.ok("config", "check")
    assert "Mail goes to the sandbox" in done.out
    assert "NEWSLETTER_SMTP__PASSWORD) is ignored" in done.err
    assert "chmod 600" in done.err
    assert "hunter2" not in done.out + done.err


def test_keys_that_others_can_read_or_that_are_gone_stop_a_send_with_the_remedy(run):
    confirmed(run, "ada@example.net")
    (run.folder / "var" / "keys.toml").chmod(0o644)
    for words in (("config", "check"), ("send", ISSUE, "--yes", "--expect", 1), ("send", ISSUE, "--dry-run")):
        done = run(*words)
        assert done.code == 3
        assert "chmod 600" in done.err
    (run.folder / "var" / "keys.toml").unlink()
    done = run("send", ISSUE, "--dry-run")
    assert done.code == 3
    assert "Restore it from your backup" in done.err


def test_a_misspelt_command_names_the_nearest(run):
    done = run("sned")
    assert done.code == 2
    assert "Did you mean 'send'?" in done.err


def test_a_misspelt_setting_stops_every_command_and_names_the_nearest(run):
    edit(run.folder / "newsletter.toml", "base_url =", "base_ulr =")
    done = run("campaign", "list")
    assert done.code == 3
    assert "base_url" in done.err
    assert "newsletter.toml" in done.err


def test_config_show_says_where_a_value_came_from_and_hides_secrets(run, monkeypatch):
    (run.folder / "secret").write_text("hunter2\n")
    monkeypatch.setenv("NEWSLETTER_SMTP__HOST", "smtp.example.org")
    monkeypatch.setenv("NEWSLETTER_SMTP__USERNAME", "me")
    monkeypatch.setenv("NEWSLETTER_SMTP__PASSWORD_FILE", "secret")
    done = run.ok("config", "show")
    assert "NEWSLETTER_SMTP__PASSWORD_FILE" in done.out
    assert "hunter2" not in done.out


# -- authoring ---------------------------------------------------------------------------------------


def test_a_new_issue_is_not_ready_until_it_is_written(run):
    run.ok("new", "003-sleep", "--subject", 'Sleep "well", and your back')
    run.ok("article", "new", "Lying down", "--issue", "003-sleep")
    done = run("check", "003-sleep", "--format", "json")
    assert done.code == 4
    assert {finding["rule"] for finding in done.json["findings"] if finding["severity"] == "error"} == {
        "content.placeholder"
    }


def test_a_title_that_is_in_the_issue_already_is_refused(run):
    run.ok("new", "003-sleep")
    run.ok("article", "new", "Lying down", "--issue", "003-sleep")
    done = run("article", "new", "lying  DOWN!", "--issue", "003-sleep")
    assert done.code == 4
    assert "01-lying-down.md exists already" in done.err
    assert "another title" in done.err
    run.ok("article", "new", "Lying down again", "--issue", "003-sleep")


def test_a_copy_for_somebody_who_is_not_on_file_says_so(run):
    confirmed(run, "ada@example.net")
    for words in (("preview", ISSUE, "--as"), ("test", ISSUE, "--to")):
        assert "not on file" in run.ok(*words, "grace@example.net").err
        assert "not on file" not in run.ok(*words, "ada@example.net").err


def test_preview_writes_the_message_as_it_is_sent(run, tmp_path):
    confirmed(run, "ada@example.net")
    run.ok("preview", ISSUE, "--out", tmp_path / "out", "--as", "ada@example.net")
    run.ok("send", ISSUE, "--yes", "--expect", 1)
    mine = (tmp_path / "out" / f"{ISSUE}.eml").read_bytes()
    theirs = (run.folder / "var" / "sandbox" / "000001.eml").read_bytes()
    body = mine.partition(b"\r\n\r\n")[2]
    words = theirs.partition(b"\r\n\r\n")[2].replace(b"\r\n", b"")
    for door in (b"u", b"preferences"):
        token = re.search(rb"http://127\.0\.0\.1:8000/%b/([\w-]{34,44})" % door, words)
        assert token is not None
        words = words.replace(token[1], b"test")
    assert body.replace(b"\r\n", b"") == words


def test_an_undefined_merge_tag_is_refused_with_file_and_line(run):
    letter = run.folder / "issues" / ISSUE / "issue.md"
    edit(letter, "subscriber.first_name", "subscriber.frist_name")
    confirmed(run, "ada@example.net")
    line = next(n for n, text in enumerate(letter.read_text().splitlines(), 1) if "frist_name" in text)
    for words in (("check", ISSUE), ("send", ISSUE, "--yes", "--expect", 1), ("preview", ISSUE)):
        done = run(*words)
        assert done.code in {1, 4}
        assert "subscriber.frist_name" in done.out + done.err
        assert f"issue.md:{line}" in done.out + done.err or words[0] == "send"
    assert run.ok("campaign", "list", "--json").json == []


def test_a_missing_image_is_refused_with_file_and_line(run):
    (run.folder / "issues" / ISSUE / "path.jpg").unlink()
    done = run("check", ISSUE)
    assert done.code == 4
    assert "path.jpg" in done.out
    assert ".md:" in done.out


def test_a_missing_postal_address_forbids_sending(run):
    edit(run.folder / "newsletter.toml", "postal_address", "# postal_address")
    confirmed(run, "ada@example.net")
    done = run("send", ISSUE, "--yes", "--expect", 1)
    assert done.code == 4
    assert "postal" in done.err
    assert run.ok("campaign", "list", "--json").json == []


def test_a_test_copy_is_marked_and_leaves_the_ledger_alone(run):
    run.ok("test", ISSUE, "--to", "boss@example.net")
    mail = (run.folder / "var" / "sandbox" / "000001.eml").read_bytes()
    assert b"Subject: [Test] " in mail
    assert b"/u/test>" in mail
    assert run.ok("campaign", "list", "--json").json == []


# -- sending -----------------------------------------------------------------------------------------


def test_send_needs_the_number_of_readers(run):
    confirmed(run, "ada@example.net", "grace@example.net")
    for words in ((), ("--yes",), ("--expect", 2), ("--yes", "--expect", 3)):
        done = run("send", ISSUE, *words)
        assert done.code == 4, words
    assert run.ok("campaign", "list", "--json").json == []


def test_send_twice_sends_nobody_a_second_copy(run):
    confirmed(run, "ada@example.net", "grace@example.net")
    first = run.ok("send", ISSUE, "--yes", "--expect", 2, "--json").json
    assert {key: first[key] for key in ("audience", "sent", "failed", "deferred", "ambiguous", "skipped")} == {
        "audience": 2,
        "sent": 2,
        "failed": 0,
        "deferred": 0,
        "ambiguous": 0,
        "skipped": 0,
    }
    again = run("send", ISSUE, "--yes", "--expect", 2)
    assert again.code == 4
    assert "already sent" in again.err
    assert len(list((run.folder / "var" / "sandbox").glob("*.eml"))) == 2


def test_a_dry_run_sends_nothing(run):
    confirmed(run, "ada@example.net")
    assert run.ok("send", ISSUE, "--dry-run", "--json").json["audience"] == 1
    assert run.ok("campaign", "list", "--json").json == []


def test_nobody_to_send_to_is_refused_at_once(run):
    for words in ((), ("--yes",), ("--yes", "--expect", 0), ("--yes", "--expect", 3), ("--detach",)):
        done = run("send", ISSUE, *words)
        assert done.code == 4
        assert "Nobody on the list" in done.err
        assert "subscriber list" in done.err
        assert "()" not in done.err
        assert "--expect" not in done.err
    dry = run.ok("send", ISSUE, "--dry-run", "--json")
    assert dry.json["audience"] == 0
    assert "()" not in dry.err


def test_detached_campaigns_can_be_paused_resumed_and_cancelled(run):
    confirmed(run, "ada@example.net")
    campaign = run.ok("send", ISSUE, "--yes", "--expect", 1, "--detach", "--json").json["campaign"]
    run.ok("campaign", "pause", campaign)
    assert run.ok("campaign", "show", campaign, "--json").json["status"] == "paused"
    run.ok("campaign", "resume", campaign)
    assert run("campaign", "resume", campaign).code == 4
    run.ok("campaign", "cancel", campaign, "--yes")
    assert run.ok("campaign", "show", campaign, "--json").json["skipped"] == 1
    assert run.ok("send", ISSUE, "--yes", "--expect", 1, "--json").json["sent"] == 1


def test_a_step_that_is_not_possible_names_what_to_look_at(run):
    confirmed(run, "ada@example.net")
    campaign = run.ok("send", ISSUE, "--yes", "--expect", 1, "--json").json["campaign"]
    for words in (("pause", campaign), ("cancel", campaign, "--yes"), ("resolve", campaign, "--mark-sent")):
        done = run("campaign", *words)
        assert done.code == 4
        assert f"newsletter campaign show {campaign}" in done.err
    for words in ((), ("--mark-sent", "--resend")):
        assert run("campaign", "resolve", campaign, *words).code == 2


def test_a_campaign_may_wait_for_its_hour(run):
    confirmed(run, "ada@example.net")
    document = run.ok("send", ISSUE, "--yes", "--expect", 1, "--at", "2999-01-01T08:00+01:00", "--json").json
    shown = run.ok("campaign", "show", document["campaign"], "--json").json
    assert (shown["status"], shown["scheduled_at"]) == ("scheduled", "2999-01-01T07:00:00+00:00")
    assert run("send", SECOND, "--at", "yesterday").code == 2
    assert run("send", SECOND, "--at", "2001-01-01").code == 2


def test_standing_campaigns_cannot_be_paused(run):
    run.ok("subscriber", "add", "ada@example.net", "--send-confirmation")
    [campaign] = run.ok("campaign", "list", "--json").json
    assert campaign["kind"] == "confirm"
    assert run("campaign", "pause", campaign["campaign"]).code == 4


def test_the_sandbox_never_blocks_a_real_send(run, monkeypatch):
    from smtpd import ScriptedServer

    confirmed(run, "ada@example.net")
    run.ok("send", ISSUE, "--yes", "--expect", 1)
    with ScriptedServer() as server:
        monkeypatch.setenv("NEWSLETTER_SMTP__HOST", server.host)
        monkeypatch.setenv("NEWSLETTER_SMTP__PORT", str(server.port))
        monkeypatch.setenv("NEWSLETTER_SMTP__SECURITY", "none")
        assert run.ok("send", ISSUE, "--yes", "--expect", 1, "--json").json["sent"] == 1
        assert [message.recipient for message in server.messages] == ["ada@example.net"]


# -- readers -----------------------------------------------------------------------------------------


def test_import_reports_every_refused_row_and_revives_nobody(run, tmp_path):
    confirmed(run, "left@example.net")
    run.ok("subscriber", "unsubscribe", "left@example.net")
    run.ok("suppression", "add", "never@example.net")
    file = tmp_path / "people.csv"
    file.write_text(
        "email,name,shoe\nnew@example.net,<b>Bold</b>,42\nleft@example.net,,\nnever@example.net,,\nnonsense,,\n"
        "new@example.net,,\n",
        "utf-8",
    )
    done = run.ok("subscriber", "import", file, "--confirmed", "--basis", "moved from the old system", "--json")
    document = done.json
    assert (document["rows"], document["confirmed"], document["refused"]) == (5, 1, 3)
    assert [(row["row"], row["email"]) for row in document["refusals"]] == [
        (3, "left@example.net"),
        (4, "never@example.net"),
        (5, "nonsense"),
    ]
    assert document["ignored_columns"] == ["shoe"]
    [subscription] = run.ok("subscriber", "show", "left@example.net", "--json").json["subscriptions"]
    assert subscription["status"] == "unsubscribed"


def test_import_without_a_basis_makes_pending_readers_and_mails_nobody(run, tmp_path):
    file = tmp_path / "people.csv"
    file.write_text("email\nada@example.net\n", "utf-8")
    run.ok("subscriber", "import", file)
    shown = run.ok("subscriber", "show", "ada@example.net", "--json").json
    assert shown["subscriptions"][0]["status"] == "pending"
    assert run("send", ISSUE, "--yes", "--expect", 1).code == 4
    assert run("subscriber", "import", file, "--confirmed").code == 2


def test_export_can_be_imported_again(run, tmp_path):
    run.ok("subscriber", "add", "ada@example.net", "--name", "=1+1", "--confirmed", "--basis", "desk")
    out = run.ok("subscriber", "export").out
    rows = list(csv.DictReader(io.StringIO(out)))
    assert (rows[0]["email"], rows[0]["name"], rows[0]["status"]) == ("ada@example.net", "'=1+1", "confirmed")
    done = run.ok("subscriber", "import", "-", "--json", stdin=out.encode())
    assert done.json["unchanged"] == 1
    assert run.ok("subscriber", "show", "ada@example.net", "--json").json["name"] == "=1+1"


def test_export_in_json_is_one_document(run, tmp_path):
    run.ok("subscriber", "add", "ada@example.net", "--name", "=1+1", "--confirmed", "--basis", "desk")
    [row] = run.ok("subscriber", "export", "--json").json["subscriptions"]
    assert (row["email"], row["name"], row["status"]) == ("ada@example.net", "=1+1", "confirmed")
    assert row["confirmed_at"]
    done = run.ok("subscriber", "export", tmp_path / "out.csv", "--json")
    assert done.json == {"file": str(tmp_path / "out.csv"), "subscriptions": 1}


def test_an_address_that_is_none_fails_alike_everywhere(run):
    for words in (
        ("subscriber", "show", "nobody"),
        ("subscriber", "add", "nobody"),
        ("suppression", "add", "nobody"),
        ("test", ISSUE, "--to", "nobody"),
        ("preview", ISSUE, "--as", "nobody"),
    ):
        done = run(*words)
        assert done.code == 1, words
        assert "e-mail address" in done.err


def test_an_address_with_a_line_break_or_too_long_is_refused(run):
    for address in ("a@example.net\nBcc: b@example.net", "a" * 250 + "@example.net"):
        done = run("subscriber", "add", address)
        assert done.code == 1
        assert "e-mail address" in done.err
    assert run.ok("subscriber", "list", "--json").json["total"] == 0


def test_html_and_template_code_in_a_name_stay_data(run):
    name = "<img src=x onerror=alert(1)> {{ 7*7 }}"
    run.ok("subscriber", "add", "eve@example.net", "--name", name, "--confirmed", "--basis", "desk")
    assert run.ok("subscriber", "show", "eve@example.net", "--json").json["name"] == name
    run.ok("send", ISSUE, "--yes", "--expect", 1)
    mail = (run.folder / "var" / "sandbox" / "000001.eml").read_bytes().replace(b"=\r\n", b"")
    assert b"&lt;img" in mail
    assert b"<img src=3Dx" not in mail.partition(b"text/html")[2]
    assert b"49" not in mail.partition(b"text/html")[2][:200]


def test_an_unknown_list_names_the_nearest(run):
    for words in (("subscriber", "list"), ("send", ISSUE), ("test", ISSUE, "--to", "a@example.net")):
        done = run(*words, "--list", "clinic-note")
        assert done.code == 1
        assert "clinic-notes" in done.err


# -- the database ------------------------------------------------------------------------------------


def test_commands_refuse_an_old_schema_and_name_the_remedy(run):
    with sqlite3.connect(run.folder / "var" / "newsletter.db") as connection:
        connection.execute("DELETE FROM alembic_version")
    connection.close()
    done = run("campaign", "list")
    assert done.code == 3
    assert "newsletter db upgrade" in done.err


def test_commands_refuse_a_newer_schema(run):
    with sqlite3.connect(run.folder / "var" / "newsletter.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    done = run("campaign", "list")
    assert done.code == 3
    assert "newer version" in done.err


def test_rotated_keys_are_written_for_the_owner_only(run):
    assert run("keys", "rotate").code == 4
    assert run.ok("keys", "rotate", "--yes", "--json").json["key"] == 2
    assert stat.S_IMODE((run.folder / "var" / "keys.toml").stat().st_mode) == 0o600
    assert run("keys", "create").code == 3


# -- the ends of a campaign --------------------------------------------------------------------------


def test_a_finished_campaign_is_not_resumed(run):
    confirmed(run, "ada@example.net")
    run.ok("send", ISSUE, "--yes", "--expect", 1)
    done = run("campaign", "resume", 1)
    assert done.code == 4
    assert "is finished, not paused" in done.err
    assert run.ok("campaign", "show", 1, "--json").json["status"] == "finished"


def test_sending_again_says_that_copies_are_in_doubt(run):
    confirmed(run, "ada@example.net")
    run.ok("send", ISSUE, "--yes", "--expect", 1)
    with sqlite3.connect(run.folder / "var" / "newsletter.db") as connection:
        connection.execute("UPDATE deliveries SET status = 'ambiguous'")
    connection.close()
    done = run("send", ISSUE, "--yes", "--expect", 1)
    assert done.code == 4
    assert "1 of its copies are in doubt" in done.err
    assert "campaign resolve 1" in done.err

"""`newsletter subscriber import`: a plan that changes nothing, an import that follows it, and the way back."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import factories
import pytest
from commands import Commands
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from newsletter import config
from newsletter.site import Site
from newsletter.store.import_schema import import_touches, imports
from newsletter.store.schema import (
    SuppressionReason,
    consent_records,
    deliveries,
    subscribers,
    subscriptions,
    suppressions,
)
from newsletter.subscribers import consent, people, signup, suppression
from newsletter.subscribers.importing import runs, undo

BASIS = ("--basis", "asked at the fair", "--consented-at", "2024-03-04")


@pytest.fixture
def run(site_folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Commands:
    for name in list(os.environ):
        if name.startswith("NEWSLETTER_") and not name.startswith("NEWSLETTER_TEST_"):
            monkeypatch.delenv(name)
    return Commands(site_folder, monkeypatch, capfd)


@pytest.fixture
def opened(run: Commands) -> Any:
    with Site(run.folder, *config.load(run.folder, {})) as site:
        yield site


def write(run: Commands, content: str | bytes, name: str = "readers.csv") -> Path:
    path = run.folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def bring(run: Commands, *words: object, **more: Any) -> Any:
    return run.ok("subscriber", "import", *words, "--json", **more).json


def state(run: Commands) -> list[Any]:
    """Everything about people, value for value."""
    tables = (subscribers, subscriptions, consent_records, suppressions, deliveries, import_touches)
    with Site(run.folder, *config.load(run.folder, {})) as site, site.database.read() as connection:
        return [sorted(map(str, connection.execute(select(table)))) for table in tables]


def status(run: Commands, email: str) -> str | None:
    done = run("subscriber", "show", email, "--json")
    return done.json["subscriptions"][0]["status"] if done.code == 0 and done.json["subscriptions"] else None


def chain_holds(site: Site) -> bool:
    with site.database.read() as connection:
        return list(consent.broken(connection)) == []


# -- plan and apply ----------------------------------------------------------------------------------


def test_plan_changes_nothing_says_every_row_and_is_for_its_owner(run: Commands, opened: Site) -> None:
    with opened.database.write() as connection:
        gone = opened.keys.address_hash("gone@example.net")
        suppression.suppress(connection, gone, SuppressionReason.ERASED, opened.clock())
        factories.subscribed(connection, opened.keys, "here@example.net")
        factories.subscribed(connection, opened.keys, "same@example.net")
    file = write(
        run,
        "email,name,consented_at\nnew@example.net,New,2024-01-02\nhere@example.net,Named,\nsame@example.net,,\n"
        "gone@example.net,,\n=cmd@x,,\npostmaster@example.net,,\nnew@example.net,Newer,\nwhen@example.net,,04/05/2023\n",
    )
    before = state(run)
    done = bring(run, file, "--plan", "--basis", "paper form")
    assert state(run) == before
    assert {name: done[name] for name in ("added", "updated", "unchanged", "refused", "confirmed", "pending")} == {
        **{"added": 2, "updated": 2, "unchanged": 1, "refused": 3},
        **{"confirmed": 3, "pending": 1},
    }
    plan = Path(done["plan"])
    assert plan.stat().st_mode & 0o777 == 0o600
    with plan.open(encoding="utf-8", newline="") as opened_plan:
        head, about, *rows, end = list(csv.reader(opened_plan))
    assert head == ["line", "email", "action", "standing", "note"]
    assert json.loads(about[4])["source"] == str(file)
    assert end[0] == "end"
    assert [(row[0], row[2], row[3]) for row in rows] == [
        *[("2", "added", "confirmed"), ("3", "updated", "confirmed"), ("4", "unchanged", "confirmed")],
        *[("5", "refused", ""), ("6", "refused", ""), ("7", "added", "pending"), ("8", "updated", "confirmed")],
        ("9", "refused", ""),
    ]
    assert rows[4][1] == "'=cmd@x"
    assert "mailbox of a function" in rows[5][4]
    assert "--dates dmy or --dates mdy" in rows[7][4]


def test_applied_plan_does_exactly_what_it_says(run: Commands) -> None:
    file = write(run, "email,name\nada@example.net,Ada\nnobody\nbob@example.net,Bob\n")
    plan = bring(run, file, "--plan", run.folder / "ours.csv", *BASIS)["plan"]
    done = bring(run, "--apply", plan)
    assert (done["added"], done["confirmed"], done["refused"], done["differences"]) == (2, 2, 1, [])
    assert status(run, "ada@example.net") == "confirmed"
    again = run("subscriber", "import", "--apply", plan)
    assert again.code == 4
    assert f"as import {done['import']}" in again.err
    listed = bring(run, "list")["imports"]
    assert [(each["id"], each["status"], each["origin"], each["rows_done"]) for each in listed] == [
        (done["import"], "applied", "readers.csv", 3)
    ]


def test_plan_may_be_asked_for_in_either_order(run: Commands) -> None:
    file = write(run, "email\nada@example.net\n")
    assert bring(run, "--plan", file)["plan"] == f"{file}.plan.csv"
    assert bring(run, file, "--plan")["added"] == 1


def test_plan_of_a_file_that_has_changed_is_refused(run: Commands) -> None:
    file = write(run, "email\nada@example.net\n")
    plan = bring(run, file, "--plan")["plan"]
    write(run, "email\nbob@example.net\n")
    before = state(run)
    done = run("subscriber", "import", "--apply", plan)
    assert done.code == 4
    assert "has changed since" in done.err
    file.unlink()
    assert "is gone" in run("subscriber", "import", "--apply", plan).err
    assert state(run) == before


def test_whose_standing_has_changed_since_the_plan_is_judged_again_and_never_worse_off(
    run: Commands, opened: Site
) -> None:
    site, now = opened, opened.clock()
    with site.database.write() as connection:
        for email in ("leaver@example.net", "there@example.net"):
            factories.subscribed(connection, site.keys, email)
        suppression.suppress(connection, site.keys.address_hash("freed@example.net"), SuppressionReason.MANUAL, now)
    names = ("leaver", "complainer", "freed", "signed", "new", "there")
    file = write(run, "email,name\n" + "".join(f"{name}@example.net,{name}\n" for name in names))
    plan = bring(run, file, "--plan", *BASIS)["plan"]
    with site.database.write() as connection:
        leaver = people.find(connection, "leaver@example.net")
        there = people.find(connection, "there@example.net")
        assert leaver is not None
        assert there is not None
        signup.unsubscribe(connection, leaver, 1, factories.PAGE, now, farewell=False)
        connection.execute(subscribers.delete().where(subscribers.c.id == there.id))
        suppression.suppress(
            connection, site.keys.address_hash("complainer@example.net"), SuppressionReason.COMPLAINT, now
        )
        suppression.release(connection, site.keys.address_hash("freed@example.net"), now)
        factories.subscribed(connection, site.keys, "signed@example.net")
    done = bring(run, "--apply", plan)
    came = {each["now"]["email"].partition("@")[0]: each["now"] for each in done["differences"]}
    assert set(came) == {"leaver", "complainer", "freed", "signed", "there"}
    assert {name: each["action"] for name, each in came.items() if name != "signed"} == dict.fromkeys(
        ("leaver", "complainer", "freed", "there"), "refused"
    )
    assert came["signed"]["action"] == "updated"
    assert "was not in the plan" in came["freed"]["reason"]
    assert (status(run, "leaver@example.net"), status(run, "new@example.net")) == ("unsubscribed", "confirmed")
    assert status(run, "there@example.net") is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text[: text.index("r5@") + 2], "has no entry for line|not whole|not CSV"),
        (lambda text: "email\nada@example.net\n", "is not a plan"),
        (lambda text: text.replace(",added,", ",conjured,"), "says 'conjured'"),
        (lambda text: text.rsplit("end,", 1)[0], "is not whole"),
        (lambda text: text.replace('""format"": ""plain""', '""format"": ""no""'), "format nobody knows"),
        (lambda text: text.replace('""dates""', '""datums""'), "does not say on what terms"),
        (lambda text: "", "is not a plan"),
    ],
)
def test_plan_that_was_spoilt_is_one_sentence(run: Commands, change: Any, said: str) -> None:
    import re

    file = write(run, "email\n" + "".join(f"r{number}@example.net\n" for number in range(9)))
    plan = Path(bring(run, file, "--plan")["plan"])
    plan.write_text(change(plan.read_text("utf-8")), "utf-8")
    done = run("subscriber", "import", "--apply", plan)
    assert done.code == 4
    assert re.search(said, done.err)
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--plan", "readers.csv", "readers.csv"], 4, "cannot take the place of its file"),
        (["readers.csv", "--plan", "newsletter.toml"], 4, "is there already, and no plan"),
        (["-", "--plan"], 2, "not of a pipe"),
        ([], 2, "Missing argument"),
        (["nowhere.csv"], 2, "does not exist"),
        (["readers.csv", "--apply", "readers.csv"], 2, "in the plan"),
        (["--apply", "nowhere.csv"], 4, "cannot be read"),
        (["readers.csv", "--consented-at", "2024-01-01"], 2, "needs --basis"),
        (["readers.csv", "--basis", "x", "--consented-at", "04/05/2023"], 2, "may be two days"),
        (["readers.csv", "--basis", "x", "--consented-at", "2999-01-01"], 2, "future"),
        (["readers.csv", "--basis", "x", "--consented-at", "soon"], 2, "write it as"),
        (["undo", "7"], 1, "no import 7"),
        (["undo"], 2, "Missing argument"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    run: Commands, monkeypatch: pytest.MonkeyPatch, words: list[str], code: int, said: str
) -> None:
    monkeypatch.chdir(run.folder)
    write(run, "email\nada@example.net\n")
    done = run("subscriber", "import", *words)
    assert done.code == code
    assert said in done.err


def test_global_options_work_before_and_behind_list_and_undo(run: Commands) -> None:
    number = bring(run, write(run, "email\nada@example.net\n"))["import"]
    assert run.ok("subscriber", "import", "--json", "list").json == bring(run, "list")
    assert run.ok("subscriber", "import", "--yes", "--json", "undo", number).json["removed"] == 1


# -- basis and date ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "words", "became"),
    [
        ("email\nada@example.net\n", (), "pending"),
        ("email\nada@example.net\n", ("--basis", "fair"), "pending"),
        ("email,consented_at\nada@example.net,2024-01-02\n", (), "pending"),
        ("email,consented_at\nada@example.net,2024-01-02\n", ("--basis", "fair"), "confirmed"),
        ("email,consented_at,basis\nada@example.net,2024-01-02,paper form\n", (), "confirmed"),
        ("email,basis\nada@example.net,paper form\n", (), "pending"),
        ("email\nada@example.net\n", BASIS, "confirmed"),
        ("email\nada@example.net\n", ("--confirmed", "--basis", "fair"), "confirmed"),
        ("email,status\nada@example.net,pending\n", BASIS, "pending"),
    ],
)
def test_nobody_becomes_a_reader_without_basis_and_date(
    run: Commands, opened: Site, content: str, words: tuple[str, ...], became: str
) -> None:
    bring(run, write(run, content), *words)
    assert status(run, "ada@example.net") == became
    with opened.database.read() as connection:
        assert connection.execute(select(deliveries)).all() == []
        records = connection.execute(select(consent_records)).all()
    assert len(records) == (became == "confirmed")
    for record in records:
        assert record.personal["basis"]
        assert "readers.csv line 2" in record.personal["origin"]


def test_mailchimp_export_is_read_said_aloud_and_brings_its_dates(run: Commands) -> None:
    file = write(
        run,
        "Email Address,First Name,Last Name,MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,TAGS\n"
        'ada@example.net,Ada,Reader,2,2023-05-04 10:00:00,,2023-05-04 10:11:12,"""Gold"""\n'
        "bob@example.net,Bob,,2,,,,\n",
    )
    done = run.ok("subscriber", "import", file, "--basis", "Mailchimp form, double opt-in")
    assert "Read as a Mailchimp export." in done.err
    assert "1 are pending: a reader needs a date" in done.err
    shown = run.ok("subscriber", "show", "ada@example.net", "--json").json
    assert (shown["name"], shown["tags"]) == ("Ada Reader", ["gold"])
    assert shown["subscriptions"][0]["confirmed_at"] == "2023-05-04T10:11:12+00:00"


def test_who_left_or_bounced_elsewhere_is_taken_over_as_such_and_no_import_brings_them_back(run: Commands) -> None:
    write(run, "Email Address,MEMBER_RATING,OPTIN_TIME,UNSUB_TIME\nleft@example.net,2,,2024-01-01 00:00:00\n", "un.csv")
    write(run, "Email Address,MEMBER_RATING,OPTIN_TIME,CLEAN_TIME\ndead@example.net,2,,2024-01-01 00:00:00\n", "cl.csv")
    assert bring(run, run.folder / "un.csv")["left"] == 1
    done = bring(run, run.folder / "cl.csv")
    assert (done["suppressed"], done["read_as"][:31]) == (1, "a Mailchimp export of cleaned a")
    assert run("subscriber", "show", "dead@example.net").code == 1
    again = bring(run, write(run, "email\nleft@example.net\ndead@example.net\n"), *BASIS)
    assert (again["refused"], again["added"]) == (2, 0)
    assert "hard_bounce" in again["refusals"][1]["reason"]
    assert status(run, "left@example.net") == "unsubscribed"
    assert bring(run, run.folder / "un.csv")["unchanged"] == 1


def test_who_has_confirmed_here_since_they_left_there_stays(run: Commands, opened: Site) -> None:
    with opened.database.write() as connection:
        factories.subscribed(connection, opened.keys, "back@example.net")
        factories.subscribed(connection, opened.keys, "gone@example.net")
    file = write(
        run,
        "email,status,unsubscribed_at\n"
        "back@example.net,unsubscribed,2020-01-01\ngone@example.net,unsubscribed,who knows\n",
    )
    done = bring(run, file)
    assert (done["unchanged"], done["left"]) == (1, 1)
    assert (status(run, "back@example.net"), status(run, "gone@example.net")) == ("confirmed", "unsubscribed")


# -- undo --------------------------------------------------------------------------------------------


def test_import_is_taken_back_as_far_as_nobody_has_acted_since(run: Commands, opened: Site) -> None:
    site = opened
    with site.database.write() as connection:
        asked = factories.person(connection, site.keys, "other@example.net", name="Other")
        factories.subscribed(connection, site.keys, "named@example.net")
        factories.subscribed(connection, site.keys, "asked@example.net", factories.SubscriptionStatus.PENDING)
        connection.execute(subscribers.update().where(subscribers.c.id == asked.id).values(fields={}))
    untouched = state(run)
    people_in = ("new", "leaver", "mailed", "renamed", "other", "named", "asked")
    rows = "".join(f"{name}@example.net,Name {name},{'x' if name == 'named' else ''}\n" for name in people_in)
    file = write(run, f"email,name,tags\n{rows}")
    number = bring(run, file, *BASIS)["import"]
    now = site.clock()
    with site.database.write() as connection:
        on_file = people.find_many(connection, {f"{name}@example.net" for name in people_in})
        leaver, mailed, renamed = (on_file[f"{name}@example.net"] for name in ("leaver", "mailed", "renamed"))
        signup.unsubscribe(connection, leaver, 1, factories.PAGE, now, farewell=False)
        people.amend(connection, renamed.id, name="By themselves")
        factories.issue_campaign(connection, now=now)
        connection.execute(
            deliveries.update().where(deliveries.c.subscriber_id == mailed.id).values(status="sent", changed_at=now)
        )
    done = bring(run, "undo", number)
    assert {each["email"].partition("@")[0]: each["reason"] for each in done["stay"]} == {
        "leaver": "has unsubscribed since",
        "mailed": "has been mailed since",
        "renamed": "has been changed since",
    }
    assert (done["removed"], done["restored"], done["stayed"]) == (2, 2, 3)
    assert run("subscriber", "show", "new@example.net").code == 1
    assert run.ok("subscriber", "show", "other@example.net", "--json").json["subscriptions"] == []
    assert (status(run, "named@example.net"), status(run, "asked@example.net")) == ("confirmed", "pending")
    assert run.ok("subscriber", "show", "named@example.net", "--json").json["tags"] == []
    assert run.ok("subscriber", "show", "other@example.net", "--json").json["name"] == "Other"
    assert chain_holds(site)
    with site.database.read() as connection:
        kinds = [row.kind for row in connection.execute(select(consent_records).order_by(consent_records.c.id))]
        assert kinds.count("undone") == 3  # new, other, asked
        assert len(kinds) == len(untouched[2]) + 6 + 1 + 3
        named = connection.execute(select(consent_records).where(consent_records.c.subscriber_id.is_(None))).all()
        assert [row.personal for row in named] == [None, None]
        waiting = connection.execute(
            select(deliveries.c.status).where(deliveries.c.status == "pending", deliveries.c.subscriber_id < 0)
        ).all()
        assert waiting == []
    assert "because the import was taken back" in run.ok("subscriber", "consent", "other@example.net").out
    assert run("subscriber", "import", "undo", number).code == 4
    assert bring(run, "list")["imports"][0]["status"] == "undone"


def test_who_left_elsewhere_is_in_the_journal_that_outlives_backups(run: Commands, opened: Site) -> None:
    with opened.database.write() as connection:
        person = factories.subscribed(connection, opened.keys, "gone@example.net")
    bring(run, write(run, "email,status\ngone@example.net,unsubscribed\nnobody@example.net,unsubscribed\n"))
    _, size = opened.departures.state()
    assert [line.address_hash for line in opened.departures.lines(0, size)] == [person.address_hash]


def test_undo_never_lifts_a_suppression_or_an_unsubscribe(run: Commands) -> None:
    file = write(run, "email,status\nleft@example.net,unsubscribed\ndead@example.net,bounced\n")
    number = bring(run, file)["import"]
    done = bring(run, "undo", number)
    assert (done["removed"], done["stayed"]) == (0, 1)
    assert status(run, "left@example.net") == "unsubscribed"
    assert [each["reason"] for each in run.ok("suppression", "list", "--json").json] == ["hard_bounce"]


def test_second_row_of_a_person_is_taken_back_with_the_first(run: Commands, opened: Site) -> None:
    with opened.database.write() as connection:
        person = factories.subscribed(connection, opened.keys, "ada@example.net")
        people.amend(connection, person.id, name="Ada")
    rows = ["ada@example.net,First", *(f"r{number}@example.net,R" for number in range(450)), "ada@example.net,Second"]
    number = bring(run, write(run, "email,name\n" + "\n".join(rows)), *BASIS)["import"]
    assert run.ok("subscriber", "show", "ada@example.net", "--json").json["name"] == "Second"
    assert bring(run, "undo", number)["restored"] == 1
    assert run.ok("subscriber", "show", "ada@example.net", "--json").json["name"] == "Ada"
    assert bring(run, write(run, "email,name\n" + "\n".join(rows)), *BASIS)["added"] == 450


def test_who_asked_by_the_form_since_is_not_taken_away(run: Commands, opened: Site) -> None:
    number = bring(run, write(run, "email\nada@example.net\n"))["import"]
    with opened.database.write() as connection:
        signup.subscribe(connection, factories.request("ada@example.net"), opened.keys, opened.clock())
    done = bring(run, "undo", number)
    assert done["stay"] == [{"email": "ada@example.net", "reason": "has acted since"}]
    assert status(run, "ada@example.net") == "pending"


def test_question_that_has_not_left_yet_is_taken_back_with_the_import(run: Commands, opened: Site) -> None:
    number = bring(run, write(run, "email\nada@example.net\n"), "--send-confirmations")["import"]
    assert bring(run, "undo", number)["removed"] == 1
    with opened.database.read() as connection:
        (row,) = connection.execute(select(deliveries)).all()
    assert row.status == "skipped"
    assert row.subscriber_id < 0


def test_what_an_import_remembers_names_nobody_and_goes_with_the_person(run: Commands, opened: Site) -> None:
    with opened.database.write() as connection:
        factories.subscribed(connection, opened.keys, "ada@example.net")
    bring(run, write(run, "email,name\nada@example.net,Ada Lovelace\n"), *BASIS)
    with opened.database.read() as connection:
        (touch,) = connection.execute(select(import_touches)).all()
    assert touch.previous == {"name": ""}
    run.ok("subscriber", "forget", "ada@example.net")
    with opened.database.read() as connection:
        assert connection.execute(select(import_touches)).all() == []


def test_file_and_basis_that_are_no_text_are_evidence_all_the_same(run: Commands) -> None:
    name = os.fsdecode(b"l\xefste\n.csv")
    file = write(run, "email\nada@example.net\n", name)
    plan = run.folder / "ours.plan.csv"
    bring(run, file, "--plan", plan, "--confirmed", "--basis", os.fsdecode(b"f\xe4r  sure"))
    bring(run, "--apply", plan)
    assert bring(run, "list")["imports"][0]["origin"] == "l?ste .csv"
    assert bring(run, "list")["imports"][0]["terms"]["basis"] == "f?r sure"


def test_export_is_for_its_owner_and_as_json_one_document(run: Commands) -> None:
    bring(run, write(run, "email,name\nada@example.net,Ada\nbob@example.net,Zoë\n"))
    target = write(run, "old", "people.csv")
    target.chmod(0o644)
    run.ok("subscriber", "export", target)
    assert target.stat().st_mode & 0o777 == 0o600
    assert [each["name"] for each in run.ok("subscriber", "export", "--json").json["subscriptions"]] == ["Ada", "Zoë"]
    assert bring(run, target)["unchanged"] == 2


def test_what_an_old_import_found_goes_with_time_and_then_nobody_takes_it_back(run: Commands, opened: Site) -> None:
    number = bring(run, write(run, "email\nada@example.net\n"), *BASIS)["import"]
    with opened.database.write() as connection:
        long_ago = opened.clock() - runs.UNDOABLE - timedelta(days=1)
        connection.execute(imports.update().values(started_at=long_ago))
    run.ok("db", "tidy")
    with opened.database.read() as connection:
        assert connection.execute(select(import_touches)).all() == []
    done = run("subscriber", "import", "undo", number)
    assert done.code == 4
    assert "older than 180 days" in done.err
    assert status(run, "ada@example.net") == "confirmed"


# -- interrupted -------------------------------------------------------------------------------------

_SLOW = """
import sys, time
from newsletter.subscribers.importing import runs
proceed = runs.progress
def slow(*words):
    proceed(*words)
    time.sleep(0.1)
runs.progress = slow
from newsletter.cli.main import main
sys.argv[0] = "newsletter"
main()
"""
"""The command line, with time to be killed in."""


@pytest.mark.parametrize("planned", [False, True], ids=["plain", "planned"])
def test_import_that_was_killed_goes_on_where_it_was(run: Commands, opened: Site, *, planned: bool) -> None:
    rows = 6000
    file = write(run, "email,name\n" + "".join(f"r{number}@example.net,R {number}\n" for number in range(rows)))
    words = [str(file), *BASIS]
    if planned:
        words = ["--apply", bring(run, *words, "--plan")["plan"]]
    command = [sys.executable, "-c", _SLOW, "--site", str(run.folder), "subscriber", "import", *words]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        listed = bring(run, "list")["imports"]
        if listed and listed[0]["rows_done"] >= 400:
            break
        time.sleep(0.05)
    child.send_signal(signal.SIGKILL)
    child.wait(10)
    (first,) = bring(run, "list")["imports"]
    assert first["status"] == "applying"
    assert 0 < first["rows_done"] < rows
    done = run.ok("subscriber", "import", *words, "--json")
    assert "Gone on behind the" in done.err
    assert (done.json["import"], done.json["rows"], done.json["added"]) == (first["id"], rows, rows)
    with opened.database.read() as connection:
        assert len(connection.execute(select(subscribers.c.id)).all()) == rows
        assert len(connection.execute(select(consent_records.c.id)).all()) == rows
    assert chain_holds(opened)
    assert bring(run, "undo", first["id"])["removed"] == rows


def test_taking_back_that_was_interrupted_goes_on_where_it_was(run: Commands, opened: Site) -> None:
    rows = "".join(f"r{number}@example.net\n" for number in range(450))
    number = bring(run, write(run, f"email\n{rows}"), *BASIS)["import"]

    def interrupt(done: int) -> None:
        if done >= 400:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        undo.undo(opened.database, number, opened.clock(), on_stayed=print, on_progress=interrupt)
    assert bring(run, "list")["imports"][0]["status"] == "undoing"
    assert bring(run, write(run, f"email\n{rows}"), *BASIS)["import"] != number
    done = bring(run, "undo", number)
    assert (done["removed"], done["stayed"]) == (50, 0)  # the other import found them as they were
    assert chain_holds(opened)


# -- hostile -----------------------------------------------------------------------------------------

_PIECES = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [
            *[
                b"email,name\n",
                b"email;name;status\r\n",
                b"ada@example.net,Ada\n",
                b'"',
                b"\0",
                b"\xff\xfe",
                b"\xef\xbb\xbf",
            ],
            *[
                b"\r",
                b"unsubscribed",
                b"=cmd|' /C calc'!A0,",
                b"a" * 70_000,
                b"Email Address,CLEAN_TIME\n",
                b"\xe2\x80\xae@",
            ],
        ]
    ),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=120)
@given(
    content=st.lists(_PIECES, max_size=12).map(b"".join),
    prefix=st.sampled_from([b"", b"email,name\n", b"email,status,confirmed_at,tags\nada@example.net,,,\n"]),
    encoding=st.sampled_from([(), ("--encoding", "cp1252"), ("--encoding", "utf-16-le")]),
)
def test_any_bytes_are_an_error_in_one_sentence_or_rows_with_reasons(
    run: Commands, content: bytes, prefix: bytes, encoding: tuple[str, ...]
) -> None:
    file = write(run, prefix + content)
    before = state(run)
    planned = run("subscriber", "import", file, "--plan", *encoding, *BASIS)
    assert planned.code in {0, 4}
    assert state(run) == before
    done = run("subscriber", "import", file, "--json", *encoding, *BASIS)
    assert done.code == planned.code
    assert "Traceback" not in done.err
    if done.code:
        assert state(run) == before
    else:
        report = done.json
        assert report["rows"] == report["added"] + report["updated"] + report["unchanged"] + report["refused"]

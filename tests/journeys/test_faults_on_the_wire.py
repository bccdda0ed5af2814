"""What relays do in the middle of a send: break off, defer, refuse, fall silent; each copy ends in the honest state."""

from __future__ import annotations

from smtpd import Drip, Drop, Endless, ScriptedServer, Stall, Step

import pytest
from journeys.desk import Desk


def once_each(server: ScriptedServer) -> bool:
    """Whether nobody got two."""
    recipients = [each.recipient for each in server.messages]
    return len(recipients) == len(set(recipients))


@pytest.mark.slow
def test_421_after_some_messages_delays_and_loses_nothing(desk: Desk) -> None:
    with ScriptedServer(messages_per_connection=2) as server:
        desk.relay(server.port, connections=2)
        result = desk.send("--json")
        assert (result.code, result.json["sent"], result.json["deferred"]) == (0, desk.readers, 0)
        assert server.connections > desk.readers // 2 - 1
        assert once_each(server)
        assert len(server.messages) == desk.readers
    assert desk.statuses() == {"sent": desk.readers}
    assert {code for (code,) in desk.sql("SELECT code FROM attempts")} == {421}


@pytest.mark.slow
def test_connections_that_break_before_the_dot_are_tried_again(desk: Desk) -> None:
    script = {"RCPT": [None, None, Drop()], "DATA": [None, None, None, Drop(reset=True)]}
    with ScriptedServer(script) as server:
        desk.relay(server.port)
        assert desk.send().code == 0
        assert once_each(server)
        assert len(server.messages) == desk.readers
    assert desk.statuses() == {"sent": desk.readers}
    assert sorted(copy.tries for copy in desk.ledger().values()) == [1] * (desk.readers - 2) + [2, 2]


def in_doubt(desk: Desk, server: ScriptedServer) -> str:
    """Send while the relay takes the third message and hangs up; the reader it was for."""
    desk.relay(server.port)
    result = desk.send("--json")
    assert (result.code, result.json["ambiguous"], result.json["sent"]) == (5, 1, desk.readers - 1)
    (reader,) = desk.those("ambiguous")
    return reader


def test_a_copy_in_doubt_is_named_and_never_repeated_by_itself(desk: Desk) -> None:
    with ScriptedServer({"DOT": [None, None, Drop(kept=True)]}) as server:
        reader = in_doubt(desk, server)
        assert reader in {each.recipient for each in server.messages}
        again = desk.send()
        assert again.code == 4, "finished: a second send repeats nothing"
        assert once_each(server)
    shown = desk.run("campaign", "show", "1")
    assert shown.code == 0
    assert reader in shown.out
    assert "ambiguous" in shown.out
    resolved = desk.run("campaign", "resolve", "1", "--mark-sent")
    assert resolved.code == 0
    assert desk.statuses() == {"sent": desk.readers}
    nothing_left = desk.run("campaign", "resolve", "1", "--mark-sent")
    assert nothing_left.code == 4
    assert "no copies in doubt" in nothing_left.err


def test_a_copy_in_doubt_is_sent_again_only_when_the_operator_says_so(desk: Desk) -> None:
    with ScriptedServer({"DOT": [None, None, Drop()]}) as server:
        reader = in_doubt(desk, server)
        unsure = desk.run("campaign", "resolve", "1", "--resend")
        assert unsure.code == 4, "nobody could be asked"
        assert desk.those("ambiguous") == [reader]
        assert desk.run("campaign", "resolve", "1", "--resend", "--yes").code == 0
        assert desk.those("pending") == [reader]
        result = desk.send("--json")
        assert (result.code, result.json["sent"], result.json["ambiguous"]) == (0, desk.readers, 0)
        assert once_each(server)
        assert len(server.messages) == desk.readers
    assert desk.campaign() == "finished"


def test_a_second_try_after_doubt_carries_the_same_bytes(desk: Desk) -> None:
    with ScriptedServer({"DOT": [None, None, Drop(kept=True)]}) as server:
        reader = in_doubt(desk, server)
        desk.run("campaign", "resolve", "1", "--resend", "--yes")
        assert desk.send().code == 0
        first, second = [each for each in server.messages if each.recipient == reader]
    assert first.data == second.data, "same Message-ID, Date and body"


def test_silence_after_the_dot_is_doubt(desk: Desk) -> None:
    with ScriptedServer({"DOT": [None, Stall()]}) as server:
        desk.relay(server.port, timeout=1)
        result = desk.send()
    assert result.code == 5
    assert "1 in doubt" in result.out
    assert "campaign resolve 1" in result.out
    assert desk.statuses() == {"sent": desk.readers - 1, "ambiguous": 1}


def test_greylisting_waits_a_quarter_of_an_hour_and_survives_restarts(desk: Desk) -> None:
    with ScriptedServer({"RCPT": [None, "450 4.7.1 greylisted, come back later"]}) as server:
        desk.relay(server.port)
        result = desk.send()
        assert result.code == 5
        assert "1 wait for another try" in result.out
        (reader,) = desk.those("pending")
        assert 14 * 60 < desk.ledger()[reader].due_in <= 15 * 60
        early = desk.send("--json")
        assert (early.code, early.json["deferred"]) == (5, 1)
        assert len(server.said("RCPT")) == desk.readers, "nothing was due, so nobody was bothered"
        desk.sql("UPDATE deliveries SET due_at = due_at - 900000 WHERE status = 'pending'")
        late = desk.send("--json")
        assert (late.code, late.json["sent"]) == (0, desk.readers)
        assert once_each(server)
        assert server.messages[-1].recipient == reader
    assert desk.ledger()[reader].tries == 2
    assert desk.campaign() == "finished"


def test_a_mailbox_that_does_not_exist_is_never_mailed_again_and_a_block_says_nothing_about_it(desk: Desk) -> None:
    def verdict(to: str) -> str | None:
        if "reader0003" in to:
            return "550 5.1.1 no such user here"
        return "554 5.7.1 blocked for policy reasons" if "reader0004" in to else None

    with ScriptedServer({"RCPT": verdict}) as server:
        desk.relay(server.port)
        result = desk.send("--json")
        assert (result.code, result.json["failed"], result.json["sent"]) == (5, 2, desk.readers - 2)
        assert len(server.messages) == desk.readers - 2
    assert desk.those("failed") == ["reader0003@example.net", "reader0004@example.net"]
    gone, blocked = (desk.run("subscriber", "show", f"reader000{n}@example.net", "--json").json for n in (3, 4))
    assert gone["suppressed"]
    assert not blocked["suppressed"]
    assert desk.sql("SELECT reason FROM suppressions") == [("hard_bounce",)]
    shown = desk.run("campaign", "show", "1").out
    assert "no such user here" in shown
    assert "blocked for policy reasons" in shown
    following = desk.run("send", "002-the-side-you-favour", "--dry-run", "--json")
    assert following.json["audience"] == desk.readers - 1


def test_a_refusal_at_the_dot_is_about_the_message_not_the_mailbox(desk: Desk) -> None:
    with ScriptedServer({"DOT": [None, "550 5.1.1 odd place to say so"]}) as server:
        desk.relay(server.port)
        assert desk.send().code == 5
    assert desk.statuses() == {"sent": desk.readers - 1, "failed": 1}
    assert not desk.sql("SELECT * FROM suppressions")


@pytest.mark.slow
@pytest.mark.parametrize(
    "reply", [Drip("250 2.1.5 ok", every=0.5), Endless(), Endless(line=True)], ids=["tarpit", "lines", "line"]
)
def test_a_relay_that_never_finishes_its_answer_delays_one_and_stops_nobody(desk: Desk, reply: Step) -> None:
    with ScriptedServer({"RCPT": [None, None, reply]}) as server:
        desk.relay(server.port, connections=2, timeout=1)
        result = desk.send("--json")
        assert (result.code, result.json["sent"]) == (0, desk.readers)
        assert once_each(server)
        assert len(server.messages) == desk.readers
    assert sorted(copy.tries for copy in desk.ledger().values()) == [1] * (desk.readers - 1) + [2]


def test_a_mailbox_over_its_quota_is_tried_again_and_a_message_too_big_is_not(desk: Desk) -> None:
    script = {"RCPT": [None, "552 5.2.2 mailbox over quota"], "DOT": [None, None, "552 5.3.4 message too big"]}
    with ScriptedServer(script) as server:
        desk.relay(server.port, connections=1)
        result = desk.send("--json")
        assert (result.code, result.json["sent"]) == (5, desk.readers - 2)
        assert (result.json["deferred"], result.json["failed"]) == (1, 1)
    (full,) = desk.those("pending")
    assert desk.ledger()[full].code == 552
    assert desk.ledger()[full].due_in > 14 * 60
    assert not desk.sql("SELECT * FROM suppressions"), "neither says that the mailbox is gone"

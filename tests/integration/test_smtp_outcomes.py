"""What the server does to one message, and the verdict it gets: RFC 5321 §4.2, RFC 1047."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from smtpd import CAPABILITIES, Drip, Drop, Endless, Item, ScriptedServer, Stall, Step
from typing import Any

import pytest

from newsletter.errors import TransportUnavailable
from newsletter.transport.base import Envelope, Outcome, Phase, Settled, Verdict
from newsletter.transport.smtp import SmtpSettings, SmtpTransport, Timeouts

QUICK = Timeouts(connect=5, greeting=5, command=5, data=5, block=5, dot=5)
BODY = b"Subject: Hello\r\n\r\nHi\r\n"
LOCKSTEP = tuple(c for c in CAPABILITIES if c != "PIPELINING")


def people(*names: str, body: bytes = BODY) -> list[Envelope]:
    return [Envelope("b+1@example.org", f"{name}@example.org", body, key=name) for name in names]


class Ledger:
    """Hands out envelopes and notes what became of them; complains when one is settled twice."""

    def __init__(self, envelopes: Sequence[Envelope]) -> None:
        self.waiting = list(envelopes)
        self.taken = 0
        self.outcomes: dict[str, Outcome] = {}
        self.lock = threading.Lock()

    def take(self) -> Envelope | None:
        with self.lock:
            if not self.waiting:
                return None
            self.taken += 1
            return self.waiting.pop(0)

    def settle(self, done: Sequence[Settled], arming: Sequence[Envelope]) -> Sequence[Envelope]:
        for envelope, outcome in done:
            self.note(envelope, outcome)
        return ()

    def note(self, envelope: Envelope, outcome: Outcome) -> None:
        with self.lock:
            assert envelope.key not in self.outcomes, "settled twice"
            self.outcomes[envelope.key] = outcome


def send(server: ScriptedServer, envelopes: Sequence[Envelope], **settings: Any) -> dict[str, Outcome]:
    """Send over one connection without pauses; the outcomes by key."""
    given: dict[str, Any] = {"security": "none", "connections": 1, "timeouts": QUICK} | settings
    ledger = Ledger(envelopes)
    transport = SmtpTransport(SmtpSettings(server.host, server.port, **given), sleep=lambda _: None)
    try:
        transport.run(ledger.take, ledger.settle)
    finally:
        assert len(ledger.outcomes) == ledger.taken, "everything taken is settled"
    return ledger.outcomes


@pytest.fixture(params=[CAPABILITIES, LOCKSTEP], ids=["pipelining", "lockstep"])
def capabilities(request: pytest.FixtureRequest) -> tuple[str, ...]:
    return request.param  # type: ignore[no-any-return]


def test_accepted_messages_arrive_byte_for_byte_over_one_connection(capabilities: tuple[str, ...]) -> None:
    with ScriptedServer(capabilities=capabilities) as server:
        outcomes = send(server, people("a", "b", "c"))
    assert [(m.sender, m.recipient, m.data) for m in server.messages] == [
        ("b+1@example.org", f"{name}@example.org", BODY) for name in "abc"
    ]
    assert server.connections == 1
    assert outcomes["a"] == Outcome(Verdict.ACCEPTED, Phase.DOT, 250, "2.0.0", "queued")
    assert server.said("RSET") == []
    assert server.said("QUIT") == ["QUIT"]


@pytest.mark.parametrize(
    ("verb", "reply", "verdict", "phase"),
    [
        ("RCPT", "550 5.1.1 no such user", Verdict.REJECTED, Phase.RCPT),
        ("RCPT", "450 4.2.0 greylisted", Verdict.DEFERRED, Phase.RCPT),
        ("RCPT", "452 4.5.3 too many", Verdict.DEFERRED, Phase.RCPT),
        ("RCPT", "552 5.2.2 over quota", Verdict.DEFERRED, Phase.RCPT),
        ("DATA", "451 4.3.0 later", Verdict.DEFERRED, Phase.DATA),
        ("DATA", "554 5.7.1 no", Verdict.REJECTED, Phase.DATA),
        ("DOT", "451 4.7.1 later", Verdict.DEFERRED, Phase.DOT),
        ("DOT", "550 5.7.1 spam", Verdict.REJECTED, Phase.DOT),
        ("DOT", "552 5.3.4 too big", Verdict.REJECTED, Phase.DOT),
    ],
)
def test_a_verdict_on_one_recipient_leaves_the_session_for_the_next(
    verb: str, reply: str, verdict: Verdict, phase: Phase, capabilities: tuple[str, ...]
) -> None:
    with ScriptedServer({verb: [reply]}, capabilities=capabilities) as server:
        outcomes = send(server, people("a", "b"))
    code, enhanced, text = reply.split(" ", 2)
    assert outcomes["a"] == Outcome(verdict, phase, int(code), enhanced, text)
    assert outcomes["b"].verdict is Verdict.ACCEPTED
    assert server.connections == 1
    # After the dot a transaction is over whatever the verdict (RFC 5321 §4.1.1.4); before it, RSET ends it.
    assert server.said("RSET") == ([] if verb == "DOT" else ["RSET"])


@pytest.mark.parametrize("reply", ["550 5.7.1 sender blocked", "501 5.1.7 bad sender"])
def test_a_refused_sender_is_about_us_and_ends_the_run(reply: str, capabilities: tuple[str, ...]) -> None:
    ledger = Ledger(people("a", "b"))
    with ScriptedServer({"MAIL": reply}, capabilities=capabilities) as server:
        settings = SmtpSettings(server.host, server.port, security="none", connections=1, timeouts=QUICK)
        with pytest.raises(TransportUnavailable, match=f"refuses mail from us: {reply}"):
            SmtpTransport(settings).run(ledger.take, ledger.settle)
    assert [(o.verdict, o.phase, o.session) for o in ledger.outcomes.values()] == [
        (Verdict.DEFERRED, Phase.MAIL, True),
        *[(Verdict.DEFERRED, Phase.CONNECT, True)] * ("PIPELINING" in capabilities),
    ]


def test_a_sender_put_off_for_now_is_about_the_session(capabilities: tuple[str, ...]) -> None:
    with ScriptedServer({"MAIL": ["451 4.3.0 busy"]}, capabilities=capabilities) as server:
        outcomes = send(server, people("a", "b"))
    assert (outcomes["a"].verdict, outcomes["a"].phase, outcomes["a"].session) == (Verdict.DEFERRED, Phase.MAIL, True)
    assert outcomes["b"].verdict is Verdict.ACCEPTED
    assert server.connections == 2


BEFORE_THE_DOT: Sequence[tuple[str, Item, Phase]] = [
    (verb, item, phase)
    for verb, phase in (("MAIL", Phase.MAIL), ("RCPT", Phase.RCPT), ("DATA", Phase.DATA))
    for item in ("421 4.3.2 shutting down", Drop(), Drop(reset=True), b"what?\r\n", "333 odd", Endless(), Endless(True))
] + [("BODY", Drop(), Phase.DATA), ("BODY", "421 4.3.2 shutting down", Phase.DATA)]


@pytest.mark.parametrize(("verb", "item", "phase"), BEFORE_THE_DOT)
def test_a_session_that_breaks_before_the_dot_defers_one_and_goes_on(
    verb: str, item: Item, phase: Phase, capabilities: tuple[str, ...]
) -> None:
    large = BODY + b"x" * 70 + b"\r\n"
    large += (b"y" * 70 + b"\r\n") * 200_000  # more than the socket buffers hold, so that the break is felt
    envelopes = people("a", body=large if verb == "BODY" else BODY) + people("b", "c")
    with ScriptedServer({verb: [item]}, capabilities=capabilities) as server:
        outcomes = send(server, envelopes)
    assert (outcomes["a"].verdict, outcomes["a"].session) == (Verdict.DEFERRED, True)
    if "PIPELINING" not in capabilities:
        assert outcomes["a"].phase is phase
    if isinstance(item, str) and item.startswith("421") and verb != "BODY":
        assert (outcomes["a"].code, outcomes["a"].text) == (421, "shutting down")
    assert [m.recipient for m in server.messages] == ["b@example.org", "c@example.org"]
    assert server.connections == 2


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
def test_silence_before_the_dot_defers(verb: str) -> None:
    with ScriptedServer({verb: [Stall()]}) as server:
        outcomes = send(server, people("a", "b"), timeouts=replace(QUICK, command=0.1, data=0.1))
    assert (outcomes["a"].verdict, outcomes["a"].session) == (Verdict.DEFERRED, True)
    assert outcomes["b"].verdict is Verdict.ACCEPTED


@pytest.mark.parametrize(
    "item", [Drop(), Drop(kept=True), Drop(reset=True), b"oops\r\n", "354 again?", Stall(), Drip(every=0.1), Endless()]
)
def test_silence_after_the_dot_is_unknown_never_a_second_try(item: Step) -> None:
    with ScriptedServer({"DOT": [item]}) as server:
        outcomes = send(server, people("a", "b"), timeouts=replace(QUICK, dot=0.3))
    assert (outcomes["a"].verdict, outcomes["a"].phase, outcomes["a"].code) == (Verdict.UNKNOWN, Phase.DOT, 0)
    assert outcomes["a"].text
    assert outcomes["b"].verdict is Verdict.ACCEPTED
    assert server.connections == 2
    assert sum("<a@example.org>" in line for line in server.said("RCPT")) == 1


def test_421_as_the_answer_to_the_dot_is_an_answer() -> None:
    with ScriptedServer({"DOT": ["421 4.3.0 not taken"]}) as server:
        outcomes = send(server, people("a", "b"))
    assert outcomes["a"] == Outcome(Verdict.DEFERRED, Phase.DOT, 421, "4.3.0", "not taken", session=True)
    assert outcomes["b"].verdict is Verdict.ACCEPTED


def test_a_verdict_counts_even_when_the_connection_drops_right_behind_it() -> None:
    with ScriptedServer({"RCPT": [Drop("550 5.1.1 nobody")]}) as server:
        outcomes = send(server, people("a", "b"))
    assert (outcomes["a"].verdict, outcomes["a"].enhanced) == (Verdict.REJECTED, "5.1.1")
    assert outcomes["b"].verdict is Verdict.ACCEPTED


def test_a_server_that_wants_a_body_for_nobody_does_not_get_one() -> None:
    with ScriptedServer({"RCPT": ["550 5.1.1 nobody"], "DATA": ["354 go on"]}) as server:
        begun = time.monotonic()
        outcomes = send(server, people("a", "b"))
        assert time.monotonic() - begun < 3, "nothing more is said into a body that is waited for"
    assert outcomes["a"].verdict is Verdict.REJECTED
    assert [m.recipient for m in server.messages] == ["b@example.org"]


def test_an_answer_nobody_asked_for_ends_the_session_before_a_body_leaves() -> None:
    with ScriptedServer({"DATA": [b"354 go\r\n250 2.0.0 queued already\r\n"]}) as server:
        outcomes = send(server, people("a", "b"))
    assert {outcome.verdict for outcome in outcomes.values()} == {Verdict.ACCEPTED}
    assert sorted(m.recipient for m in server.messages) == ["a@example.org", "b@example.org"]
    assert {m.connection for m in server.messages} == {2}


def test_dots_at_line_starts_are_stuffed_and_the_end_is_one_crlf_dot_crlf() -> None:
    body = b".first\r\n\r\n.\r\n..\r\nlast without end"
    with ScriptedServer() as server:
        send(server, people("a", body=body))
    (message,) = server.messages
    assert message.data == body + b"\r\n"
    assert message.raw == b"..first\r\n\r\n..\r\n...\r\nlast without end\r\n.\r\n"


@pytest.mark.parametrize("body", [b"a\nb\r\n", b"a\rb\r\n", b"x\r\n.\nMAIL FROM:<evil@example.org>\r\n", b"a\n\r.\r\n"])
def test_bare_line_ends_never_reach_the_wire(body: bytes) -> None:
    with ScriptedServer() as server:
        outcomes = send(server, people("a", body=body) + people("b"))
    assert (outcomes["a"].verdict, outcomes["a"].phase, outcomes["a"].code) == (Verdict.REJECTED, Phase.MAIL, 0)
    assert [m.recipient for m in server.messages] == ["b@example.org"]


@pytest.mark.parametrize(
    "recipient",
    [
        "a@b>\r\nRCPT TO:<c@d",
        "a b@example.org",
        "a@example.org\r\n",
        "",
        "a",
        "@example.org",
        "a@",
        "a\x00@b",
        "a\u2028@b",
    ],
)
def test_nothing_in_an_address_can_become_a_second_command(recipient: str) -> None:
    with ScriptedServer() as server:
        outcomes = send(server, [Envelope("f@example.org", recipient, BODY, key="bad"), *people("b")])
    assert (outcomes["bad"].verdict, outcomes["bad"].code) == (Verdict.REJECTED, 0)
    assert server.said("RCPT") == ["RCPT TO:<b@example.org>"]


def test_an_unusable_sender_is_about_us() -> None:
    with ScriptedServer() as server, pytest.raises(TransportUnavailable, match="envelope sender"):
        send(server, [Envelope("f\r\n@example.org", "a@example.org", BODY, key="a")])


def test_the_null_sender_may_be_used() -> None:
    with ScriptedServer() as server:
        send(server, [Envelope("", "a@example.org", BODY, key="a")])
    assert server.messages[0].sender == ""


def test_international_domains_go_out_as_a_labels() -> None:
    with ScriptedServer() as server:
        send(server, [Envelope("f@bücher.example", "leser@müller.de", BODY, key="a")])
    assert server.messages[0].recipient == "leser@xn--mller-kva.de"
    assert server.messages[0].sender == "f@xn--bcher-kva.example"
    assert "SMTPUTF8" not in server.messages[0].parameters


def test_international_local_parts_need_smtputf8_and_only_they_suffer() -> None:
    envelopes = [Envelope("f@example.org", "用户@example.org", BODY, key="u"), *people("b")]
    with ScriptedServer() as server:
        outcomes = send(server, envelopes)
    assert (outcomes["u"].verdict, outcomes["u"].phase, outcomes["u"].code) == (Verdict.REJECTED, Phase.MAIL, 0)
    assert "SMTPUTF8" in outcomes["u"].text
    assert outcomes["b"].verdict is Verdict.ACCEPTED


def test_smtputf8_is_used_where_needed_and_offered() -> None:
    envelopes = [Envelope("f@example.org", "用户@例子.公司", BODY, key="u"), *people("b")]
    with ScriptedServer(capabilities=(*CAPABILITIES, "SMTPUTF8")) as server:
        outcomes = send(server, envelopes)
    assert {o.verdict for o in outcomes.values()} == {Verdict.ACCEPTED}
    assert server.messages[0].recipient == "用户@例子.公司"
    assert ["SMTPUTF8" in m.parameters for m in server.messages] == [True, False]


def test_eight_bit_bodies_are_announced() -> None:
    with ScriptedServer() as server:
        send(server, people("a", body="Subject: x\r\n\r\nGrüße\r\n".encode()) + people("b"))
    assert [m.parameters for m in server.messages] == ["SIZE=23 BODY=8BITMIME", f"SIZE={len(BODY)}"]


@pytest.mark.parametrize("is_canonical", [True, False])
def test_bounces_are_asked_to_name_the_delivery_where_that_is_offered(is_canonical: bool) -> None:
    sender, reader = "f@example.org", "a+b@example.org"
    envelope = Envelope(sender, reader, BODY, key="a", is_canonical=is_canonical, envid="c3.a+b")
    with ScriptedServer(capabilities=(*CAPABILITIES, "DSN")) as server:
        outcomes = send(server, [envelope])
    assert outcomes["a"].verdict is Verdict.ACCEPTED
    assert server.messages[0].parameters == f"SIZE={len(BODY)} RET=HDRS ENVID=c3.a+2Bb"
    assert server.said("RCPT") == ["RCPT TO:<a+b@example.org> NOTIFY=FAILURE ORCPT=rfc822;a+2Bb@example.org"]


@pytest.mark.parametrize("is_canonical", [True, False])
def test_nothing_is_asked_about_bounces_where_it_is_not_offered(is_canonical: bool) -> None:
    envelope = Envelope("f@example.org", "a@example.org", BODY, key="a", is_canonical=is_canonical, envid="c3.a")
    with ScriptedServer() as server:
        send(server, [envelope])
    assert server.messages[0].parameters == f"SIZE={len(BODY)}"
    assert server.said("RCPT") == ["RCPT TO:<a@example.org>"]


def test_a_bounce_of_an_address_outside_ascii_names_it_in_utf_8() -> None:
    with ScriptedServer(capabilities=(*CAPABILITIES, "SMTPUTF8", "DSN")) as server:
        outcomes = send(server, [Envelope("f@example.org", "用户@例子.公司", BODY, key="u")])
    assert outcomes["u"].verdict is Verdict.ACCEPTED
    assert server.said("RCPT") == ["RCPT TO:<用户@例子.公司> NOTIFY=FAILURE ORCPT=utf-8;用户@例子.公司"]


@pytest.mark.parametrize(
    ("limit", "verdict"), [("10", Verdict.REJECTED), ("0", Verdict.ACCEPTED), ("", Verdict.ACCEPTED)]
)
def test_a_message_above_the_announced_size_is_not_tried(limit: str, verdict: Verdict) -> None:
    with ScriptedServer(capabilities=(f"SIZE {limit}".strip(),)) as server:
        outcomes = send(server, people("a"))
    assert outcomes["a"].verdict is verdict
    assert bool(server.said("MAIL")) is (verdict is Verdict.ACCEPTED)


def test_reply_text_is_kept_printable_and_short() -> None:
    with ScriptedServer({"RCPT": [b"550-5.1.1 \x1b[2Jno\x07\r\n550 5.1.1 " + b"w " * 1000 + b"\r\n"]}) as server:
        outcomes = send(server, people("a"))
    assert outcomes["a"].text.startswith("[2Jno w w")
    assert outcomes["a"].text.isprintable()
    assert len(outcomes["a"].text) <= 500


@pytest.mark.parametrize("reply", [Drip("250 2.1.0 ok", every=0.1)])
def test_one_byte_at_a_time_cannot_hold_a_session(reply: Drip) -> None:
    with ScriptedServer({"MAIL": [reply]}) as server:
        outcomes = send(server, people("a", "b"), timeouts=replace(QUICK, command=0.3))
    assert (outcomes["a"].verdict, outcomes["a"].session) == (Verdict.DEFERRED, True)
    assert outcomes["b"].verdict is Verdict.ACCEPTED


def test_verdicts_may_hang_on_the_recipient() -> None:
    def verdict(argument: str) -> Step:
        return "550 5.1.1 no" if "bad" in argument else None

    by_recipient: Callable[[str], Step] = verdict
    with ScriptedServer({"RCPT": by_recipient}) as server:
        outcomes = send(server, people("bad1", "a", "bad2"), connections=3)
    assert [outcomes[k].verdict for k in ("bad1", "a", "bad2")] == [
        Verdict.REJECTED,
        Verdict.ACCEPTED,
        Verdict.REJECTED,
    ]

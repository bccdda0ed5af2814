"""Reading what comes back: one message in, what it says of each recipient out.

The order matters. A complaint may look like a report, a report like an auto-reply, an auto-reply like a
bounce; so the best defined is asked first, and what nobody recognises is ordinary mail and says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from newsletter.feedback import arf, codes, delivery, dsn, message, notice, recipients
from newsletter.feedback.machines import Manner, Subject
from newsletter.feedback.verdict import MAX_REASON, Delivery, Kind, Verdict
from newsletter.transport.base import Phase
from newsletter.transport.replies import printable


def classify(raw: bytes) -> list[Verdict]:
    """What a message that came back says of each recipient; an empty list when it says nothing.

    `raw` is a whole message as it was received, headers first, with LF, CRLF or bare CR line ends, of any
    size and however broken. Nothing is raised and nothing is looked up: the same bytes always give the same
    verdicts, in the order of the message, at most 100.

    Recognised are delivery reports (RFC 3464, RFC 6533) and the bounces of the many systems that do not follow
    them, feedback reports (RFC 5965), automatic replies (RFC 3834) and receipts (RFC 8098). A human answer, a
    notice that a mail is late, and the feedback types `not-spam` and `auth-failure` give an empty list.

    Verdicts are claims of whoever sent the message. Act on one only when a name in its `delivery` proves to be
    yours.
    """
    mail = message.read(raw)
    manner = Manner(mail)
    texts = mail.texts
    halves = [notice.parts(text) for text in texts[:8]]
    copies = [copy for _, copy in halves]
    words = "\n".join(text for text, _ in halves)
    back = delivery.sent_back(mail, copies)
    complaint = arf.complaint(mail, manner)
    if complaint is not None:
        return _complaint(complaint, delivery.candidates(mail, texts, copies, ""))
    report = None if manner.is_receipt else dsn.report(mail, loose=manner.is_bounce or manner.is_delayed)
    if report is not None:
        said = [each.diagnostic for each in report.recipients]
        found = delivery.candidates(mail, [*texts, *said], copies, report.envid)
        return _report(report, words, notice.segments(mail, words, back), manner, found=found, meant=notice.meant(back))
    return _for_humans(mail, words, back, manner, delivery.candidates(mail, texts, copies, ""))


def _for_humans(
    mail: message.Mail, words: str, back: list[message.Headers], manner: Manner, found: Delivery
) -> list[Verdict]:
    subject = printable(mail.headers.get("subject"), MAX_REASON)
    if manner.is_receipt or manner.is_auto_reply:
        return [Verdict(recipients.bare(mail.headers.get("from")), Kind.AUTO_REPLY, reason=subject, delivery=found)]
    if manner.is_delayed or not manner.is_bounce:
        return []
    if manner.subject is Subject.SUCCESS or (manner.subject is not Subject.FAILURE and manner.opens("success")):
        return [Verdict("", Kind.DELIVERED, reason=subject, delivery=found)]
    return [
        _verdict(each.address, _best([each.text, words], context=each.text), each.text or words, found)
        for each in notice.segments(mail, words, back)
    ]


@dataclass(frozen=True)
class _Refusal:
    """Words and codes of one refusal."""

    text: str
    code: int
    enhanced: str
    phase: Phase

    @property
    def kind(self) -> Kind:
        return codes.judge(self.code, self.enhanced, self.text, self.phase)


def _refusal(text: str, status: str = "", context: str = "") -> _Refusal:
    """The codes in the words count before the status of the report, which is often made up.

    `context` is what the report says to humans: there, rather than in a Diagnostic-Code, stands which command failed.
    """
    code, enhanced = codes.codes_in(text)
    if status and (not enhanced or (enhanced[2:] == "0.0" and status[0] == enhanced[0])):
        enhanced = status if not code or str(code)[0] == status[0] else enhanced
    phase = codes.phase_of(text)
    return _Refusal(text, code, enhanced, codes.phase_of(context) if phase is Phase.RCPT else phase)


def _report(
    report: dsn.Report,
    words: str,
    segments: list[notice.Segment],
    manner: Manner,
    *,
    found: Delivery,
    meant: str,
) -> list[Verdict]:
    verdicts: list[Verdict] = []
    by_address = {segment.address.lower(): segment.text for segment in segments}
    is_only = len(report.recipients) == 1
    for each in report.recipients:
        address = each.address or (meant if is_only else "")
        action = each.action or _action(each.status, manner)
        if action == "delayed":
            continue
        if action in {"delivered", "relayed", "expanded"}:
            reason = printable(each.diagnostic or action, MAX_REASON)
            verdicts.append(Verdict(address, Kind.DELIVERED, 0, each.status, reason, found))
            continue
        # A status that says what happened needs no help from what stands around it for humans.
        own = by_address.get(address.lower(), "")
        around = words if is_only and not _is_plain(each.status) else ""
        said = _best([each.diagnostic, own or around, around], each.status, own or around)
        verdicts.append(_verdict(address, said, each.diagnostic or own or words, found))
    # Some systems report once for every server they tried.
    return list({(verdict.recipient.lower(), verdict.kind): verdict for verdict in reversed(verdicts)}.values())[::-1]


def _is_plain(status: str) -> bool:
    """Whether a status means one thing to everybody: the address is dead, or the mailbox full."""
    return status.endswith(".2.2") or codes.by_code(0, status) is Kind.HARD


def _action(status: str, manner: Manner) -> str:
    if status.startswith("2"):
        return "delivered"
    return "delayed" if manner.is_delayed and not status.startswith("5") else "failed"


def _best(texts: Iterable[str], status: str = "", context: str = "") -> _Refusal:
    """The first text that says something we know, or whose own code says that the address is dead.

    Where none does, the first with a code, else just the status. What a server said goes before what was put
    around it for humans.
    """
    texts = [each for text in texts if text.strip() for each in (codes.from_reply(text), text) if each]
    refusals = [_refusal(text, status, context) for text in texts] or [_refusal("", status)]
    first = refusals[0]
    for refusal in refusals:
        first = first if first.code else refusal
        if codes.by_words(refusal.text) or codes.by_code(*codes.codes_in(refusal.text)) is Kind.HARD:
            # The server's own codes stay; words for humans may name others.
            return replace(refusal, code=first.code, enhanced=first.enhanced) if first.code else refusal
    return first if first.code else refusals[0]


def _verdict(address: str, said: _Refusal, reason: str, found: Delivery) -> Verdict:
    return Verdict(address, said.kind, said.code, said.enhanced, printable(reason, MAX_REASON), found)


def _complaint(complaint: arf.Complaint, found: Delivery) -> list[Verdict]:
    if complaint.is_harmless:
        return []
    verdict = Verdict(
        "", Kind.COMPLAINT, 0, "", printable(complaint.reason, MAX_REASON), found, complaint.type, complaint.is_opt_out
    )
    return [replace(verdict, recipient=address) for address in complaint.recipients] or [verdict]

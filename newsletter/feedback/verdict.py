"""What a message that came back says, as values.

A verdict is a claim by whoever sent the message, nothing more: anybody can write a bounce. So a verdict
carries, beside what it says of an address, the names it gives for the mail it is about, and intake believes
it only when one of them proves to be ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

MAX_REASON = 300
"""Characters of a reason."""


class Kind(StrEnum):
    """What became of a mail, as far as its recipient is concerned."""

    HARD = "hard"
    """The address is dead: no such mailbox, no such domain, closed for good."""
    SOFT = "soft"
    """Trouble on their side that may pass: full, slow, broken, unreachable, or nobody can say."""
    BLOCK = "block"
    """Refused because of us: policy, reputation, authentication, content. Says nothing of the address."""
    COMPLAINT = "complaint"
    """The reader, or their provider in their name, reported the mail."""
    AUTO_REPLY = "auto_reply"
    """A machine answered: a holiday notice, a receipt, a question whether we are human."""
    DELIVERED = "delivered"
    """A notice of success: delivered, relayed or expanded."""


@dataclass(frozen=True)
class Delivery:
    """Which of our mails a message may be about: candidates found inside it, none of them verified."""

    verp: tuple[str, ...] = ()
    """Local parts shaped like our envelope senders, lower case (`KeyRing.read_verp` proves one)."""
    envids: tuple[str, ...] = ()
    """Original-Envelope-Id of a report (RFC 3464 §2.2.1), as it stands and with xtext undone."""
    message_ids: tuple[str, ...] = ()
    """Message-ID of the mail sent back, with its angle brackets."""
    feedback_ids: tuple[str, ...] = ()
    """Feedback-ID of the mail sent back."""
    unsubscribe: tuple[str, ...] = ()
    """Last path segments of the List-Unsubscribe links of the mail sent back."""

    def __bool__(self) -> bool:
        return any((self.verp, self.envids, self.message_ids, self.feedback_ids, self.unsubscribe))


@dataclass(frozen=True)
class Verdict:
    """What one message says of one recipient."""

    recipient: str
    """The address as the report gives it, or empty when it gives none (or has blacked it out)."""
    kind: Kind
    code: int = 0
    """SMTP reply code, or 0 when none is named."""
    enhanced: str = ""
    """Enhanced status code (RFC 3463), e.g. `5.1.1`, or empty."""
    reason: str = ""
    """Why, in the words of the report: one printable line of at most 300 characters."""
    delivery: Delivery = Delivery()
    """The mail it may be about, unverified."""
    report: str = ""
    """Feedback-Type of a complaint (RFC 5965 §3.1), e.g. `abuse`; empty on everything else."""
    opt_out: bool = False
    """A complaint that only asks to be taken off the list (`opt-out`): unsubscribe, do not suppress."""

"""Reading a mailbox: every message handled exactly once, whatever crashes, and none that stops the next.

A message is noted before it is read and again when it is done. Who dies in between finds it noted: done already, and
only to be put away; or begun so often that it goes to quarantine, because it may be what kills the reader.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, select, update

from newsletter.errors import StoreError
from newsletter.feedback import mail
from newsletter.feedback.intake import Intake, Tally
from newsletter.feedback.mailbox import HANDLED, UNPARSED, Letter, Mailbox, MailboxError
from newsletter.store.feedback_schema import FeedbackState, feedback_letters, feedback_nonces, feedback_reports

MAX_TRIES = 3
"""Readers that may die over a message."""
NOTHING = Tally()


@dataclass(frozen=True)
class Polled:
    """What a mailbox held."""

    messages: int = 0
    unparsed: int = 0
    tally: Tally = NOTHING


def poll(
    intake: Intake,
    mailbox: Mailbox,
    *,
    delete_handled: bool = False,
    goes_on: Callable[[], bool] = lambda: True,
) -> Polled:
    """Read everything that waits. Raises `MailboxError` and `StoreError`; what was not done waits for the next time."""
    done = Polled()
    seen: set[str] = set()
    folder = None if delete_handled else HANDLED
    while fresh := [letter for letter in mailbox.waiting() if letter.place not in seen]:
        for letter in fresh:
            if not goes_on():
                return done
            seen.add(letter.place)
            state, tally = _read(intake, mailbox, letter)
            mailbox.put_away(letter, folder if state is FeedbackState.HANDLED else UNPARSED)
            done = Polled(done.messages + 1, done.unparsed + (state is FeedbackState.UNPARSED), done.tally + tally)
    return done


def _read(intake: Intake, mailbox: Mailbox, letter: Letter) -> tuple[FeedbackState, Tally]:
    database, clock = intake.database, intake.clock
    with database.write() as connection:
        state = _begin(connection, mailbox.name, letter, clock())
    if state is not FeedbackState.BEGUN:
        return state, Tally()
    digest, tally = None, Tally()
    state = FeedbackState.UNPARSED
    try:
        if letter.size <= mail.MOST:
            raw = mailbox.fetch(letter)
            if raw is not None:  # else somebody else has read it meanwhile
                digest = hashlib.sha256(raw).digest()
                tally = mail.take_in(intake, raw)
            state = FeedbackState.HANDLED
    except (StoreError, MailboxError):
        with database.write() as connection:  # no fault of the message
            _mark(connection, mailbox.name, letter, tries=feedback_letters.c.tries - 1)
        raise
    except Exception:
        state = FeedbackState.UNPARSED  # a fault of ours that this message brings out; the others have not to wait
    with database.write() as connection:
        _mark(connection, mailbox.name, letter, state=state, hash=digest)
    return state, tally


def _begin(connection: Connection, mailbox: str, letter: Letter, now: datetime) -> FeedbackState:
    """Note that reading begins; anything but `begun` says what is to be done with it at once."""
    row = connection.execute(select(feedback_letters).where(_is(mailbox, letter))).one_or_none()
    if row is None:
        connection.execute(
            insert(feedback_letters).values(
                mailbox=mailbox, place=letter.place[:255], state=FeedbackState.BEGUN, tries=1, at=now
            )
        )
        return FeedbackState.BEGUN
    if row.state != FeedbackState.BEGUN:
        return FeedbackState(row.state)
    state = FeedbackState.BEGUN if row.tries < MAX_TRIES else FeedbackState.UNPARSED
    _mark(connection, mailbox, letter, state=state, tries=row.tries + 1)
    return state


def _mark(connection: Connection, mailbox: str, letter: Letter, **values: object) -> None:
    connection.execute(update(feedback_letters).where(_is(mailbox, letter)).values(**values))


def _is(mailbox: str, letter: Letter) -> ColumnElement[bool]:
    return and_(feedback_letters.c.mailbox == mailbox, feedback_letters.c.place == letter.place[:255])


def expire(connection: Connection, retention: timedelta, now: datetime) -> int:
    """Delete reports older than `retention`, and what was noted only to read nothing twice; returns how many reports.

    The facts that were read from them stay.
    """
    before = now - retention
    connection.execute(delete(feedback_letters).where(feedback_letters.c.at < before))
    connection.execute(delete(feedback_nonces).where(feedback_nonces.c.expires_at < now))
    return int(connection.execute(delete(feedback_reports).where(feedback_reports.c.received_at < before)).rowcount)

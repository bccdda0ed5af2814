"""The sending protocol as a state machine small enough to be looked at completely.

Two rows, two workers, one connection each, and everything that can befall them. Tests run some
interleavings of the real ledger; this runs all of them, of a model that has the same steps. Every rule
that the promises hang on is a switch of `Guards`: turned off, the search finds the shortest way to harm.

What is left out, and why nothing is lost by it: due times (a pending row is due), the limit of tries (a
row that gives up takes the edge of one that is refused), and the commit of several connections at once
(all or nothing of what the model does one after the other). A copy whose connection or worker is gone
has been decided on: had the server taken it later, it would stand no worse than if it had before.

Every connection has a fence of its own here. Those of one sender share a number in the ledger, where the count
of tries tells one arming from the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from newsletter.store.schema import CampaignStatus as C
from newsletter.store.schema import DeliveryStatus as D

# Plain strings: the hash of an enum member is computed in Python, and states are hashed by the million.
PENDING, CLAIMED, INFLIGHT = D.PENDING.value, D.CLAIMED.value, D.INFLIGHT.value
SENT, FAILED, AMBIGUOUS, SKIPPED = D.SENT.value, D.FAILED.value, D.AMBIGUOUS.value, D.SKIPPED.value
SENDING, PAUSED, FINISHED, CANCELLED = C.SENDING.value, C.PAUSED.value, C.FINISHED.value, C.CANCELLED.value

OPEN = frozenset({PENDING, CLAIMED, INFLIGHT})
SETTLED = frozenset({SENT, FAILED, SKIPPED})

NONE, DEAD = -1, 2
"""A number that is no row and no worker; the fence of a worker that was killed."""

STAYS, LEFT, MAILED_AFTER_LEAVING = range(3)

ARMED, DOTTED = "armed", "dotted"
ACCEPTED, DEFERRED, REFUSED, SILENCE = "250", "4xx", "5xx", "silence"
ANSWERS = frozenset({ACCEPTED, DEFERRED, REFUSED})
"""A copy on the wire is armed, then its dot is out, then it is answered. Whether the answer was heard makes no
difference before it is recorded: nobody else can tell, and a worker that dies takes it along."""


@dataclass(frozen=True)
class Guards:
    """The rules of the protocol; each can be taken out."""

    cas_on_arm: bool = True
    """Only `claimed` with the worker's own fence becomes `inflight`."""
    consent_at_arm: bool = True
    """The statement that arms asks again whether the reader is still there."""
    arm_is_durable: bool = True
    """What was armed is on the disk, not only with the kernel, when the dot leaves."""
    commit_before_body: bool = True
    """The body of k+1 waits for the commit that records k and arms k+1."""
    silence_is_doubt: bool = True
    """No answer after the dot leads to `ambiguous`, not to another try."""
    reaper_never_repeats: bool = True
    """A dead worker's `inflight` becomes `ambiguous`, not `pending`."""
    fence_on_record: bool = True
    """Only the holder of the row may write down an answer."""
    deferral_reopens: bool = True
    """A row that is deferred after the end of its campaign takes the campaign along."""
    resend_needs_evidence: bool = True
    """The operator sends again only what the server has certainly not accepted."""


class Row(NamedTuple):
    """One row of the ledger, and what the world knows of it: the reader, the copies the server took."""

    status: str = PENDING
    holder: int = NONE
    reader: int = STAYS
    accepted: int = 0
    on_disk: bool = True


class Worker(NamedTuple):
    """What a worker remembers, as opposed to what the ledger says; gone when it is killed."""

    hand: tuple[int, ...] = ()
    wire: int = NONE
    step: str = ""
    ahead: int = NONE
    """The row whose MAIL, RCPT and DATA went out behind the dot of the one on the wire."""
    unsaved: str = ""
    """Only without `commit_before_body`: the answer about the other row, heard and not written yet."""


class State(NamedTuple):
    """Everything at one moment."""

    campaign: str = SENDING
    rows: tuple[Row, Row] = (Row(), Row())
    workers: tuple[Worker, Worker] = (Worker(), Worker())


class Action(NamedTuple):
    """One step, in words; `{w}`, `{r}` and `{k}` stand for the worker, the row and the other row."""

    words: str
    worker: int = NONE
    row: int = NONE
    fault: bool = False
    """Whether it is something nobody can count on or wish for; a campaign must come to its end without."""

    def __str__(self) -> str:
        return self.words.format(w="AB"[self.worker], r=self.row + 1, k=2 - self.row)


class Protocol:
    """The steps that are possible with these guards. `edges` collects the moves of rows it has made."""

    def __init__(self, guards: Guards) -> None:
        self.guards = guards
        self.edges: set[tuple[str, str]] = set()

    def steps(self, state: State) -> Iterator[tuple[Action, State]]:
        """Every step that may come next, and where it leads."""
        for w in (0, 1):
            yield from self._working(state, w)
            yield from self._befalling(state, w)
        for r in (0, 1):
            yield from self._deciding(state, r)
        yield from self._steering(state)

    # -- what a worker does ------------------------------------------------------------------------

    def _working(self, state: State, w: int) -> Iterator[tuple[Action, State]]:
        worker = state.workers[w]
        for r, row in enumerate(state.rows):
            if row.status == PENDING and state.campaign == SENDING and r not in worker.hand:
                claimed = _worker(state, w, worker._replace(hand=tuple(sorted((*worker.hand, r)))))
                yield Action("{w} claims row {r}", w, r), _row(claimed, r, self._move(row, CLAIMED, w))
        if worker.wire == NONE:
            for r in worker.hand:
                yield Action("{w} arms row {r}", w, r), self.arm(state, w, r)
                if state.rows[r].status == CLAIMED and state.rows[r].holder == w:
                    refused = _row(state, r, self._move(state.rows[r], FAILED))
                    rest = worker._replace(hand=_without(worker.hand, r))
                    yield Action("{w} cannot compose row {r}", w, r, fault=True), _worker(refused, w, rest)
            return
        if worker.unsaved:
            yield Action("{w} commits at last: row {k} recorded, row {r} armed", w, worker.wire), self._late(state, w)
        elif worker.step in ANSWERS:
            yield from self._committing(state, w, worker)
        yield from self._talking(state, w, worker)

    def _talking(self, state: State, w: int, worker: Worker) -> Iterator[tuple[Action, State]]:
        def now(step: str, ahead: int = worker.ahead) -> State:
            return _worker(state, w, worker._replace(step=step, ahead=ahead))

        r, row = worker.wire, state.rows[worker.wire]
        if worker.step == ARMED:
            yield Action("{w} sends body and dot of row {r}", w, r), now(DOTTED)
            for k in _without(worker.hand, r):
                yield (
                    Action("{w} sends body and dot of row {r}, then MAIL, RCPT, DATA of row {k}", w, r),
                    now(DOTTED, k),
                )
            yield Action("{w} gets a 4xx or loses the connection before the dot of row {r}", w, r, True), now(DEFERRED)
            yield Action("{w} gets a 5xx before the dot of row {r}", w, r, True), now(REFUSED)
        elif worker.step == DOTTED:
            taken = row._replace(accepted=row.accepted + 1)
            yield Action("the server accepts row {r} from {w}", w, r), _row(now(ACCEPTED), r, taken)
            yield Action("the server defers row {r} from {w}", w, r, True), now(DEFERRED)
            yield Action("the server refuses row {r} from {w}", w, r, True), now(REFUSED)

    def _committing(self, state: State, w: int, worker: Worker) -> Iterator[tuple[Action, State]]:
        r, k, answer = worker.wire, worker.ahead, worker.step
        recorded = self.record(_worker(state, w, Worker(worker.hand)), w, r, answer)
        if k == NONE:
            yield Action(f"{{w}} hears {answer} and records it for row {{r}}", w, r), recorded
            return
        words = f"{{w}} hears {answer}; in one commit it records that for row {{r}} and arms row {{k}}"
        yield Action(words, w, r), self.arm(recorded, w, k)
        if not self.guards.commit_before_body:
            early = Worker(_without(worker.hand, k), wire=k, step=DOTTED, unsaved=answer)
            words = f"{{w}} hears {answer} about row {{r}} and sends body and dot of row {{k}} before it commits"
            yield Action(words, w, r), _worker(state, w, early)

    def arm(self, state: State, w: int, r: int) -> State:
        """From hand to wire; a row that may not go is put where it belongs, and the connection is closed."""
        worker, row = state.workers[w], state.rows[r]
        mine = row.status == CLAIMED and row.holder == w
        sending = state.campaign == SENDING
        wanted = row.reader == STAYS or not self.guards.consent_at_arm
        hand = _without(worker.hand, r)
        if sending and wanted and (mine or not self.guards.cas_on_arm):
            armed = self._move(row, INFLIGHT, w)._replace(on_disk=self.guards.arm_is_durable)
            if row.reader == LEFT:
                armed = armed._replace(reader=MAILED_AFTER_LEAVING)
            return _row(_worker(state, w, Worker(hand, r, ARMED)), r, armed)
        if mine:
            state = _row(state, r, self._move(row, SKIPPED if sending else PENDING))
        return _worker(state, w, Worker(hand))

    def record(self, state: State, w: int, r: int, answer: str) -> State:
        """Write down an answer; a definite one may come after the reaper called the row ambiguous."""
        row = state.rows[r]
        in_doubt = AMBIGUOUS if self.guards.silence_is_doubt else PENDING
        target = {ACCEPTED: SENT, DEFERRED: PENDING, REFUSED: FAILED, SILENCE: in_doubt}[answer]
        expected = row.status == INFLIGHT or (row.status == AMBIGUOUS and answer != SILENCE)
        if not expected or (self.guards.fence_on_record and row.holder != w):
            return state
        return self._again(state, r, row) if target == PENDING else _row(state, r, self._move(row, target))

    def _again(self, state: State, r: int, row: Row) -> State:
        """Back to pending, in a campaign that may have ended meanwhile."""
        again = self._move(row, PENDING)
        if state.campaign == CANCELLED:
            again = self._move(again, SKIPPED)
        elif state.campaign == FINISHED and self.guards.deferral_reopens:
            state = state._replace(campaign=SENDING)
        return _row(state, r, again)

    def _late(self, state: State, w: int) -> State:
        worker = state.workers[w]
        r = worker.wire
        armed = self.arm(self.record(state, w, 1 - r, worker.unsaved), w, r)
        return _worker(armed, w, Worker(worker.hand, r, worker.step)) if armed.workers[w].wire == r else armed

    # -- what befalls a worker ---------------------------------------------------------------------

    def _befalling(self, state: State, w: int) -> Iterator[tuple[Action, State]]:
        worker = state.workers[w]
        if worker.wire != NONE and worker.step != ARMED and not worker.unsaved:
            silent = self.record(_worker(state, w, Worker(worker.hand)), w, worker.wire, SILENCE)
            yield Action("{w} never hears what became of row {r}, and records that", w, worker.wire, True), silent
        if worker != Worker() or any(row.holder == w for row in state.rows):
            yield Action("kill -9 of {w}", w, fault=True), self._kill(state, w)
        if any(row.holder == w and row.status in OPEN for row in state.rows):
            words = "the lease of {w} runs out though it lives; the reaper settles its rows"
            yield Action(words, w, fault=True), self.reap(state, w)

    def _kill(self, state: State, w: int) -> State:
        """Whatever is not in the ledger is gone, and the number of this worker is never given out again."""
        for r, row in enumerate(state.rows):
            if row.holder == w:
                state = _row(state, r, row._replace(holder=NONE if row.status == AMBIGUOUS else DEAD))
        return _worker(state, w, Worker())

    def reap(self, state: State, fence: int) -> State:
        """Settle what this worker holds; when it lives, it may still say what became of a row in doubt."""
        for r, row in enumerate(state.rows):
            if row.holder == fence and row.status == INFLIGHT and self.guards.reaper_never_repeats:
                state = _row(state, r, self._move(row, AMBIGUOUS, NONE if fence == DEAD else fence))
            elif row.holder == fence and row.status in {CLAIMED, INFLIGHT}:
                state = _row(state, r, self._move(row, PENDING))
        return state

    # -- what everybody else does ------------------------------------------------------------------

    def _deciding(self, state: State, r: int) -> Iterator[tuple[Action, State]]:
        """The reader, and the operator before a row in doubt."""
        row = state.rows[r]
        if row.reader == STAYS and row.status not in SETTLED:
            yield Action("the reader of row {r} leaves", row=r, fault=True), _row(state, r, row._replace(reader=LEFT))
        if row.status != AMBIGUOUS:
            return
        if row.accepted:
            found = _row(state, r, self._move(row, SENT))
            yield Action("the operator finds row {r} in the server's log", row=r, fault=True), found
        certain = not row.accepted and not _may_be_accepted(state, r)
        if state.campaign != CANCELLED and (certain or not self.guards.resend_needs_evidence):
            action = Action("the operator lets row {r} be sent again", row=r, fault=True)
            yield action, self._again(state, r, row)

    def _steering(self, state: State) -> Iterator[tuple[Action, State]]:
        if any(row.holder == DEAD for row in state.rows):
            yield Action("the reaper settles the rows of the dead"), self.reap(state, DEAD)
        if state.campaign == SENDING:
            yield Action("the campaign is paused", fault=True), state._replace(campaign=PAUSED)
            if not any(row.status in OPEN for row in state.rows):
                yield Action("the campaign is finished"), state._replace(campaign=FINISHED)
        if state.campaign == PAUSED:
            yield Action("the campaign is resumed"), state._replace(campaign=SENDING)
        if state.campaign in {SENDING, PAUSED}:
            ended = state._replace(campaign=CANCELLED)
            for r, row in enumerate(state.rows):
                if row.status in {PENDING, CLAIMED}:
                    ended = _row(ended, r, self._move(row, SKIPPED))
            yield Action("the campaign is cancelled", fault=True), ended
        if not all(row.on_disk for row in state.rows):
            yield Action("the power fails; what was not on the disk is gone", fault=True), self._lose_power(state)

    def _lose_power(self, state: State) -> State:
        """Nothing but two kills when all that was committed is on the disk; a step of its own only when it is not."""
        for r, row in enumerate(state.rows):
            if not row.on_disk:
                state = _row(state, r, Row(CLAIMED, row.holder, row.reader, row.accepted))
        return self._kill(self._kill(state, 0), 1)

    def _move(self, row: Row, target: str, holder: int = NONE) -> Row:
        """The only place where a row changes its status. Once it is settled nobody asks for its reader any more."""
        self.edges.add((row.status, target))
        return Row(target, holder, STAYS if target in SETTLED else row.reader, row.accepted)


def _row(state: State, r: int, row: Row) -> State:
    return State(state.campaign, (row, state.rows[1]) if r == 0 else (state.rows[0], row), state.workers)


def _worker(state: State, w: int, worker: Worker) -> State:
    return State(state.campaign, state.rows, (worker, state.workers[1]) if w == 0 else (state.workers[0], worker))


def _without(hand: tuple[int, ...], r: int) -> tuple[int, ...]:
    return tuple(k for k in hand if k != r)


def _may_be_accepted(state: State, r: int) -> int:
    """How many copies of the row are on their way to the server, or may yet set out."""
    return sum(worker.wire == r and worker.step in {ARMED, DOTTED} for worker in state.workers)


Promises = Mapping[str, Callable[[State], bool]]

PROMISES: Promises = {
    "nobody gets it twice": lambda state: all(row.accepted <= 1 for row in state.rows),
    "sent means accepted": lambda state: all(row.accepted for row in state.rows if row.status == SENT),
    "pending means not accepted": lambda state: not any(row.accepted for row in state.rows if row.status == PENDING),
    "failed means not accepted": lambda state: not any(row.accepted for row in state.rows if row.status == FAILED),
    "one worker arms a row": lambda state: max(_may_be_accepted(state, 0), _may_be_accepted(state, 1)) <= 1,
    "whoever has left is not mailed": lambda state: all(row.reader != MAILED_AFTER_LEAVING for row in state.rows),
    "the end leaves nobody waiting": lambda state: (
        not any(
            row.status in (OPEN if state.campaign == FINISHED else {PENDING, CLAIMED})
            for row in state.rows
            if state.campaign in {FINISHED, CANCELLED}
        )
    ),
}
"""What holds at every moment; when a campaign is cancelled, what is on the wire may still finish."""


def is_over(state: State) -> bool:
    """Nothing is left to do: the campaign has ended, its rows are settled or in doubt, the workers idle."""
    ended = state.campaign in {FINISHED, CANCELLED} and not any(row.status in OPEN for row in state.rows)
    return ended and all(not worker.hand and worker.wire == NONE for worker in state.workers)

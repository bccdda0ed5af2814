"""Breadth-first search through all that may happen to the model of the sending protocol.

The first state found to break a promise is one that takes the fewest steps, so the way there can be read.
Rows are alike and so are workers: of states that differ only in their names, one is visited.
"""

from __future__ import annotations

from dataclasses import dataclass

from protocol_model import NONE, PROMISES, Guards, Promises, Protocol, Row, State, Worker, is_over

_row_by_other_workers: dict[Row, Row] = {}
_worker_by_other_rows: dict[Worker, Worker] = {}


def _swap_rows(state: State) -> State:
    (first, second), workers = state.rows, state.workers
    for worker in workers:
        if worker not in _worker_by_other_rows:
            hand = tuple(sorted(1 - r for r in worker.hand))
            wire, ahead = (NONE if r == NONE else 1 - r for r in (worker.wire, worker.ahead))
            _worker_by_other_rows[worker] = worker._replace(hand=hand, wire=wire, ahead=ahead)
    return State(
        state.campaign, (second, first), (_worker_by_other_rows[workers[0]], _worker_by_other_rows[workers[1]])
    )


def _swap_workers(state: State) -> State:
    rows, (a, b) = state.rows, state.workers
    for row in rows:
        if row not in _row_by_other_workers:
            _row_by_other_workers[row] = row._replace(holder=1 - row.holder if row.holder in {0, 1} else row.holder)
    return State(state.campaign, (_row_by_other_workers[rows[0]], _row_by_other_workers[rows[1]]), (b, a))


def representative(state: State) -> State:
    """One of the up to four states that differ only in what the rows and workers are called."""
    other = _swap_rows(state)
    return min(state, other, _swap_workers(state), _swap_workers(other))


@dataclass(frozen=True)
class Found:
    """What a search came to. `campaign_edges` and `edges` are the moves that campaigns and rows made."""

    states: int
    edges: frozenset[tuple[str, str]]
    campaign_edges: frozenset[tuple[str, str]]
    broken: str = ""
    """The promise that does not hold, empty when all do."""
    trace: tuple[str, ...] = ()
    """The shortest way there, one line a step, and how things stand at its end."""
    stuck: int = 0
    """Reachable states from which no end can be reached without a further fault."""


def search(guards: Guards, promises: Promises = PROMISES) -> Found:
    """Visit every reachable state breadth-first, up to the first that breaks one of the promises."""
    protocol = Protocol(guards)
    start = representative(State())
    number, states, parents = {start: 0}, [start], [0]
    wished: list[list[int]] = [[]]
    """For each state, those from which one step that is no fault leads to it."""
    campaign_edges: set[tuple[str, str]] = set()
    for at, standing in enumerate(states):  # which grows meanwhile
        for action, reached in protocol.steps(standing):
            if reached.campaign != standing.campaign:
                campaign_edges.add((standing.campaign, reached.campaign))
            state = representative(reached)
            index = number.setdefault(state, len(states))
            if index == len(states):
                states.append(state)
                parents.append(at)
                wished.append([])
                if broken := next((name for name, holds in promises.items() if not holds(state)), ""):
                    trace = _retell(protocol, _path(states, parents))
                    return Found(len(states), frozenset(protocol.edges), frozenset(campaign_edges), broken, trace)
            if not action.fault:
                wished[index].append(at)
    stuck = len(states) - _saved(states, wished)
    return Found(len(states), frozenset(protocol.edges), frozenset(campaign_edges), stuck=stuck)


def _saved(states: list[State], wished: list[list[int]]) -> int:
    """How many states have an end within reach of steps that are no faults, looked for from the ends backwards."""
    waiting = [index for index, state in enumerate(states) if is_over(state)]
    reached = set(waiting)
    while waiting:
        earlier = set(wished[waiting.pop()]) - reached
        reached |= earlier
        waiting += earlier
    return len(reached)


def _path(states: list[State], parents: list[int]) -> list[State]:
    """From the state after the start to the one found last."""
    path, index = [], len(states) - 1
    while index:
        path.append(states[index])
        index = parents[index]
    return path[::-1]


def _retell(protocol: Protocol, path: list[State]) -> tuple[str, ...]:
    """The way from the start in words. Names are kept from step to step, which representatives do not."""
    state, lines = State(), []
    for stop in path:
        action, state = next(step for step in protocol.steps(state) if representative(step[1]) == stop)
        lines.append(str(action))
    rows = (f"row {r + 1} is {row.status}, accepted {row.accepted}×" for r, row in enumerate(state.rows))
    return (*lines, f"→ the campaign is {state.campaign}, {', '.join(rows)}")

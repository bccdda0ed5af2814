"""Asks the web whether links are alive: each address once, few at a time, one per host, within a time limit.

Other people's servers are guests' houses. HEAD comes first because it costs them least, GET only where HEAD is
refused; every request goes through the guarded door of `content.fetch`.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from newsletter.checks.extras import Answer
from newsletter.content.fetch import Fetched, FetchError, fetch

AT_ONCE = 4
SECONDS_EACH = 10.0
SECONDS_TOGETHER = 120.0
_ASK_AGAIN = frozenset({400, 403, 404, 405, 406, 501, 503})
"""Statuses with which servers refuse HEAD itself."""

Fetch = Callable[..., Fetched]


def ask(
    addresses: Sequence[str],
    *,
    fetch: Fetch = fetch,
    said: Callable[[int], None] = lambda _done: None,
    seconds: float = SECONDS_TOGETHER,
) -> Mapping[str, Answer]:
    """What each address answers; those that the time did not suffice for are left out.

    `said` is told how many are done, from several threads. Never raises for what a server does.
    """
    hosts: dict[str, deque[str]] = {}
    for address in dict.fromkeys(addresses):
        hosts.setdefault(urlsplit(address).netloc.lower(), deque()).append(address)
    deadline = time.monotonic() + seconds
    found: dict[str, Answer] = {}
    lock = threading.Lock()

    def visit(queue: deque[str]) -> None:
        """All addresses of one host, one after the other."""
        for address in queue:
            left = deadline - time.monotonic()
            if left <= 0:
                return
            answer = _answer(address, fetch, min(SECONDS_EACH, left))
            with lock:
                found[address] = answer
                said(1)

    with ThreadPoolExecutor(AT_ONCE, "links") as pool:
        list(pool.map(visit, hosts.values()))
    return {address: found[address] for address in dict.fromkeys(addresses) if address in found}


def _answer(address: str, fetch: Fetch, seconds: float) -> Answer:
    try:
        answer = fetch(address, accept=(), method="HEAD", seconds=seconds)
        if answer.status in _ASK_AGAIN:
            answer = fetch(address, accept=(), method="GET", seconds=seconds)
    except FetchError as error:
        return Answer(reason=error.message)
    return Answer(answer.status, ended_at=answer.url if answer.url != address else "")

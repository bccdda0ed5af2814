"""The front door while strangers lean on it: sign-ups a second, and what ordinary readers notice of a flood.

The flood is the one of a list server in 2015: 160,000 attempts from 8,000 addresses, here without a pause. Every
sixteenth goes for one victim under many spellings, the others for strangers at a few hundred domains. The robots come
through a proxy that is believed, have a form of ours in time, and never solve anything. Beside them an ordinary reader
opens the form and sends it, a few times a second, each from a network of their own.
"""

from __future__ import annotations

import argparse
import bisect
import http.client
import random
import re
import sys
import tempfile
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import postgres
import served
import table
from sqlalchemy import select

from newsletter import config
from newsletter.site import Site
from newsletter.store.schema import CampaignKind, campaigns, deliveries, subscribers

PROXY = {"NEWSLETTER_SERVER__TRUSTED_PROXIES": "127.0.0.1"}
OPEN = {f"NEWSLETTER_SIGNUPS__{key}": "1000000000" for key in ("ATTACK", "MAILS_PER_MINUTE", "MAILS_PER_DOMAIN")}
TITLES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
BUDGET = 120
"""Confirmation mails a minute: less than by default, so that it is reached."""
Attempt = Callable[[int], tuple[dict[str, str], str]]
"""What the sign-up of that number sends, and from where."""
VICTIM = ("victim@gmail.com", "v.ictim@gmail.com", "vic.tim+{}@googlemail.com", "Victim+{}@gmail.com")


@dataclass
class Times:
    """Seconds that answers took, and statuses."""

    seconds: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)

    def add(self, seconds: float, status: int) -> None:
        """One more answer."""
        self.seconds.append(seconds)
        self.statuses[status] = self.statuses.get(status, 0) + 1

    def percentile(self, share: float) -> float:
        """Milliseconds that so large a share of the answers took at the most."""
        ordered = sorted(self.seconds)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Visitor:
    """A connection that is kept, through the proxy."""

    def __init__(self, url: str) -> None:
        parts = urllib.parse.urlsplit(url)
        self._line = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        self.times = Times()

    def get(self, ip: str) -> str:
        """The form."""
        return self._ask("GET", "/", None, ip)

    def post(self, form: dict[str, str], ip: str) -> str:
        """Send it."""
        return self._ask("POST", "/subscribe", urllib.parse.urlencode(form), ip)

    def _ask(self, method: str, path: str, body: str | None, ip: str) -> str:
        headers = {"X-Forwarded-For": ip, "Content-Type": "application/x-www-form-urlencoded"}
        begun = time.perf_counter()
        self._line.request(method, path, body, headers)
        answer = self._line.getresponse()
        text = answer.read().decode()
        self.times.add(time.perf_counter() - begun, answer.status)
        return text


def main() -> int:
    """Rows of the table; 1 when a figure misses what is needed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--attempts", type=int, default=160_000, help="sign-ups of robots, 0 for none (default: %(default)s)"
    )
    parser.add_argument("--addresses", type=int, default=8_000, help="they come from (default: %(default)s)")
    parser.add_argument("--connections", type=int, default=16, help="of theirs at once (default: %(default)s)")
    parser.add_argument("--calm", type=int, default=4_000, help="sign-ups without a flood (default: %(default)s)")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite", help="(default: %(default)s)")
    parser.add_argument("--bare", action="store_true", help="rows without the head of the table")
    chosen = parser.parse_args()
    table.begin(chosen)
    with tempfile.TemporaryDirectory(prefix="newsletter-bench-") as folder, _databases(chosen.database) as database:
        calm(Path(folder, "calm"), chosen, database())
        return flood(Path(folder, "flood"), chosen, database()) if chosen.attempts else 0


@contextmanager
def _databases(kind: str) -> Iterator[Callable[[], dict[str, str]]]:
    """Gives the settings of one more Site with a database of that kind, on a server that waits for its disk."""
    if kind == "sqlite":
        yield dict
        return
    with postgres.running(durable=True) as server:
        yield lambda: {"NEWSLETTER_DATABASE__URL": server.url_of(server.create())}


def calm(folder: Path, chosen: argparse.Namespace, database: dict[str, str]) -> None:
    """Sign-ups as fast as they go, all different and all wanted."""
    with served.served(folder, **PROXY, **OPEN, **database) as site:
        url, form = site.url, form_of(site.url)
        seconds, times = _press(url, 8, chosen.calm, lambda n: ({**form, "email": f"reader{n}@d{n}.org"}, ip_of(n)))
    rate = chosen.calm / seconds
    note = f"p99 {times.percentile(0.99):.0f} ms; answers {times.statuses}"
    table.row(
        f"sign-ups a second through the form, {TITLES[chosen.database]}", table.at_least(100, "a second"), [rate], note
    )


def flood(folder: Path, chosen: argparse.Namespace, database: dict[str, str]) -> int:
    """Robots and readers at once."""
    with served.served(folder, **PROXY, NEWSLETTER_SIGNUPS__MAILS_PER_MINUTE=str(BUDGET), **database) as site:
        url, form = site.url, form_of(site.url)
        over = threading.Event()
        readers = Visitor(url)
        reading = threading.Thread(target=_read_along, args=(readers, over))
        reading.start()
        seconds, times = _press(url, chosen.connections, chosen.attempts, lambda n: _attempt(n, form, chosen.addresses))
        over.set()
        reading.join()
    mails, to_victim = _enrolled(folder, database)
    minute = max(bisect.bisect_left(mails, at + 60_000) - nth for nth, at in enumerate(mails)) if mails else 0
    p99 = readers.times.percentile(0.99)
    note = (
        f"median {readers.times.percentile(0.5):.0f} ms, {len(readers.times.seconds):,} answers "
        f"{readers.times.statuses}; {chosen.attempts:,} attempts from {chosen.addresses:,} addresses, "
        f"{chosen.attempts / seconds:,.0f} a second for {seconds:.0f} s, answers {times.statuses}"
    )
    rows = (
        ("p99 of ordinary readers in a flood", table.at_most(500, "ms"), p99, note),
        ("mails in its worst minute", table.at_most(BUDGET, "mails"), minute, f"{len(mails):,} in all"),
        ("mails to its one victim", table.at_most(3, "mails"), to_victim, f"{chosen.attempts // 16:,} attempts"),
    )
    for what, needed, figure, more in rows:
        table.row(what, needed, [figure], more)
    return 0 if all(needed.is_met(figure) for _, needed, figure, _ in rows) else 1


def _attempt(number: int, form: dict[str, str], addresses: int) -> tuple[dict[str, str], str]:
    dice = random.Random(number)
    if number % 16 == 0:
        email = dice.choice(VICTIM).format(number)
    else:
        email = f"stranger{number}@domain{dice.randrange(300)}.org"
    return {**form, "email": email}, ip_of(dice.randrange(addresses))


def _read_along(reader: Visitor, over: threading.Event) -> None:
    number = 0
    while not over.is_set():
        number += 1
        ip = f"77.{number // 256 % 256}.{number % 256}.9"
        page = reader.get(ip)
        form = {name: _hidden(page, name) for name in ("form", "page", "list")}
        over.wait(0.2)
        reader.post({**form, "email": f"ordinary{number}@home{number}.org"}, ip)


def _press(url: str, connections: int, count: int, attempt: Attempt) -> tuple[float, Times]:
    numbers = iter(range(count))
    lock = threading.Lock()
    visitors = [Visitor(url) for _ in range(connections)]

    def work(visitor: Visitor) -> None:
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            visitor.post(*attempt(number))

    threads = [threading.Thread(target=work, args=(visitor,)) for visitor in visitors]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    together = Times()
    for visitor in visitors:
        together.seconds += visitor.times.seconds
        for status, times in visitor.times.statuses.items():
            together.statuses[status] = together.statuses.get(status, 0) + times
    return time.perf_counter() - begun, together


def ip_of(number: int) -> str:
    """An address of the internet, in a network of its own as long as there are 65,536."""
    return f"{20 + number // 65_536}.{number // 256 % 256}.{number % 256}.7"


def form_of(url: str) -> dict[str, str]:
    """The hidden fields of the form, old enough to count."""
    page = Visitor(url).get("78.1.1.1")
    time.sleep(3.1)
    return {name: _hidden(page, name) for name in ("form", "page", "list")}


def _hidden(page: str, name: str) -> str:
    found = re.search(rf'<input type="hidden" name="{name}" value="([^"]*)"', page)
    return found[1] if found else ""


def _enrolled(folder: Path, database: dict[str, str]) -> tuple[list[int], int]:
    """Moments (ms) of all confirmation mails, and how many went to the victim."""
    with Site(folder, *config.load(folder, database)) as site, site.database.read() as connection:
        rows = connection.execute(
            select(deliveries.c.enrolled_at, subscribers.c.email_key)
            .join(campaigns, campaigns.c.id == deliveries.c.campaign_id)
            .join(subscribers, subscribers.c.id == deliveries.c.subscriber_id)
            .where(campaigns.c.kind == CampaignKind.CONFIRM)
        ).all()
    victims = sum("victim" in row.email_key.replace(".", "") for row in rows)
    return sorted(int(row.enrolled_at.timestamp() * 1000) for row in rows), victims


if __name__ == "__main__":
    sys.exit(main())

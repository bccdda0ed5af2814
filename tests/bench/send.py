"""How fast the sender is, as a ratio to Postfix's own C load generator in the same run.

Absolute rates swing by half on shared machines, so each round sends the same number of messages of the
same size over the same number of connections, first with `smtp-source`, then with ours, into the same
`smtp-sink`; the figure is the median of the ratios. Ours is the whole thing: an issue compiled and filled
for each reader, claimed, armed and recorded in a SQLite ledger at its default durability.

    python tests/bench/send.py [--rounds 5] [--messages 3000] [--sizes 30,5] [--connections 10,1]
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import delete, insert, update

from newsletter import config
from newsletter.campaigns import launch
from newsletter.content.loader import load_issue
from newsletter.site import Site
from newsletter.starter.plant import plant
from newsletter.store import migrate
from newsletter.store.schema import attempts, campaigns, deliveries, subscribers, subscriptions
from newsletter.tokens import KeyRing

SLUG = "bench"
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


@contextmanager
def sink() -> Iterator[int]:
    """Postfix's smtp-sink on a free port."""
    program = shutil.which("smtp-sink", path=PATH)
    if program is None:
        raise SystemExit("smtp-sink is missing: install the Debian package postfix.")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    process = subprocess.Popen([program, *user, f"127.0.0.1:{port}", "1000"], stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.02)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def smtp_source(port: int, messages: int, size: int, connections: int) -> float:
    """Messages a second of the C load generator, keeping its connections (-d)."""
    program = shutil.which("smtp-source", path=PATH)
    assert program is not None
    begun = time.perf_counter()
    subprocess.run(
        [program, "-d", "-s", str(connections), "-m", str(messages), "-l", str(size), f"127.0.0.1:{port}"],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return messages / (time.perf_counter() - begun)


def make_site(folder: Path, port: int, people: int, *, connections: int, durability: str = "process") -> Site:
    """A Site with `people` confirmed readers and one issue called `bench`."""
    environment = {
        "NEWSLETTER_SMTP__HOST": "127.0.0.1",
        "NEWSLETTER_SMTP__PORT": str(port),
        "NEWSLETTER_SMTP__SECURITY": "none",
        "NEWSLETTER_SMTP__CONNECTIONS": str(connections),
        "NEWSLETTER_DATABASE__DURABILITY": durability,
    }
    if not folder.exists():
        plant(folder, base_url="https://news.example.org")
        settings, origins = config.load(folder, {})
        with Site(folder, settings, origins) as site:
            KeyRing.create(site.keys_path, site.clock())
            migrate.upgrade(site.any_database)
            fill(site, people)
    settings, origins = config.load(folder, environment)
    return Site(folder, settings, origins)


def fill(site: Site, people: int) -> None:
    """Put readers straight into the tables."""
    now = datetime.now(UTC)
    list_id = site.list_ids[site.config.default_list.slug]
    with site.database.write() as connection:
        for start in range(0, people, 10_000):
            ids = range(start + 1, min(start + 10_000, people) + 1)
            connection.execute(
                insert(subscribers),
                [
                    {
                        "id": i,
                        "uid": 10**12 + i,
                        "email": f"reader{i}@example.net",
                        "email_key": f"reader{i}@example.net",
                        "address_hash": i.to_bytes(32, "big"),
                        "name": f"Reader {i}",
                        "fields": {},
                        "created_at": now,
                    }
                    for i in ids
                ],
            )
            connection.execute(
                insert(subscriptions),
                [
                    {
                        "subscriber_id": i,
                        "list_id": list_id,
                        "status": "confirmed",
                        "source": "import",
                        "created_at": now,
                        "changed_at": now,
                        "confirmed_at": now,
                    }
                    for i in ids
                ],
            )


def write_issue(site: Site, size: int) -> int:
    """An issue whose copies have about `size` bytes; returns how many they really have."""
    folder = site.issues_dir / SLUG
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    paragraph = "The back works in nearly every basic movement, and most of the time we do not notice. "
    count = 1
    while True:
        body = "\n\n".join(paragraph * 4 for _ in range(count))
        (folder / "issue.md").write_text(
            "---\nsubject: \"A letter to {{ subscriber.first_name | default('friend') }}\"\ndate: 2026-11-01\n---\n\n"
            f'Hello {{{{ subscriber.first_name | default("friend") }}}},\n\n{body}\n',
            "utf-8",
        )
        length = len(site.copy(SLUG, site.render(load_issue(site.issues_dir, SLUG))))
        if length >= size or count > 400:
            return length
        count += max(1, (size - length) // 900)


def ours(site: Site, messages: int) -> float:
    """Messages a second by wire seconds: launch a campaign and drain it."""
    with site.database.write() as connection:
        connection.execute(delete(deliveries))
        connection.execute(delete(attempts))
        connection.execute(update(campaigns).values(status="cancelled"))
    checked = site.check(SLUG)
    order = site.order(checked, None)
    with site.database.write() as connection:
        launched = launch.launch(connection, order, errors=[], expect=messages, now=site.clock())
    transport = site.transport()
    site.sender(campaign_id=launched.campaign_id, transport=transport).drain()
    return messages / transport.wire_seconds


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=3000)
    parser.add_argument("--sizes", default="30,5", help="kilobytes")
    parser.add_argument("--connections", default="10,1")
    parser.add_argument("--durability", default="process")
    chosen = parser.parse_args()
    print("| size | connections | smtp-source /s | ours /s | ratio (median) | ratios |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder, sink() as port:
        for size in (int(each) * 1000 for each in chosen.sizes.split(",")):
            for connections in (int(each) for each in chosen.connections.split(",")):
                place = Path(folder) / "site"
                with make_site(
                    place, port, chosen.messages, connections=connections, durability=chosen.durability
                ) as site:
                    length = write_issue(site, size)
                    rounds = []
                    for _ in range(chosen.rounds):
                        theirs = smtp_source(port, chosen.messages, length, connections)
                        rounds.append((theirs, ours(site, chosen.messages)))
                ratios = sorted(mine / theirs for theirs, mine in rounds)
                print(
                    f"| {length / 1000:.1f} KB | {connections} | {statistics.median(t for t, _ in rounds):,.0f} "
                    f"| {statistics.median(m for _, m in rounds):,.0f} | {statistics.median(ratios):.2f} "
                    f"| {', '.join(f'{ratio:.2f}' for ratio in ratios)} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()

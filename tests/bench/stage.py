"""The Site that the benchmarks send from: readers in the tables, and an issue of the size that is asked for.

Issues of 30 KB wear the packaged theme. Its smallest has 9 KB, so those of 5 KB wear a small theme that
the Site brings itself, the way any Site may. Both pass every check that a real issue has to pass.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import delete, insert, select, update

from newsletter import config
from newsletter.campaigns.compose import IssueComposer
from newsletter.checks.findings import errors
from newsletter.deliveries import ledger
from newsletter.deliveries.claims import Delivery
from newsletter.site import Site
from newsletter.starter.plant import plant
from newsletter.store.schema import attempts, campaigns, deliveries, subscribers, subscriptions
from newsletter.tokens import KeyRing
from newsletter.transport.base import Envelope, Outcome, Phase, Settle, Take, Verdict
from newsletter.transport.dkim_keys import create_key

SLUG = "bench"
SMALL = 8_000
"""Bytes below which an issue wears the small theme."""

_LAYOUT_HTML = """\
<!DOCTYPE html>
<html lang="{{ language }}" dir="{{ direction }}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title>{{ subject }}</title>
<style>p { margin: 0 0 16px; color: #2b3542; } a { color: #0b6b63; }</style>
<style data-premailer="ignore">@media (prefers-color-scheme: dark) { body, h1, p { background-color: #12151b !important; color: #e8e4da !important; } a { color: #5cc9bd !important; } }</style>
</head>
<body style="background-color: #ffffff">
<div lang="{{ language }}" dir="{{ direction }}">
<h1>{{ config.name }}</h1>
{{ letter }}
<p><a href="{{ slot("unsubscribe_url") }}">{{ _("Unsubscribe") }}</a> · <a href="{{ view_url }}">{{ _("View in browser") }}</a></p>
<p>{{ config.sender.postal_address }}</p>
</div>
</body>
</html>
"""  # noqa: E501

_LAYOUT_TEXT = """\
{{ config.name }}

{{ letter_text }}

{{ _("Unsubscribe:") }}
{{ slot("unsubscribe_url") }}

{{ _("View in browser:") }}
{{ view_url }}

{{ config.sender.postal_address }}
"""

_ISSUE = """\
---
subject: "A letter to {{{{ subscriber.first_name | default('friend') }}}}"
date: 2026-11-01
---

Hello {{{{ subscriber.first_name | default("friend") }}}},

{body}

Yours for {{{{ subscriber.email }}}}, {{{{ subscriber.name | default("dear reader") }}}}.
"""

_SENTENCE = "The back works in nearly every basic movement, and most of the time we do not notice. "


@dataclass(frozen=True)
class Relay:
    """How the Site sends: to which port of this machine, and what of the configuration matters to a figure."""

    port: int
    connections: int = 10
    durability: str = "process"
    is_signed: bool = False

    def environment(self) -> dict[str, str]:
        """The same as variables."""
        chosen = {
            "NEWSLETTER_SMTP__HOST": "127.0.0.1",
            "NEWSLETTER_SMTP__PORT": str(self.port),
            "NEWSLETTER_SMTP__SECURITY": "none",
            "NEWSLETTER_SMTP__CONNECTIONS": str(self.connections),
            "NEWSLETTER_DATABASE__DURABILITY": self.durability,
        }
        return chosen | ({"NEWSLETTER_DKIM__DOMAIN": "news.example.org"} if self.is_signed else {})


def build(folder: Path, people: int) -> None:
    """Make a Site with so many confirmed readers and a DKIM key."""
    plant(folder, base_url="https://news.example.org")
    with Site(folder, *config.load(folder, {})) as site:
        KeyRing.create(site.keys_path, site.clock())
        create_key(folder / site.config.dkim.key_path)
        site.upgrade()
        _fill(site, people)


@contextmanager
def opened(folder: Path, relay: Relay) -> Iterator[Site]:
    """The Site in `folder`, sending as `relay` says."""
    with Site(folder, *config.load(folder, relay.environment())) as site:
        yield site


def write_issue(folder: Path, size: int) -> int:
    """Make the issue `bench` of about `size` bytes a copy; returns how many a copy really has."""
    theme, place = folder / "templates" / "issue", folder / "issues" / SLUG
    shutil.rmtree(theme, ignore_errors=True)
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    if size < SMALL:
        theme.mkdir()
        (theme / "layout.html").write_text(_LAYOUT_HTML, "utf-8")
        (theme / "layout.txt").write_text(_LAYOUT_TEXT, "utf-8")
    sentences = 1
    while True:
        words = [_SENTENCE] * sentences
        paragraphs = ["".join(words[start : start + 4]).strip() for start in range(0, sentences, 4)]
        (place / "issue.md").write_text(_ISSUE.format(body="\n\n".join(paragraphs)), "utf-8")
        with opened(folder, Relay(25)) as site:
            length = len(site.copy(SLUG, site.render(site.load(SLUG))))
        if length >= size:
            return length
        sentences += max(1, (size - length) // 250)


def launch(site: Site) -> int:
    """Launch the issue to everybody, as `newsletter send` does; returns the campaign."""
    checked = site.check(SLUG)
    return site.launch(site.order(checked, None), errors=errors(checked.findings), expect=None).campaign_id


def launch_again(site: Site) -> int:
    """Launch with an empty ledger, as if it were for the first time."""
    with site.database.write() as connection:
        connection.execute(delete(deliveries))
        connection.execute(delete(attempts))
        connection.execute(update(campaigns).values(status="cancelled"))
    with site.database.read() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    return launch(site)


def send(site: Site) -> float:
    """Messages a second, by wire seconds, of a whole campaign: claimed, composed, armed, sent and recorded."""
    campaign_id = launch_again(site)
    transport = site.transport()
    accepted: list[Outcome] = []
    sender = site.sender(campaign_id=campaign_id, transport=transport, progress=accepted.append)
    sender.drain()
    assert all(outcome.verdict is Verdict.ACCEPTED for outcome in accepted)
    return len(accepted) / transport.wire_seconds


def pages(site: Site) -> int:
    """Bytes that the database uses in its file."""
    with site.database.read() as connection:
        count, free, size = (
            int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())
            for name in ("page_count", "freelist_count", "page_size")
        )
    return (count - free) * size


def sent(site: Site, campaign_id: int) -> int:
    """How many copies of the campaign were sent; nothing else may have become of any."""
    with site.database.read() as connection:
        totals = ledger.totals(connection, campaign_id)
        everybody = connection.execute(select(campaigns.c.audience).where(campaigns.c.id == campaign_id)).scalar_one()
    assert totals.sent == everybody, totals
    return totals.sent


def composer(site: Site, *, is_signed: bool = False) -> IssueComposer:
    """What makes copies, apart from any sender."""
    return IssueComposer(
        site.config, site.letterhead, site.lists_by_id, site.database, site.signer if is_signed else None
    )


def rows(site: Site, campaign_id: int) -> list[Delivery]:
    """Every row of the campaign as a sender gets them from the ledger, which takes them all back."""
    found: list[Delivery] = []

    class Onlooker:
        """A transport that only looks at what it could send."""

        def run(self, take: Take, settle: Settle) -> None:
            taken: list[Envelope] = []
            while (envelope := take()) is not None:
                found.append(envelope.key)
                taken.append(Envelope(envelope.sender, envelope.recipient, b"", envelope.key))
            sender.stop()
            settle([(each, Outcome(Verdict.DEFERRED, Phase.CONNECT, session=True)) for each in taken], ())

    sender = site.sender(campaign_id=campaign_id, transport=Onlooker())
    sender.drain()
    return found


def _fill(site: Site, people: int) -> None:
    """Put readers straight into the tables."""
    now = site.clock()
    list_id = site.list_ids[site.config.default_list.slug]
    for start in range(1, people + 1, 10_000):
        ids = range(start, min(start + 10_000, people + 1))
        readers = [
            {
                "id": number,
                "uid": 10**12 + number,
                "email": f"reader{number}@example.net",
                "email_key": f"reader{number}@example.net",
                "address_hash": number.to_bytes(32, "big"),
                "name": f"Reader {number}",
                "fields": {},
                "created_at": now,
            }
            for number in ids
        ]
        agreed = {
            "list_id": list_id,
            "status": "confirmed",
            "source": "import",
            "created_at": now,
            "changed_at": now,
            "confirmed_at": now,
        }
        with site.database.write() as connection:
            connection.execute(insert(subscribers), readers)
            connection.execute(insert(subscriptions), [{"subscriber_id": number, **agreed} for number in ids])

"""A Site to look at through its web pages: real configuration, keys and database, a clock that stands still."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import altcha
import databases
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from newsletter import config
from newsletter.campaigns import launch
from newsletter.clock import FrozenClock
from newsletter.site import Site
from newsletter.store import migrate
from newsletter.store.schema import CampaignKind, campaigns, deliveries, metadata, subscribers
from newsletter.subscribers import people
from newsletter.tokens import KeyRing
from newsletter.web.app import create_app

START = datetime(2026, 9, 15, 8, 0, tzinfo=UTC)

SETTINGS = """
name = "The Steady Spine"
base_url = "https://news.example.org"
{top}
[sender]
address = "editor@news.example.org"
postal_address = "The Steady Spine, 1 Sample Street, 00000 Sampletown"
[[lists]]
slug = "steady-spine"
title = "The Steady Spine"
headline = "Stand taller. Hurt less."
pitch = "Plain answers about back pain, every four weeks."
button = "Yes, I want a steadier back"
promise = "No spam, and you can leave with one click."
[[lists]]
slug = "clinic-notes"
title = "Clinic Notes"
headline = "From our clinic to yours."
goodbye = true
{more}
"""


class Browser(FlaskClient):
    """Reads every answer to its end, as browsers do: what waits for that happens."""

    def open(self, *arguments: Any, buffered: bool = True, **more: Any) -> TestResponse:
        """One request."""
        return super().open(*arguments, buffered=buffered, **more)


@dataclass
class World:
    """One Site, its application, and what its readers would do."""

    site: Site
    clock: FrozenClock
    app: Flask
    rung: list[int] = field(default_factory=list)
    """One entry for every time the sender was woken."""

    @property
    def client(self) -> FlaskClient:
        """A browser without a past."""
        return Browser(self.app, self.app.response_class, use_cookies=False)

    # -- doing -----------------------------------------------------------------------------------

    def fill_in(self, page: str = "/", *, wait: float = 5, **values: Any) -> TestResponse:
        """Open the form on `page`, wait some seconds, and send it."""
        hidden = hidden_fields(self.client.get(page).text)
        self.clock.advance(timedelta(seconds=wait))
        return self.client.post("/subscribe", data={**hidden, **values})

    def sign_up(self, email: str, page: str = "/", **values: Any) -> str:
        """Ask for the newsletter; returns the path of the confirmation page."""
        assert self.fill_in(page, email=email, **values).status_code == 303
        return self.confirm_path(email)

    def subscribe(self, email: str, page: str = "/", **values: Any) -> None:
        """Ask and confirm."""
        assert self.client.post(self.sign_up(email, page, **values)).status_code == 200

    def confirm_path(self, email: str) -> str:
        """What the newest confirmation mail to `email` links to."""
        return "/confirm/" + self.token("confirm", email)

    def not_me_path(self, email: str) -> str:
        """The other link of that mail."""
        return "/not-me/" + self.token("disown", email)

    def token(self, purpose: str, email: str) -> str:
        """The token of the newest confirmation mail to `email`."""
        with self.site.database.read() as connection:
            uid, seq = connection.execute(
                select(subscribers.c.uid, deliveries.c.seq)
                .join(deliveries, deliveries.c.subscriber_id == subscribers.c.id)
                .join(campaigns, campaigns.c.id == deliveries.c.campaign_id)
                .where(subscribers.c.email == email, campaigns.c.kind == CampaignKind.CONFIRM)
                .order_by(deliveries.c.seq.desc())
            ).first() or (0, 0)
        return self.site.keys.sign(purpose, uid, seq)

    def leave_path(self, email: str, slug: str = "steady-spine") -> str:
        """The unsubscribe link in a mail to `email`."""
        return "/u/" + self.site.keys.sign("unsubscribe", self.person(email).uid, self.site.list_ids[slug])

    def launch(self, slug: str, list_slug: str = "steady-spine") -> None:
        """Freeze an issue as sent, to one reader of its own at least."""
        if self.status("first@example.net", list_slug) is None:
            self.subscribe("first@example.net", f"/lists/{list_slug}")
        issue = self.site.load(slug)
        content = (issue, self.site.editions(issue)[list_slug])
        order = launch.Order(slug, content, self.site.list_ids[list_slug], list_slug, is_trial=False)
        with self.site.database.write() as connection:
            launch.launch(connection, order, errors=(), expect=None, now=self.clock())

    # -- looking ---------------------------------------------------------------------------------

    def person(self, email: str) -> people.Subscriber:
        """Who is on file under that address."""
        with self.site.database.read() as connection:
            found = people.find(connection, email)
        assert found is not None
        return found

    def status(self, email: str, slug: str = "steady-spine") -> str | None:
        """Where `email` stands with a list."""
        with self.site.database.read() as connection:
            person = people.find(connection, email)
            if person is None:
                return None
            rows = people.describe(connection, person)["subscriptions"]
        return next((row["status"] for row in rows if row["list"] == slug), None)

    def rows(self, table: str) -> list[Any]:
        """Every row of a table."""
        with self.site.database.read() as connection:
            return list(connection.execute(select(metadata.tables[table])))

    def mails(self, kind: CampaignKind) -> int:
        """How many mails of a kind were put into the ledger."""
        ids = {row.id for row in self.rows("campaigns") if row.kind == kind}
        return sum(row.campaign_id in ids for row in self.rows("deliveries"))

    def fingerprint(self) -> str:
        """A hash over every row of every table, but those in which the gate counts who knocks."""
        digest = hashlib.sha256()
        with self.site.database.read() as connection:
            for table in (each for each in metadata.sorted_tables if not each.name.startswith("gate_")):
                for row in connection.execute(select(table).order_by(*table.primary_key.columns)):
                    digest.update(repr(tuple(row)).encode())
        return digest.hexdigest()


@contextmanager
def world(folder: Path, *, top: str = "", more: str = "") -> Iterator[World]:
    """A fresh Site in `folder`; `top` and `more` are added to its settings."""
    text = SETTINGS.format(top=top, more=more).replace("\n[sender]", f"{databases.settings()}\n[sender]")
    (folder / "newsletter.toml").write_text(text, "utf-8")
    settings, origins = config.load(folder, {})
    clock = FrozenClock(START)
    KeyRing.create(folder / settings.keys.file, clock())
    with Site(folder, settings, origins, clock) as site:
        migrate.upgrade(site.any_database)
        rung: list[int] = []
        try:
            yield World(site, clock, create_app(site, on_enrolled=lambda: rung.append(1)), rung)
        finally:
            site.any_database.close()


class _Hidden(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, Any] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "input" and given.get("type") == "hidden":
            self.found[given["name"] or ""] = given.get("value") or ""


def hidden_fields(page: str) -> dict[str, Any]:
    """What a plain HTML parser finds in `<input type="hidden">`."""
    parser = _Hidden()
    parser.feed(page)
    return parser.found


def visible(page: str) -> str:
    """A page with its character references resolved."""
    return html.unescape(page)


def solution(page: str) -> str:
    """What the script of the page would bring."""
    text = visible(page.partition('data-challenge="')[2].partition('"')[0])
    challenge = altcha.Challenge.from_dict(json.loads(text))
    solved = altcha.solve_challenge(challenge)
    assert solved is not None
    payload = {"challenge": challenge.to_dict(), "solution": solved.to_dict()}
    return base64.b64encode(json.dumps(payload).encode()).decode()


def mutated(token: str, times: int) -> list[str]:
    """So many tokens that are almost this one."""
    dice = random.Random(20260915)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=.~%"
    found: list[str] = []
    while len(found) < times:
        place = dice.randrange(len(token))
        kind = dice.randrange(4)
        letter = dice.choice(letters)
        candidate = {
            0: token[:place] + letter + token[place + 1 :],
            1: token[:place] + token[place + 1 :],
            2: token[:place] + letter + token[place:],
            3: token[:place] + token[place:].swapcase(),
        }[kind].replace("%", "%25")
        if candidate not in {token, ""}:
            found.append(candidate)
    return found

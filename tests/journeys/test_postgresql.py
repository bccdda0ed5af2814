"""The whole way on PostgreSQL: sign up, confirm, send, look up, export; by the pages and the command line alone."""

from __future__ import annotations

import urllib.request
from pathlib import Path

import postgres
import served

READER = "ada@example.net"
ISSUE = "001-why-your-back-hurts"


def test_reader_signs_up_confirms_and_gets_an_issue(postgresql: tuple[postgres.Server, str], tmp_path: Path) -> None:
    server, _ = postgresql
    name = server.create()
    try:
        with served.served(tmp_path / "site", NEWSLETTER_DATABASE__URL=server.url_of(name)) as site:
            for number in range(3):
                site.command("subscriber", "add", f"r{number}@example.net", "--confirmed", "--basis", "they asked")
            site.command("subscriber", "add", READER, "--send-confirmation")
            link = served.link(site.mail(READER, "onfirm"), "/confirm/")
            with urllib.request.urlopen(urllib.request.Request(link, data=b"", method="POST")) as answer:
                assert answer.status == 200
            assert site.command("subscriber", "show", READER)["subscriptions"][0]["status"] == "confirmed"
            sent = site.command("send", ISSUE, "--yes", "--expect", "4")
            assert (sent["audience"], sent["sent"], sent["failed"], sent["ambiguous"]) == (4, 4, 0, 0)
            assert site.mail(READER, "back")
            (campaign,) = [each for each in site.command("campaign", "list") if each["kind"] == "issue"]
            assert campaign["status"] == "finished"
            assert site.command("db", "check")["ok"]
        assert not list((tmp_path / "site" / "var").glob("newsletter.db-wal"))
    finally:
        server.drop(name)

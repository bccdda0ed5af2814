"""What goes beyond looking: links asked politely, SpamAssassin's report read, the public data set understood."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path

import pytest
from unit.checks.bench import check, config, issue, letter, only, said, within

from newsletter.checks import caniemail, clients, reach, spamassassin
from newsletter.checks.clients import Feature
from newsletter.checks.extras import Answer, Extras, Hit
from newsletter.content.fetch import Fetched, FetchError
from newsletter.errors import NewsletterError


class Web:
    """Servers that remember who asked them what."""

    def __init__(self, answers: dict[str, int], **ends: str) -> None:
        self.answers = answers
        self.ends = ends
        self.asked: list[tuple[str, str]] = []
        self.at_once: dict[str, int] = {}
        self.lock = threading.Lock()

    def fetch(self, url: str, *, method: str, **limits: object) -> Fetched:
        host = url.split("/")[2]
        with self.lock:
            self.asked.append((method, url))
            self.at_once[host] = self.at_once.get(host, 0) + 1
            assert self.at_once[host] == 1, "two requests to one host at once"
        try:
            status = self.answers.get(f"{method} {url}", self.answers.get(url, 200))
            if not status:
                raise FetchError(f"{host} could not be reached (refused).")
            return Fetched(self.ends.get("to", url), status, "text/html", "utf-8", b"")
        finally:
            with self.lock:
                self.at_once[host] -= 1


LETTER = letter(
    "Hello, [a page](https://a.steadyspine.net/1), [the same page](https://a.steadyspine.net/1#part), "
    "[another](https://a.steadyspine.net/2) and [a third](https://b.steadyspine.net/).\n"
)


def test_links_are_asked_once_each_and_only_with_leave() -> None:
    web = Web({})
    assert check(issue(letter=LETTER)) == []
    assert web.asked == []
    found = check(issue(letter=LETTER), extras=Extras(ask=lambda urls: reach.ask(urls, fetch=web.fetch)))
    assert found == []
    assert sorted(web.asked) == [
        ("HEAD", "https://a.steadyspine.net/1"),
        ("HEAD", "https://a.steadyspine.net/2"),
        ("HEAD", "https://b.steadyspine.net/"),
        ("HEAD", "https://steadyspine.org/sitting"),
    ]


@pytest.mark.parametrize(
    ("status", "expected"),
    [(404, "error"), (410, "error"), (500, "warning"), (0, "warning"), (403, ""), (429, ""), (204, "")],
)
def test_a_link_that_is_gone_is_an_error_and_one_that_does_not_answer_a_warning(status: int, expected: str) -> None:
    web = Web({"https://b.steadyspine.net/": status})
    found = check(issue(letter=LETTER), extras=Extras(ask=lambda urls: reach.ask(urls, fetch=web.fetch)))
    assert said(found) == ([f"{expected} link.broken"] if expected else [])
    assert all(each.line == 9 for each in found)


def test_servers_that_refuse_head_are_asked_again() -> None:
    web = Web({"HEAD https://b.steadyspine.net/": 405})
    assert reach.ask(["https://b.steadyspine.net/"], fetch=web.fetch) == {"https://b.steadyspine.net/": Answer(200)}
    assert [method for method, _ in web.asked] == ["HEAD", "GET"]


def test_a_link_that_leads_to_another_site_is_told() -> None:
    web = Web({}, to="https://parked.steadyspine.com/")
    found = check(extras=Extras(ask=lambda urls: reach.ask(urls, fetch=web.fetch)))
    assert "leads on to https://parked.steadyspine.com/" in only(found, "link.broken").message


def test_asking_stops_when_time_is_up() -> None:
    web = Web({})
    assert reach.ask(["https://b.steadyspine.net/"], fetch=web.fetch, seconds=0) == {}
    assert web.asked == []


def test_private_servers_are_never_asked() -> None:
    (answer,) = reach.ask(["http://127.0.0.1:9/"]).values()
    assert (answer.status, "not on the public internet" in answer.reason) == (0, True)


REPORT = """\
Content preview:  Hello

Content analysis details:   (2.3 points, 5.0 required)

 pts rule name              description
---- ---------------------- --------------------------------------------------
 2.2 MPART_ALT_DIFF         BODY: HTML and text parts are different
-0.0 NO_RELAYS              Informational: message was not relayed via SMTP
 0.1 MIME_HTML_MOSTLY       BODY: Multipart message mostly text/html
                            MIME

"""


def test_the_report_of_spamassassin_is_read() -> None:
    assert spamassassin.report(REPORT) == (
        Hit(2.2, "MPART_ALT_DIFF", "BODY: HTML and text parts are different"),
        Hit(-0.0, "NO_RELAYS", "Informational: message was not relayed via SMTP"),
        Hit(0.1, "MIME_HTML_MOSTLY", "BODY: Multipart message mostly text/html MIME"),
    )
    assert spamassassin.report("nothing of it") == ()


@pytest.mark.parametrize(("points", "expected"), [(2.9, []), (3.0, ["warning spam.score"]), (5, ["error spam.score"])])
def test_points_count_from_three_and_forbid_from_five(points: float, expected: list[str]) -> None:
    hits = [Hit(points, "A", "x"), Hit(9, "NO_RECEIVED", "a copy that was never sent")]
    assert said(check(extras=Extras(score=lambda message: hits))) == expected


def test_without_spamassassin_the_remedy_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(NewsletterError, match="not installed"):
        spamassassin.require()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("spamassassin") is None, reason="SpamAssassin is not installed")
def test_spamassassin_finds_nothing_in_a_clean_issue() -> None:
    assert check(extras=Extras(score=spamassassin.score)) == []


DATA = {
    "data": [
        {
            "slug": "css-gap",
            "title": "gap, column-gap, row-gap",
            "category": "css",
            "stats": {
                "gmail": {"ios": {"2019": "n", "2021": "y"}},
                "outlook": {"windows": {"2016": "n"}, "outlook-com": {"2020": "y"}},
                "yahoo": {"ios": {"2020": "u"}},
                "apple-mail": {"ios": {"12": "a #1"}},
            },
        },
        {"slug": "m", "title": "margin", "category": "css", "stats": {"outlook": {"windows": {"2016": "n"}}}},
        {"slug": "d", "title": "display:grid", "category": "css", "stats": {"outlook": {"windows": {"2016": "n"}}}},
        {
            "slug": "s",
            "title": "srcset and sizes attributes",
            "category": "html",
            "stats": {"gmail": {"ios": {"1": "n"}}},
        },
        {"slug": "h", "title": ":hover", "category": "css", "stats": {"gmail": {"ios": {"1": "n"}}}},
    ]
}


def test_the_public_data_set_is_read_by_its_newest_plain_no(tmp_path: Path) -> None:
    file = tmp_path / "data.json"
    file.write_text(json.dumps(DATA))
    facts = {fact.feature: fact for fact in caniemail.read(file)}
    assert {str(feature): set(fact.lacking) for feature, fact in facts.items()} == {
        "gap": {"outlook"},
        "column-gap": {"outlook"},
        "row-gap": {"outlook"},
        "display: grid": {"outlook"},
        "the attribute srcset": {"gmail"},
        "the attribute sizes": {"gmail"},
    }
    assert facts[Feature("property", "gap")].source == "https://www.caniemail.com/features/css-gap/"


def test_another_file_is_refused_with_where_to_get_the_right_one(tmp_path: Path) -> None:
    file = tmp_path / "data.json"
    file.write_text("[]")
    with pytest.raises(NewsletterError, match="not the data set") as refused:
        caniemail.read(file)
    assert "caniemail" in refused.value.hint


def test_only_the_chosen_mail_programs_count() -> None:
    def spoil(html: str) -> str:
        return within(html, '<p style="position: relative; color: #000000">x</p>')

    chosen = {"checks": {"ignore": ["content.words", "a11y.contrast", "dark.pairs"], "clients": ["gmail"]}}
    found = [each for each in check(settings=config(**chosen), html=spoil) if each.rule == "css.compat"]
    assert "which Gmail does not know" in only(found, "css.compat").message
    chosen["checks"]["clients"] = ["apple-mail"]
    assert "warning css.compat" not in said(check(settings=config(**chosen), html=spoil))


def test_features_of_the_body_are_found_and_those_of_the_head_are_not() -> None:
    import lxml.html

    tree = lxml.html.fromstring(
        '<div style="width: calc(100% - 2rem); display:flex"><picture><img src="a.AVIF?x" srcset="b"></picture></div>'
    )
    names = {str(feature) for feature in clients.used(tree.iter())}
    assert {"calc()", "the unit rem", "display: flex", "<picture>", "the attribute srcset", "a .avif picture"} <= names

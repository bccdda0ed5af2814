"""The sandbox in the browser: foreign mail is shown, nothing in it runs, nobody else may look."""

from __future__ import annotations

from email.message import EmailMessage
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from newsletter.transport.inbox import stamp
from newsletter.transport.maildrop import Maildrop
from newsletter.web.inbox import create_inbox

PICTURE = "a" * 64 + ".png"


def put(
    folder: Path, subject: str, html: str | None = None, text: str = "Hello https://news.example.org/u/abc\n"
) -> str:
    message = EmailMessage()
    message["From"] = "The Steady Spine <editor@news.example.org>"
    message["To"] = "ada@example.net"
    message["Subject"] = subject
    message.set_content(text)
    if html is not None:
        message.add_alternative(html, subtype="html")
    return Maildrop(folder).add(stamp("b-x@bounces.example.org", ["ada@example.net"], message.as_bytes())).stem


@pytest.fixture
def client(tmp_path: Path) -> FlaskClient:
    def media(name: str) -> tuple[str, bytes] | None:
        return ("image/png", b"\x89PNG") if name == PICTURE else None

    return create_inbox(tmp_path, media).test_client(use_cookies=False)


def test_empty_inbox_says_how_to_fill_it(client: FlaskClient) -> None:
    assert "No mail yet" in client.get("/").text


def test_newest_mail_stands_first(client: FlaskClient, tmp_path: Path) -> None:
    put(tmp_path, "First")
    put(tmp_path, "Second <b>")
    page = client.get("/").text
    assert page.index("Second &lt;b&gt;") < page.index("First")
    assert "ada@example.net" in page


def test_mail_is_shown_in_a_frame_that_runs_nothing(client: FlaskClient, tmp_path: Path) -> None:
    number = put(tmp_path, "Hi", "<html><head><title>x</title></head><body><script>alert(1)</script></body></html>")
    page = client.get(f"/mail/{number}")
    assert f'src="/mail/{number}/html"' in page.text
    assert "allow-scripts" not in page.text
    assert "allow-same-origin" not in page.text
    assert '<a href="https://news.example.org/u/abc"' in page.text
    frame = client.get(f"/mail/{number}/html")
    assert frame.headers["Content-Security-Policy"].startswith(
        "default-src 'none'; style-src 'unsafe-inline'; img-src * data:"
    )
    assert "sandbox" in frame.headers["Content-Security-Policy"]
    assert '<head><base target="_blank">' in frame.text


def test_pictures_of_the_site_are_shown_from_here(client: FlaskClient, tmp_path: Path) -> None:
    number = put(
        tmp_path, "Hi", f'<img src="https://news.example.org/media/{PICTURE}"><img src="https://x.example/a.png">'
    )
    frame = client.get(f"/mail/{number}/html").text
    assert f'src="/media/{PICTURE}"' in frame
    assert 'src="https://x.example/a.png"' in frame
    assert client.get(f"/media/{PICTURE}").data == b"\x89PNG"
    assert client.get("/media/other.png").status_code == 404


def test_without_media_links_stay(tmp_path: Path) -> None:
    number = put(tmp_path, "Hi", f'<img src="https://news.example.org/media/{PICTURE}">')
    frame = create_inbox(tmp_path).test_client().get(f"/mail/{number}/html").text
    assert "https://news.example.org/media/" in frame


def test_source_is_plain_text(client: FlaskClient, tmp_path: Path) -> None:
    number = put(tmp_path, "Hi", "<p>Hi</p>")
    answer = client.get(f"/mail/{number}/source")
    assert answer.content_type == "text/plain; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Subject: Hi" in answer.text


@pytest.mark.parametrize("path", ["/mail/000099", "/mail/..", "/mail/000001/html", "/mail/x/source", "/nothing"])
def test_missing_mail_is_a_page(client: FlaskClient, tmp_path: Path, path: str) -> None:
    put(tmp_path, "text only")
    answer = client.get(path)
    assert answer.status_code == 404
    assert "There is no such mail" in answer.text


@pytest.mark.parametrize("host", ["localhost", "localhost:8025", "127.0.0.1:8025", "[::1]:8025", "LOCALHOST."])
def test_loopback_names_may_look(client: FlaskClient, host: str) -> None:
    assert client.get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "192.168.0.7", "localhost.evil.example:80", "["]
)
def test_every_other_name_is_refused(client: FlaskClient, tmp_path: Path, host: str) -> None:
    put(tmp_path, "Secret")
    for path in ("/", "/mail/000001", "/mail/000001/html", "/mail/000001/source", f"/media/{PICTURE}"):
        answer = client.get(path, headers={"Host": host})
        assert answer.status_code in {400, 403}
        assert "Secret" not in answer.text


def test_inbox_is_read_only(client: FlaskClient, tmp_path: Path) -> None:
    number = put(tmp_path, "Hi")
    for method in ("POST", "PUT", "DELETE"):
        assert client.open(f"/mail/{number}", method=method).status_code == 405

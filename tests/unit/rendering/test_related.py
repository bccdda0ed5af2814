"""Pictures inside the mail: every parser finds the text, the HTML and each picture, and DKIM still holds."""

from __future__ import annotations

import hashlib
import io
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import PIL.Image
import pytest
import signatures
from jinja2 import Environment
from unit.content.photographs import encoded, on_file, scene
from unit.rendering.samples import article, config, issue

from newsletter.content.fitting import Fitter
from newsletter.errors import RenderError
from newsletter.rendering import headers
from newsletter.rendering.compiled import compile_message
from newsletter.rendering.issue import render_issue
from newsletter.rendering.related import embedded_address, embeds
from newsletter.rendering.slots import Rendered, Slot

NAME = Slot("NLSLOTab120000X", "subscriber.first_name", "friend")
ONE, TWO = encoded(scene((60, 40)), "JPEG"), encoded(scene((30, 20), seed=2), "PNG")
NAMES = [f"{hashlib.sha256(ONE).hexdigest()}.jpg", f"{hashlib.sha256(TWO).hexdigest()}.png"]
MEDIA = {NAMES[0]: ("image/jpeg", ONE), NAMES[1]: ("image/png", TWO)}
FROM = headers.mailbox("From", "The Steady Spine", "hello@example.org")
DATE = headers.structured("Date", "Tue, 15 Sep 2026 08:00:00 +0000")


def address(number: int) -> str:
    return embedded_address(NAMES[number], "example.org")


def mail(html: str) -> Rendered:
    return Rendered("Hello", "", html, f"Dear {NAME.token}\n", (NAME,))


def test_message_is_an_alternative_of_text_and_html_with_its_pictures() -> None:
    html = f'<p>{NAME.token}</p><img src="{address(0)}"><img src="{address(1)}"><img src="{address(0)}">'
    data = compile_message(mail(html), [FROM], MEDIA).fill({NAME.name: "Ana"})
    parsed = message_from_bytes(data, policy=default)
    assert not [part.defects for part in parsed.walk() if part.defects]
    assert [part.get_content_type() for part in parsed.walk()] == [
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/jpeg",
        "image/png",
    ]
    related = parsed.get_payload()[1]
    assert related.get_param("type") == "text/html"
    assert related.get_boundary() != parsed.get_boundary()
    assert not related.get_boundary().startswith(parsed.get_boundary())
    body = parsed.get_body(("html",))
    assert body is not None
    assert body.get_content() == html.replace(NAME.token, "Ana")
    pictures = {part["Content-ID"]: part for part in parsed.walk() if part.get_content_maintype() == "image"}
    for number, picture in enumerate((ONE, TWO)):
        part = pictures[f"<{address(number).removeprefix('cid:')}>"]
        assert part.get_content() == picture
        assert part.get_content_disposition() == "inline"
        PIL.Image.open(io.BytesIO(part.get_content())).load()


def test_lines_fit_and_none_begins_with_a_dot() -> None:
    data = compile_message(mail(f'<img src="{address(0)}">'), [FROM], MEDIA).fill({})
    lines = data.split(b"\r\n")
    assert max(map(len, lines)) <= 120
    assert not any(line.startswith(b".") or b"\n" in line or b"\r" in line for line in lines)
    data.decode("ascii")


def test_mail_without_such_pictures_is_as_before() -> None:
    html = '<p>cid:nothing</p><img src="https://news.example.org/media/x.jpg">'
    assert not embeds(html)
    assert compile_message(mail(html), [FROM], MEDIA).fill({}) == compile_message(mail(html), [FROM]).fill({})


def test_signature_covers_the_pictures(tmp_path: Path) -> None:
    compiled = compile_message(mail(f'<p>{NAME.token}</p>  <img src="{address(0)}"> {NAME.token}'), [FROM, DATE], MEDIA)
    signed = compiled.fill({NAME.name: "Ana  Maria"}, signer=signatures.signer())
    at = signed.index(b"base64")
    spoiled = signed[: at + 200] + (b"A" if signed[at + 200 : at + 201] != b"A" else b"B") + signed[at + 201 :]
    assert [signatures.dkimpy_accepts(each) for each in (signed, spoiled)] == [True, False]
    assert signatures.opendkim_verdicts(tmp_path, [signed, spoiled]) == [True, False]


def test_picture_that_is_not_at_hand_stops_the_copy() -> None:
    with pytest.raises(RenderError, match="not there"):
        compile_message(mail(f'<img src="{address(0)}">'), [FROM])


def test_equal_content_makes_equal_bytes() -> None:
    html = f'<img src="{address(1)}"><img src="{address(0)}">'
    one = compile_message(mail(html), [FROM], MEDIA).fill({})
    assert compile_message(mail(html), [FROM], dict(reversed(MEDIA.items()))).fill({}) == one


def test_issue_carries_the_files_it_refers_to(env: Environment, tmp_path: Path) -> None:
    photograph = on_file(tmp_path / "p.jpg", encoded(scene((1800, 1200)), "JPEG", quality=92))
    source = issue(article("sitting", image=photograph), article("standing", image=photograph))
    rendered = render_issue(
        env,
        source,
        config(),
        view_url="https://news.example.org/archive/spring/",
        media_url=lambda image: embedded_address(image.media_name, "example.org"),
        page_media_url=lambda image: f"/media/{image.media_name}",
        fit=lambda image, width: Fitter().fit(photograph, width),
    )
    assert rendered.media == tuple(sorted(each.media_name for each in rendered.pictures))
    assert set(rendered.media) == rendered.files.keys()
    for name in rendered.media:
        assert f"/media/{name}" in rendered.page or f"cid:{name}@example.org" in rendered.html
    assert photograph.media_name not in rendered.html + rendered.page
    widths = {each.width for each in rendered.pictures}
    assert max(widths) == 1200
    values = {slot.name: "x" for slot in rendered.slots}
    parsed = message_from_bytes(compile_message(rendered, [FROM], rendered.files).fill(values), policy=default)
    html = parsed.get_body(("html",))
    assert html is not None
    for part in parsed.walk():
        if part.get_content_maintype() == "image":
            assert f'src="cid:{part["Content-ID"].strip("<>")}"' in html.get_content()

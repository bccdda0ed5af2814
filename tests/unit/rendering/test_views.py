"""Views of a message: each changes exactly what its readers' programs change."""

from __future__ import annotations

import pytest

from newsletter.errors import NotFoundError
from newsletter.rendering.views import MAIL_VIEWS, VIEWS, seen, view, with_pictures

NAME = "ab" * 32 + ".jpg"
MAIL = f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Hi</title>
<style>:root{{color-scheme:light dark}}
@media ( Prefers-Color-Scheme : DARK ) and (min-width:1px){{.card{{color:#ffffff!important}}}}
@media (prefers-color-scheme:light){{.x{{color:#000000}}}}
@media (max-width:599px){{.col{{width:100%!important}}}}
</style></head>
<body class="card" style="background-color:#ffffff;color:#17212d">
<img src="https://news.example.org/media/{NAME}" width="536" height="300" alt="A path" srcset="x.jpg 2x">
<table bgcolor="#f3f0e9" background="https://news.example.org/bg.png"><tr>
<td style="background-image:url(x.png)">a</td></tr></table>
</body></html>"""


def test_every_view_has_a_letter_and_a_name_of_its_own() -> None:
    assert len({each.key for each in VIEWS}) == len(VIEWS)
    assert len({each.letter for each in VIEWS}) == len(VIEWS)
    assert all(each.says.endswith(".") for each in VIEWS)
    # u and c are source and checks, m, r, v and digits do other things in the studio
    assert not {each.letter for each in VIEWS} & set("ucmrv")


def test_imitations_say_that_they_are_approximations() -> None:
    assert {each.key for each in VIEWS if each.is_approximate} == {"forced", "gmail", "outlook", "outlookweb", "yahoo"}


@pytest.mark.parametrize("key", [each.key for each in MAIL_VIEWS])
def test_every_mail_view_is_a_whole_document_with_the_same_words(key: str) -> None:
    shown = seen(MAIL, key)
    assert shown.startswith("<!DOCTYPE html>")
    assert "A path" in shown
    assert "<script" not in shown
    assert shown.count("</html>") == 1


def test_day_switches_the_dark_rules_off_and_night_on() -> None:
    day, night = seen(MAIL, "phone"), seen(MAIL, "dark")
    assert "@media (max-width:0) and (min-width:1px){.card" in day
    assert "@media (min-width:0) and (min-width:1px){.card" in night
    assert "@media (max-width:0){.x" in night
    assert ":root{color-scheme:light!important}</style></head>" in day
    assert ":root{color-scheme:dark!important}</style></head>" in night
    assert "@media (max-width:599px)" in day


def test_words_about_colour_schemes_in_the_text_are_left_alone() -> None:
    html = MAIL.replace(">a<", ">(prefers-color-scheme:dark)<")
    assert ">(prefers-color-scheme:dark)<" in seen(html, "dark")


def test_pictures_off_leaves_no_address_of_a_picture_but_its_alt_text() -> None:
    shown = seen(MAIL, "pictureless")
    assert "https://" not in shown
    assert "url(" not in shown
    assert 'src="data:,"' in shown
    assert 'width="536" height="300" alt="A path"' in shown


def test_without_styles_only_attributes_are_left() -> None:
    shown = seen(MAIL, "styleless")
    assert "@media" not in shown
    assert 'style="background-color:#ffffff;color:#17212d"' in shown


def test_forced_dark_removes_head_styles_and_exchanges_light_and_dark() -> None:
    shown = seen(MAIL, "forced")
    assert "@media" not in shown
    assert "#ffffff" not in shown
    assert "#17212d" not in shown
    assert "color-scheme:dark" in shown
    assert f"/media/{NAME}" in shown


def test_pictures_are_taken_from_where_they_are_said_to_be() -> None:
    html = f'<img src="https://a.example/media/{NAME}"><img src="cid:{NAME}@news.example.org"><td background="https://b.example/x.png">'
    moved = with_pictures(html, lambda name: f"/here/{name}")
    assert moved == f'<img src="/here/{NAME}"><img src="/here/{NAME}"><td background="https://b.example/x.png">'


def test_unknown_views_name_the_known_ones() -> None:
    with pytest.raises(NotFoundError, match="There is no view 'sepia'"):
        view("sepia")
    with pytest.raises(NotFoundError, match="of the HTML part"):
        seen(MAIL, "text")

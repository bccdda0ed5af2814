"""Rules about style sheets, dark mode, Outlook's comments and accessibility: silent on our themes, exact on faults."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.checks.bench import ENVIRONMENT, check, compose, config, issue, letter, local, rendered, said, within

from newsletter.checks import check_issue
from newsletter.checks.looks import Looks, as_hex, in_force
from newsletter.checks.markup import mismatches
from newsletter.checks.sheets import Sheet, attribute
from newsletter.checks.theme import File, Theme


def head(css: str) -> list[str]:
    """Findings when the theme's head.css ends with this."""

    def spoil(html: str) -> str:
        at = html.rindex("</style>", 0, html.index("</head>"))
        return html[:at] + css + html[at:]

    return said(check(html=spoil))


def body(fragment: str) -> list[str]:
    return said(check(html=lambda html: within(html, fragment)))


# -- style sheets ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("css", "expected"),
    [
        ("\n.x{margin:0}", []),
        ("\n@media print{.x{margin:0}}", []),
        ("\n@media print{@supports (display:grid){.x{margin:0}}}", ["error css.nested-at"]),
        ("\n.x{margin}", ["error css.parse"]),
        ("\n.x{&:hover{margin:0}}", ["error css.parse"]),
        ("\n.x{margin:0}}", ["error css.parse"]),
        ("\n@im\\port url(https://steadyspine.org/a.css);", ["error css.import"]),
        ("\n/*" + "x" * 13_000 + "*/", ["warning css.gmail-16k"]),
        ("\n/*" + "x" * 17_000 + "*/", ["error css.gmail-16k"]),
        ("\n@media (prefers-color-scheme:dark){.tx{color:#1b222b!important}}", ["error a11y.contrast"]),
        ("\n.tx{color:#dddddd!important}", ["error a11y.contrast"]),
    ],
)
def test_one_line_in_the_head_is_judged_for_what_it_does(css: str, expected: list[str]) -> None:
    assert sorted({each for each in head(css) if "dark.pairs" not in each}) == expected


@pytest.mark.parametrize(
    ("fragment", "expected"),
    [
        ("<style>.x{margin:0}</style>", ["warning css.style-in-body"]),
        ('<p style="margin: 0 0 -4px">x</p>', ["warning css.negative-margin"]),
        ('<p style="padding-left: 4px">x - y</p>', []),
        ('<div style="display: grid">x</div>', ["warning css.compat"]),
        ('<base href="https://steadyspine.org/">', ["error css.import"]),
        ("<p>x</b></p>", ["warning html.nesting"]),
        ("<ul><li>x<li>y</ul><p>a<p>b", []),
    ],
)
def test_one_line_in_the_body_is_judged_for_what_it_does(fragment: str, expected: list[str]) -> None:
    assert body(fragment) == expected


# -- Outlook -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fragment", "expected"),
    [
        ("<!--[if mso]><table><tr><td><![endif]-->x<!--[if mso]></td></tr></table><![endif]-->", []),
        ("<!--[if !mso]><!--><b>x</b><!--<![endif]-->", []),
        ("<!--[if mso]><table><![endif]-->", ["error html.mso-comments"]),
        ("<!--[if mso]>x-->", ["error html.mso-comments"]),
        ('<!--[if mso]><a href="https://elsewhere.org/">x</a><![endif]-->', ["error html.mso-comments"]),
        ('<!--[if mso]><v:rect alt="x"></v:rect><![endif]-->', []),
        ("<!--[if mso]><v:rect></v:rect><![endif]-->", ["warning a11y.vml"]),
        ('<!--[if mso]><v:oval alt="x"><h2>y</h2></v:oval><![endif]-->', ["warning a11y.vml"]),
    ],
)
def test_what_only_outlook_reads_is_read_here_too(fragment: str, expected: list[str]) -> None:
    assert body(fragment) == expected


# -- readers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fragment", "expected"),
    [
        ('<a href="https://steadyspine.org/x">Read more »</a>', ["warning a11y.link-text"]),
        ('<a href="https://steadyspine.org/x">Read more about sleep</a>', []),
        ('<a href="https://steadyspine.org/x" aria-label="More about sleep">More</a>', []),
        ('<a href="https://steadyspine.org/x" aria-label="About sleep">More</a>', ["warning a11y.label-mismatch"]),
        ("<h4>Too deep</h4>", ["warning a11y.heading-order"]),
        ("<h1>Another</h1>", ["warning a11y.heading-order"]),
        ('<p style="font-size: 10px">tiny</p>', ["error type.min-size"]),
        ("<p>a<sup style='font-size: 10px'>1</sup></p>", []),
        (f"<p style='font-size: 13px'>{'word ' * 20}</p>", ["warning type.min-size"]),
        (f"<p style='text-align: justify'>{'word ' * 20}</p>", ["info type.line-length"]),
        ('<p style="color: #eeeeee; background-color: #ffffff">pale</p>', ["error a11y.contrast"]),
        ('<p style="color: #777777; background-color: #ffffff">grey</p>', ["warning a11y.contrast"]),
        ('<p style="color: #777777; background-color: #ffffff; font-size: 24px">large</p>', []),
        ('<p hidden style="color: #ffffff; background-color: #ffffff">unseen</p>', []),
        ("<a href='https://steadyspine.org/x'>bank.org</a>", ["error link.text-mismatch"]),
        ("<a href='https://steadyspine.org/x'>www.steadyspine.org/x</a>", []),
        ("<a href='https://shop.steadyspine.org/x'>steadyspine.org</a>", []),
        ("<a href='https://steadyspine.org/x'>Node.js</a>", []),
        ("<a href='https://a.org?utm_source=x'>a</a> <a href='https://a.org?utm_source=y'>b</a>", ["warning link.utm"]),
        ("<a href='https://a.org/?utm_source=x&amp;utm_medium=m'>one</a>", []),
        ("<a href='https://a.org/1'>same</a> <a href='https://a.org/2'>same</a>", ["info link.count"]),
    ],
)  # fmt: skip
def test_what_readers_need_is_asked_for(fragment: str, expected: list[str]) -> None:
    assert [each for each in body(fragment) if "dark.pairs" not in each] == expected


def test_empty_link_texts_are_known_in_other_languages() -> None:
    source = issue(letter=letter("Guten Tag, mehr [hier](https://steadyspine.org/x).\n"))
    assert "warning a11y.link-text" in said(check(source, config(language="de")))


def test_a_missing_direction_is_an_error_where_text_runs_to_the_left() -> None:
    def spoil(html: str) -> str:
        return re.sub(r' dir="(?:ltr|rtl)"', "", html)

    assert said(check(html=spoil)) == ["warning a11y.dir"]
    assert "error a11y.dir" in said(check(settings=config(language="he"), html=spoil))


def test_dark_mode_that_changes_the_ground_alone_is_noticed() -> None:
    css = "@media (prefers-color-scheme:dark){.half{background-color:#111111!important}}"

    def spoil(html: str) -> str:
        return within(
            html.replace("</head>", f"<style>{css}</style></head>"), '<div class="half"><i class="x">y</i></div>'
        )

    assert said(check(html=spoil)) == []  # the text around it changes its colour in dark mode, and so does this

    def fixed(html: str) -> str:
        return spoil(html).replace('class="x"', 'style="color: #8a8a8a; background-color: #fefefe"')

    assert "warning dark.pairs" not in said(check(html=fixed))
    assert "warning dark.pairs" in said(
        check(html=lambda html: spoil(html).replace('class="x"', 'style="color:#767676"'))
    )


def test_a_theme_without_dark_mode_is_told_so() -> None:
    found = check(html=lambda html: html.replace("prefers-color-scheme:dark", "print"))
    assert "dark.pairs" in "".join(said(found))


def test_dates_and_their_weekdays_agree_in_four_languages() -> None:
    for language, right, wrong in (
        ("en", "Tuesday, 15 September 2026", "Monday, September 15th, 2026"),
        ("de", "Dienstag, den 15. September", "Montag, 15. September 2026"),
        ("fr", "mardi 15 septembre", "lundi le 15 septembre"),
        ("es", "martes, 15 de septiembre de 2026", "lunes 15 de septiembre"),
    ):
        ours = local(language=language, checks={"ignore": ["content.words"]})
        assert "content.weekday" not in "".join(said(check(issue(letter=letter(f"{right}.")), ours))), language
        assert "warning content.weekday" in said(check(issue(letter=letter(f"{wrong}.")), ours)), language


# -- what they stand on -------------------------------------------------------------------------------


def test_a_style_attribute_is_split_at_semicolons_that_end_something() -> None:
    found = attribute("color:#fff ; background:url(a;b) ; font-family:'a;b',c!important;; x")
    assert [(each.name, each.value, each.important) for each in found] == [
        ("color", "#fff", False),
        ("background", "url(a;b)", False),
        ("font-family", "'a;b',c", True),
    ]


@pytest.mark.parametrize(
    ("condition", "light", "dark"),
    [
        ("@media (prefers-color-scheme:dark)", False, True),
        ("@media (prefers-color-scheme: light)", True, False),
        ("@media (max-width:599px)", False, False),
        ("@media screen", True, True),
        ("@media print", False, False),
        ("@supports (display:grid)", False, False),
    ],
)
def test_only_conditions_that_hold_count(condition: str, light: bool, dark: bool) -> None:
    assert (in_force([condition], dark=False), in_force([condition], dark=True)) == (light, dark)


def test_the_cascade_gives_what_a_browser_would_show() -> None:
    import lxml.html

    css = (
        ".a{color:#111111} p.a{color:#222222} .b{color:#333333!important}"
        "@media (prefers-color-scheme:dark){.ground{background-color:#000000!important}.b{color:#eeeeee!important}}"
    )
    tree = lxml.html.document_fromstring(
        '<body><div class="ground" style="background-color:#fefefe"><p class="a">one</p><p class="a" '
        'style="color:#444444">two</p><p class="b" style="color:#555555">three</p><p style="color:rgba(0,0,0,0.5);'
        'font-size:150%"><b>four</b></p></div></body>'
    )
    looks = Looks([each for each in tree.iter() if isinstance(each.tag, str)], [Sheet(css)])
    light = {run.text: (as_hex(run.light.colour), as_hex(run.light.ground)) for run in looks.runs}
    dark = {run.text: (as_hex(run.dark.colour), as_hex(run.dark.ground)) for run in looks.runs}
    assert light == {
        "one": ("#222222", "#fefefe"),
        "two": ("#444444", "#fefefe"),
        "three": ("#333333", "#fefefe"),
        "four": ("#7f7f7f", "#fefefe"),
    }
    assert dark["three"] == ("#eeeeee", "#000000")
    assert (looks.runs[-1].light.size, looks.runs[-1].light.bold) == (24.0, True)


def test_a_line_of_a_template_is_known_by_what_it_printed() -> None:
    source = "{# head #}\n{% set x = 1 %}\n.a{color:{{ accent }};margin:{{ m }}px}\n.b{margin:0}\n"
    theme = Theme((File("issue/head.css", Path("head.css"), source),))
    assert theme.find_line(".a{color:#0b6b63;margin:4px}").line == 3
    assert theme.find_line(".b{margin:0}").line == 4
    assert theme.find_line(".c{margin:0}").path is None
    assert theme.files[0].plain.split("\n")[2].replace(" ", "") == ".a{color:inherit;margin:1px}"


def test_only_one_branch_of_a_template_counts() -> None:
    source = "<p>{% if a %}<b>{% elif c %}<i>{% else %}<u>{% endif %}x</b></p>{% for a in b %}<i></i>{% endfor %}"
    file = File("issue/a.html", Path("a.html"), source)
    assert len(file.one_way) == len(source)
    assert list(mismatches(file.one_way)) == []


@given(st.text(alphabet="<>/!-[]abp \"'=", max_size=60))
def test_no_markup_is_too_broken_to_be_scanned(text: str) -> None:
    assert all(each.line == 1 for each in mismatches(text))


@pytest.mark.parametrize("source", ["<" * 20_000, "](" * 10_000, '"' * 20_000, "a@" * 10_000, "Monday, " * 2_000])
def test_no_text_takes_longer_than_its_length(source: str) -> None:
    draft = issue(letter=letter(source))
    output, ours = rendered(draft, config()), config()
    message = compose(draft, output, ours)
    start = time.process_time()
    check_issue(draft, output, message, ours, env=ENVIRONMENT)
    assert time.process_time() - start < 1

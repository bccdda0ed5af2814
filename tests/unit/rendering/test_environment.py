"""Templates: the Site's own first, strict, escaped, and precise about where they are wrong."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from newsletter import starter
from newsletter.errors import ContentError, RenderError
from newsletter.rendering.environment import make_environment, render_template


def site(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_html", ".html").replace("_txt", ".txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_the_sites_template_wins_and_may_extend_the_starters(tmp_path: Path) -> None:
    own = '{% extends "starter/issue/shell.html" %}{% block rows %}<tr><td>mine</td></tr>{% endblock %}'
    env = make_environment(site(tmp_path, issue__shell_html=own))
    template = env.get_template("issue/shell.html")
    assert Path(str(template.filename)) == tmp_path / "issue/shell.html"
    assert Path(str(env.get_template("starter/issue/shell.html").filename)) == starter.templates() / "issue/shell.html"
    assert Path(str(env.get_template("issue/layout.html").filename)) == starter.templates() / "issue/layout.html"


def test_html_is_escaped_and_plain_text_is_not(tmp_path: Path) -> None:
    env = make_environment(site(tmp_path, a_html="{{ x }}", a_txt="{{ x }}"))
    assert render_template(env, "a.html", {"x": "<b>"}) == "&lt;b&gt;"
    assert render_template(env, "a.txt", {"x": "<b>"}) == "<b>"


@pytest.mark.parametrize(
    ("source", "line", "said"),
    [
        ("\n\n{{ missing }}", 3, "'missing' is undefined"),
        ("\n{{ x.missing }}", 2, "missing"),
        ("\n{% if %}", 2, "Expected an expression"),
        ("{{ x + 1 }}", 1, "str"),
        ("\n\n\n{{ boom() }}", 4, "Boom"),
    ],
)
def test_what_is_wrong_in_a_template_is_named_by_file_and_line(
    tmp_path: Path, source: str, line: int, said: str
) -> None:
    def boom() -> None:
        raise RenderError("Boom.", hint="Do not.")

    env = make_environment(site(tmp_path, a_html='{% include "b.html" %}', b_html=source))
    with pytest.raises(ContentError, match=said) as caught:
        render_template(env, "a.html", {"x": "text", "boom": boom})
    assert (caught.value.path, caught.value.line) == (tmp_path / "b.html", line)
    assert caught.value.hint


def test_a_missing_template_is_named(tmp_path: Path) -> None:
    env = make_environment(site(tmp_path, a_html='{% include "b.html" %}'))
    with pytest.raises(RenderError, match="no template nothing"):
        render_template(env, "nothing.html", {})
    with pytest.raises(RenderError, match=r"no template b\.html, which a\.html asks for"):
        render_template(env, "a.html", {})


def test_interface_texts_go_through_gettext(tmp_path: Path) -> None:
    env = make_environment(site(tmp_path, a_html='{{ _("Hello %(name)s", name="<b>") }}'), language="ar")
    assert render_template(env, "a.html", {}) == "Hello &lt;b&gt;"
    assert (env.globals["language"], env.globals["direction"]) == ("ar", "rtl")
    assert make_environment(None).globals["direction"] == "ltr"


def test_dates_are_written_out_and_text_is_wrapped_around_addresses(tmp_path: Path) -> None:
    env = make_environment(site(tmp_path, a_txt="{{ day | long_date }}\n{{ text | wrap }}"))
    link = "https://example.org/" + "x" * 90
    day, *lines = render_template(
        env, "a.txt", {"day": date(2026, 9, 1), "text": f"word {link} " + "word " * 30}
    ).split("\n")
    assert day == "1 September 2026"
    assert link in lines
    assert all(len(line) <= 72 for line in lines if line != link)

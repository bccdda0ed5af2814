"""One issue with every fault there is: each rule of the catalogue fires on it exactly once, at a place one can open."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image as Pictures
from unit.checks import bench

from newsletter.checks import Finding, Severity, catalogue, check_issue, from_error, unrenderable
from newsletter.checks.extras import Answer, Extras, Hit
from newsletter.config import Config
from newsletter.content.loader import load_issue
from newsletter.errors import ContentError, NewsletterError, RenderError
from newsletter.rendering.environment import make_environment
from newsletter.rendering.slots import Slot

BAD = Path(__file__).parent / "bad"


def settings() -> Config:
    return bench.local(
        name="The Steady Spine",
        base_url="http://127.0.0.1:8000",
        sender={"address": "us@gmail.com"},
        checks={"ignore": ["subject.length"]},
    )


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """The bad Site with pictures, which are noise and so not kept as files."""
    site = Path(shutil.copytree(BAD, tmp_path / "site"))
    (site / "issues" / "images").mkdir()
    noise = Pictures.effect_noise((600, 500), 200).convert("RGB")
    noise.save(site / "issues" / "everything-wrong" / "photo.webp", quality=100)
    logo = Pictures.new("RGBA", (64, 64), (0, 0, 0, 0))
    logo.paste((10, 10, 10, 255), (16, 16, 48, 48))
    logo.save(site / "issues" / "images" / "nora.png")
    return site


def spoiled_html(html: str) -> str:
    """What no theme could do, because rendering mends or refuses it."""
    html = html.replace("<!DOCTYPE html>", "<!doctype html>")
    html = html.replace("@media print", f"/*{'x' * 13_000}*/@media print", 1)
    return html.replace("</body>", f"<style>p{{margin:0}}</style><!--{'x' * 80_000}--></body>")


def spoiled_message(message: bytes) -> bytes:
    """What no issue could do, because the program writes it."""
    for old, new in (
        (b"Subject: ", b"Subject: =?utf-8?q?" + b"x" * 70 + b"?=\r\n "),
        (b"List-Id:", b"X-Long: " + b"x" * 1000 + b"\r\nX-Id:"),
        (b"multipart/alternative", b"multipart/mixed"),
        (b"Nothing of", b"Nothing" + b"=20" * 30 + b"of"),
    ):
        assert old in message
        message = message.replace(old, new, 1)
    return message + b"epilogue\r\n" * 50_000


def extras() -> Extras:
    def ask(addresses: Sequence[str]) -> Mapping[str, Answer]:
        return {addresses[0]: Answer(404)}

    return Extras(ask=ask, score=lambda message: [Hit(6.2, "HTML_IMAGE_ONLY", "Nothing but pictures")])


@pytest.fixture
def found(site: Path) -> list[Finding]:
    ours = settings()
    env = make_environment(site / "templates")
    issue = load_issue(site / "issues", "everything-wrong")
    output = bench.rendered(issue, ours, env)
    hole = Slot("NLSLOTab120000X", "subscriber.dog", None)
    output = replace(output, html=spoiled_html(output.html), slots=(*output.slots, hole))
    message = spoiled_message(bench.compose(issue, output, ours))
    return check_issue(issue, output, message, ours, env=env, extras=extras())


def stopped(site: Path) -> list[Finding]:
    """Faults after which there is nothing to look at."""
    env = make_environment(site / "templates")
    theme = site / "templates" / "issue" / "theme.css"
    theme.write_text("{# the theme #}\n@import 'https://steadyspine.org/a.css';\n")
    with pytest.raises(NewsletterError) as refused:
        bench.rendered(load_issue(site / "issues", "everything-wrong"), settings(), env)
    (site / "issues" / "same-number" / "issue.md").write_text("---\nsubjcet: A\n---\n")
    with pytest.raises(ContentError) as unreadable:
        load_issue(site / "issues", "same-number")
    return [*unrenderable(refused.value, env), from_error(unreadable.value), from_error(RenderError("Something else."))]


def test_every_rule_fires_exactly_once(site: Path, found: list[Finding]) -> None:
    counts = Counter(finding.rule for finding in (*found, *stopped(site)))
    assert counts == dict.fromkeys(catalogue(), 1), [each for each in found if counts[each.rule] > 1]


def test_no_rule_gives_what_the_catalogue_does_not_say(found: list[Finding]) -> None:
    entries = catalogue()
    assert [each for each in found if each.severity not in entries[each.rule].severities] == []


def test_every_finding_says_what_to_do_and_where(found: list[Finding]) -> None:
    assert [each for each in found if not each.remedy or not each.message.endswith(".")] == []
    placeless = {each.rule for each in found if each.path is None}
    after_rendering = {"css.style-in-body", "text.present"}  # nothing in the theme says what was spoiled later
    families = {rule.partition(".")[0] for rule in placeless - after_rendering}
    assert families <= {"hdr", "mime", "legal", "site", "config"}
    for each in found:
        if each.path is not None and each.line:
            assert each.line <= len(each.path.read_text("utf-8").splitlines()), each


def test_an_import_in_the_theme_is_refused_at_its_line(site: Path) -> None:
    finding = next(each for each in stopped(site) if each.rule == "css.theme-dialect")
    assert finding.severity is Severity.ERROR
    assert (finding.path and finding.path.name, finding.line) == ("theme.css", 2)
    assert "@import" in finding.message


def test_a_template_that_is_none_is_a_finding_at_its_line(site: Path) -> None:
    layout = site / "templates" / "issue" / "layout.html"
    layout.write_text(layout.read_text("utf-8").replace("{% endfor %}", "{% endfro %}"))
    env = make_environment(site / "templates")
    with pytest.raises(ContentError) as refused:
        bench.rendered(load_issue(site / "issues", "everything-wrong"), settings(), env)
    (finding,) = unrenderable(refused.value, env)
    assert (finding.rule, finding.path, finding.line) == ("content", layout, 32)

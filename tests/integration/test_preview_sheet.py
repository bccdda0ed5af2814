"""`preview --open` shows one message as different readers meet it, from files that need nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from served import run

from newsletter.rendering.views import VIEWS

ISSUE = "001-why-your-back-hurts"


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("preview")
    assert run("init", str(folder / "site")).returncode == 0
    site = ("--site", str(folder / "site"))
    done = run(*site, "preview", ISSUE, "--out", str(folder / "out"), "--open", env={"BROWSER": "true"})
    assert done.returncode == 0, done.stderr
    assert f"{ISSUE}.preview.html" in done.stderr
    return folder / "out"


def shown(out: Path, view: str) -> str:
    return (out / f"{ISSUE}.{view}.html").read_text("utf-8")


def test_light_and_dark_are_the_same_mail_with_the_dark_rules_off_and_on(out: Path) -> None:
    sent = (out / f"{ISSUE}.html").read_text("utf-8")
    rules = sent.count("prefers-color-scheme:dark")
    assert rules
    assert (
        shown(out, "desktop").count("@media (max-width:0)") == shown(out, "dark").count("@media (min-width:0)") == rules
    )


def test_views_hold_their_pictures_or_none_at_all(out: Path) -> None:
    sent = (out / f"{ISSUE}.html").read_text("utf-8")
    assert "/media/" in sent
    for view in ("desktop", "dark", "forced", "outlook"):
        assert "/media/" not in shown(out, view)
        assert shown(out, view).count(";base64,") == sent.count("/media/")
    assert shown(out, "pictureless").count('src="data:,"') == sent.count("/media/")
    assert "base64" not in shown(out, "pictureless")


def test_nothing_is_fetched_from_anywhere(out: Path) -> None:
    for view in VIEWS:
        assert 'src="http' not in shown(out, view.key)
        assert "<link" not in shown(out, view.key).replace('<link rel="icon" href="data:,">', "")


def test_sheet_holds_subject_and_every_view(out: Path) -> None:
    sheet = (out / f"{ISSUE}.preview.html").read_text("utf-8")
    assert "Why your back hurts, and where to begin" in sheet
    assert "<script" not in sheet
    for view in VIEWS:
        assert f'src="{ISSUE}.{view.key}.html"' in sheet
    assert "Written 18 August 2026" in shown(out, "text")

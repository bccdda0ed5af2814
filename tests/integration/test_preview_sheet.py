"""`preview --open` shows one message as different readers meet it, from files that need nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from served import run

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


def test_light_and_dark_are_the_same_mail_with_the_dark_rules_off_and_on(out: Path) -> None:
    sent = (out / f"{ISSUE}.html").read_text("utf-8")
    light = (out / f"{ISSUE}.light.html").read_text("utf-8")
    dark = (out / f"{ISSUE}.dark.html").read_text("utf-8")
    assert sent.count("@media (prefers-color-scheme:dark)") == 1
    assert (light.count("@media not all"), dark.count("@media all")) == (1, 1)
    assert len(light.splitlines()) == len(dark.splitlines()) == len(sent.splitlines())


def test_views_hold_their_pictures_or_none_at_all(out: Path) -> None:
    sent = (out / f"{ISSUE}.html").read_text("utf-8")
    assert "/media/" in sent
    for view in ("light", "dark"):
        shown = (out / f"{ISSUE}.{view}.html").read_text("utf-8")
        assert "/media/" not in shown
        assert shown.count("data:image/jpeg;base64,") == sent.count("/media/")
    bare = (out / f"{ISSUE}.bare.html").read_text("utf-8")
    assert bare.count('src="data:,"') == sent.count("/media/")
    assert "base64" not in bare


def test_sheet_holds_subject_text_and_every_view(out: Path) -> None:
    sheet = (out / f"{ISSUE}.preview.html").read_text("utf-8")
    assert "Why your back hurts, and where to begin" in sheet
    assert "Written 18 August 2026" in sheet
    assert "<script" not in sheet
    for view in ("light", "dark", "bare"):
        assert f'src="{ISSUE}.{view}.html"' in sheet

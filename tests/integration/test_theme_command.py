"""`newsletter theme`: an operator looks at the themes, changes to another, and takes one over."""

from __future__ import annotations

from pathlib import Path

import pytest
from commands import Commands

ISSUE = "001-why-your-back-hurts"


@pytest.fixture
def run(site_folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Commands:
    monkeypatch.setenv("NO_COLOR", "1")
    return Commands(site_folder, monkeypatch, capfd)


def wear(run: Commands, theme: str) -> None:
    path = run.folder / "newsletter.toml"
    path.write_text(path.read_text("utf-8").replace("[theme]\n", f'[theme]\nname = "{theme}"\n'), "utf-8")


def preview(run: Commands) -> str:
    run.ok("preview", ISSUE)
    return (run.folder / "var" / "preview" / f"{ISSUE}.html").read_text("utf-8")


def test_the_list_says_which_theme_is_in_use(run: Commands) -> None:
    listed = run.ok("theme", "list", "--json").json["themes"]
    assert [(each["name"], each["in_use"], each["from"]) for each in listed] == [
        ("magazine", True, "package"),
        ("letter", False, "package"),
    ]
    lines = run.ok("theme", "list").out.splitlines()
    assert lines[1].startswith("*  magazine")
    assert 'name = "…"' in lines[-1]


def test_one_line_of_configuration_changes_what_readers_get(run: Commands) -> None:
    before = preview(run)
    wear(run, "letter")
    after = preview(run)
    assert "<img" in before
    assert "<img" not in after
    assert run.ok("check", ISSUE).code == 0
    assert run.ok("theme", "list", "--json").json["themes"][1]["in_use"]


@pytest.mark.parametrize("words", [("check", ISSUE), ("preview", ISSUE), ("theme", "list"), ("config", "check")])
def test_a_misspelt_theme_is_named_with_the_nearest_one(run: Commands, words: tuple[str, ...]) -> None:
    wear(run, "leter")
    done = run(*words)
    assert done.code in {3, 4}
    assert "no theme 'leter'" in done.out + done.err
    assert "Did you mean letter?" in done.out + done.err


def test_a_theme_that_is_taken_over_looks_the_same_until_it_is_edited(run: Commands) -> None:
    before = preview(run)
    written = run.ok("theme", "eject", "--json").json["written"]
    assert str(run.folder / "templates" / "issue" / "theme.css") in written
    assert preview(run) == before
    sheet = run.folder / "templates" / "issue" / "theme.css"
    sheet.write_text(sheet.read_text("utf-8").replace("#f3f0e9", "#f0f0ff"), "utf-8")
    assert "#f0f0ff" in preview(run)


def test_single_files_of_another_theme_can_be_taken_over(run: Commands) -> None:
    done = run.ok("theme", "eject", "letter", "issue/theme.css")
    assert "Wrote" in done.out
    assert "The theme in use is magazine" in done.err
    assert [path.name for path in (run.folder / "templates" / "issue").iterdir()] == ["theme.css"]
    assert run.ok("theme", "eject", "issue/head.css", "--json").json["theme"] == "magazine"


def test_nothing_of_yours_is_overwritten_without_force(run: Commands) -> None:
    mine = run.folder / "templates" / "issue" / "theme.css"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine", "utf-8")
    done = run("theme", "eject", "magazine", "issue/theme.css")
    assert done.code == 4
    assert "--force" in done.err
    assert "Kept" in run.ok("theme", "eject").out
    assert mine.read_text("utf-8") == "mine"
    run.ok("theme", "eject", "issue/theme.css", "--force")
    assert mine.read_text("utf-8") != "mine"


def test_what_is_not_there_is_said(run: Commands) -> None:
    assert "no theme 'leter'" in run("theme", "eject", "leter").err
    assert "has no file 'issue/nothing.css'" in run("theme", "eject", "letter", "issue/nothing.css").err


def test_a_layout_nobody_knows_is_named_by_its_line(run: Commands) -> None:
    article = run.folder / "issues" / ISSUE / "04-kettle-routine.md"
    article.write_text(article.read_text("utf-8").replace("\n---\n\n", "\nlayout: digset\n---\n\n", 1), "utf-8")
    line = article.read_text("utf-8").split("\n").index("layout: digset") + 1
    done = run("preview", ISSUE)
    assert done.code != 0
    assert f"04-kettle-routine.md:{line}" in done.err
    assert '"digset" is not a way to show an article' in done.err
    article.write_text(article.read_text("utf-8").replace("digset", "digest"), "utf-8")
    assert "In brief" in preview(run)

"""The documents tell the truth: commands exist, settings are complete, links lead somewhere."""

import re
import shlex
from pathlib import Path

import click
import pytest

from newsletter.cli.main import COMMANDS, root
from newsletter.config.document import as_markdown

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def every_command(group: click.Group, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], click.Command]]:
    """All commands below a group with their full names, hidden ones left out."""
    found = []
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        assert command is not None
        if command.hidden:
            continue
        found.append(((*path, name), command))
        if isinstance(command, click.Group):
            found += every_command(command, (*path, name))
    return found


ALL = every_command(root)


@pytest.mark.parametrize(("name", "command"), ALL, ids=[" ".join(name) for name, _ in ALL])
def test_every_command_explains_itself_and_its_options(name, command):
    assert (command.help or "").strip().endswith(".")
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            assert parameter.help, f"{' '.join(name)} {parameter.opts[0]} has no help"


@pytest.mark.parametrize("name", [" ".join(name) for name, _ in ALL])
def test_every_command_stands_in_the_readme(name):
    readme = (ROOT / "README.md").read_text("utf-8")
    group, _, leaf = name.partition(" ")
    rows = [line for line in readme.splitlines() if re.search(rf"\b{group}\b", line)]
    assert any(re.search(rf"\b{leaf or group}\b", row) for row in rows), name


def test_top_level_help_and_the_modules_agree():
    for name, (_module, short) in COMMANDS.items():
        command = root.get_command(click.Context(root), name)
        assert command is not None
        assert short.endswith(".")


def test_the_configuration_page_is_the_one_the_model_writes():
    assert (ROOT / "docs" / "configuration.md").read_text("utf-8") == as_markdown()


def documented_commands() -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        for block in re.findall(r"```console\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
            for line in block.splitlines():
                if line.startswith("$ newsletter "):
                    found.append((page.name, line.removeprefix("$ newsletter ").partition(" #")[0].strip()))
    return found


@pytest.mark.parametrize(("page", "line"), documented_commands())
def test_documented_commands_are_understood(page, line):
    command: click.Command = root
    words = shlex.split(line)
    context = click.Context(root, info_name="newsletter")
    while isinstance(command, click.Group):
        while words[0].startswith("-"):
            words = words[2:] if words[0] == "--site" else words[1:]
        name = words.pop(0)
        inner = command.get_command(context, name)
        assert inner is not None, f"{page}: there is no command {name}"
        command = inner
    command.make_context("test", words, parent=context)


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_links_and_pictures_in_documents_exist(page):
    prose = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)", prose):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_two_commands_stand_at_the_top_of_the_readme():
    top = (ROOT / "README.md").read_text("utf-8").splitlines()[:8]
    assert any("make demo" in line for line in top)
    assert any("make test" in line for line in top)

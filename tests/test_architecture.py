"""The house style as far as a machine can hold it; the law of imports is kept by import-linter."""

from __future__ import annotations

import ast
from pathlib import Path
from statistics import median

import pytest

import newsletter

PACKAGE = Path(newsletter.__file__).parent
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "starter/templates" not in path.as_posix())
CEILING = 400
USUAL = 150
NOBODYS = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "service", "services", "misc"}


def name(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def test_modules_are_small() -> None:
    lengths = {name(path): len(path.read_text("utf-8").splitlines()) for path in MODULES}
    assert {module: length for module, length in lengths.items() if length > CEILING} == {}
    assert median(length for length in lengths.values() if length > 5) <= USUAL


def test_no_module_is_named_after_nothing() -> None:
    assert [name(path) for path in MODULES if NOBODYS & {path.stem, *path.relative_to(PACKAGE).parts}] == []


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_module_opens_with_one_sentence(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text("utf-8")))
    assert docstring, "has no docstring"
    first = docstring.split("\n\n", 1)[0].replace("\n", " ").strip()
    assert first.endswith((".", "?")), first


def test_public_functions_and_classes_say_what_they_are() -> None:
    silent = []
    for path in MODULES:
        for node in ast.parse(path.read_text("utf-8")).body:
            is_public = isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
            if is_public and not ast.get_docstring(node):
                silent.append(f"{name(path)}:{node.lineno} {node.name}")
    assert silent == []


def test_time_is_asked_for_in_one_place_only() -> None:
    asking = {
        name(path)
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute)
        and node.attr in {"now", "utcnow", "today"}
        and isinstance(node.value, ast.Name)
        and node.value.id in {"datetime", "date"}
    }
    assert asking <= {"clock.py"}

"""The API as its own description has it: valid OpenAPI, and no request that schemathesis thinks of breaks it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import programs
import pytest
import schemathesis_hooks
import websites
from openapi_spec_validator import OpenAPIV31SpecValidator
from websites import World

from newsletter import starter
from newsletter.web.serve import serve

FIELDS = """
[[fields]]
name = "city"
label = "Where you live"
[[fields]]
name = "age"
type = "number"
[[fields]]
name = "born"
type = "date"
[[fields]]
name = "member"
type = "boolean"
"""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    (tmp_path / "issues").symlink_to(starter.issues())
    with websites.world(tmp_path, more=FIELDS) as found:
        for number in range(3):
            found.subscribe(f"r{number}@example.net")
        yield found


def test_description_is_valid_and_so_is_every_default_in_it(world: World) -> None:
    described = world.client.get("/api/v1/openapi.json").json
    assert [error.message for error in OpenAPIV31SpecValidator(described).iter_errors()] == []


@pytest.mark.slow
def test_schemathesis_finds_no_fault_with_all_its_checks(world: World, tmp_path: Path) -> None:
    key = programs.program(world, rate=60_000).text
    with closing(serve(world.app, world.site.config.server, port=0)) as server:
        server.start()
        done = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/api/v1/openapi.json"),
                *("--checks", "all", "--max-examples", "3", "--seed", "1", "--generation-deterministic"),
                *("--header", f"Authorization: Bearer {key}", "--request-timeout", "20", "--continue-on-failure"),
            ],
            cwd=tmp_path,
            env={**os.environ, "SCHEMATHESIS_HOOKS": str(schemathesis_hooks.__file__), "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr

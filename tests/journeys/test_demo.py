"""`newsletter demo` tells the whole story by itself, quickly, and leaves everything to look at."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest
from served import run

from newsletter.transport.sandbox import messages


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """Settings that keep a demo's files together, and a relay it must not use."""
    return {"TMPDIR": str(tmp_path), "NEWSLETTER_SMTP__HOST": "relay.invalid"}


def test_the_demo_tells_each_step_and_where_to_look(home: dict[str, str], tmp_path: Path) -> None:
    started = time.monotonic()
    done = run("demo", env=home, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - started < 60
    assert done.stderr == ""
    steps = re.findall(r"^ ?(\d+)\. (.+)$", done.stdout, re.MULTILINE)
    assert [int(number) for number, _ in steps] == [1, 2, 3, 4, 5, 6]
    assert "2 of 2 sent" in done.stdout
    assert "1 of 1 sent" in done.stdout
    look = done.stdout[done.stdout.index("Done in ") :]
    site = Path(re.search(r"the Site +(\S+)", look)[1])  # type: ignore[index]
    assert f" --site {site} serve" in look
    assert str(site / "var" / "sandbox") in look
    assert site.parent == tmp_path
    assert (site / "newsletter.toml").is_file()
    sent = sorted((mail.recipient, mail.subject) for mail in messages(site / "var" / "sandbox"))
    assert sent == [
        ("ada@example.net", "Please confirm: The Steady Spine"),
        ("ada@example.net", "Welcome to The Steady Spine"),
        ("ada@example.net", "Why your back hurts, and where to begin"),
        ("alan@example.net", "Please confirm: The Steady Spine"),
        ("grace@example.net", "Please confirm: The Steady Spine"),
        ("grace@example.net", "The side you favour, and what it does to your spine"),
        ("grace@example.net", "Welcome to The Steady Spine"),
        ("grace@example.net", "Why your back hurts, and where to begin"),
    ]


def test_the_demo_can_be_looked_at_afterwards_with_ordinary_commands(home: dict[str, str], tmp_path: Path) -> None:
    done = run("demo", "--json", env=home, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["mails"] == 8
    assert document["seconds"] < 60
    states = {}
    for name in ("ada", "grace", "alan"):
        shown = run("--site", document["site"], "subscriber", "show", f"{name}@example.net", "--json")
        states[name] = json.loads(shown.stdout)["subscriptions"][0]["status"]
    assert states == {"ada": "unsubscribed", "grace": "confirmed", "alan": "pending"}

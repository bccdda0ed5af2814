"""axe-core, the judge of accessible pages that most people know, put to a page that a browser shows.

The script comes with the package axe-playwright-python, so a copy of it is in nobody's repository and no test needs
Node or the network.
"""

from __future__ import annotations

import functools
import importlib.util
import os
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal

import pytest
from chromium import REQUIRED

if TYPE_CHECKING:
    from playwright.sync_api import Page

NOT_FOR_MAIL = frozenset({"region", "landmark-one-main"})
"""Rules about landmarks, which mail programs provide around a message."""

SHORT = "({ violations, passes }) => ({ violations, passes: passes.length })"
"""What is worth carrying out of the browser."""

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def require() -> None:
    """Skip the test where axe is not installed, loudly; fail it where it is required."""
    if importlib.util.find_spec("axe_playwright_python"):
        return
    reason = "axe-playwright-python is not installed (pip install axe-playwright-python)"
    if os.environ.get(REQUIRED) == "1":
        pytest.fail(f"{REQUIRED}=1, but {reason}")
    pytest.skip(f"AXE NOT RUN: {reason}")


def violations(page: Page, *, within: str = "document", mail: bool = False) -> list[str]:
    """What axe has against the page, in light and in dark; `within` is the element to look at, in JavaScript.

    In dark it looks at colours only, because nothing else differs. What the page frames is left out, and a page that
    may run no script cannot be looked into: put its HTML into another one. AssertionError when axe found nothing to
    look at.
    """
    found = []
    if not page.evaluate("'axe' in window"):
        page.evaluate(_script())
    for scheme, rules in zip(SCHEMES, ("", ", runOnly: ['color-contrast']"), strict=True):
        page.emulate_media(color_scheme=scheme)
        result: dict[str, Any] = page.evaluate(f"axe.run({within}, {{ iframes: false{rules} }}).then({SHORT})")
        assert result["passes"]
        found += [
            f"{scheme}: {fault['id']}: {node['html'][:120]}"
            for fault in result["violations"]
            if not (mail and fault["id"] in NOT_FOR_MAIL)
            for node in fault["nodes"]
        ]
    return found


@functools.cache
def _script() -> str:
    return (files("axe_playwright_python") / "axe.min.js").read_text("utf-8")

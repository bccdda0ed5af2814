"""The starter's own templates."""

from __future__ import annotations

import pytest
from jinja2 import Environment

from newsletter.rendering.environment import make_environment


@pytest.fixture
def env() -> Environment:
    return make_environment(None)

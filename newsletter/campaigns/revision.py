"""Which commit a folder is at, when it is under version control; an approval that names it can be found again."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

PATIENCE = 10.0
"""Seconds git may take; a network drive is no reason to refuse an approval."""

_MISLEADING = frozenset({"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"})
"""Set inside hooks of another repository than the one asked about."""


@dataclass(frozen=True)
class Revision:
    """Where a folder stands in its history."""

    commit: str
    """Full hash of the commit."""
    is_clean: bool
    """Whether everything in the folder is as it was committed."""


def revision_of(folder: Path, *, but_for: str) -> Revision | None:
    """The commit `folder` is at; None without git, outside a repository, or before the first commit.

    Files named `but_for` may differ. Nothing is written, not even git's own index.
    """
    commit = _git(folder, "rev-parse", "--verify", "--quiet", "HEAD")
    if not commit:
        return None
    changes = _git(folder, "status", "--porcelain", "--", ".", f":(exclude,glob)**/{but_for}")
    return None if changes is None else Revision(commit, is_clean=not changes)


def _git(folder: Path, *words: str) -> str | None:
    """What git says, or None when it cannot say anything."""
    program = shutil.which("git")
    if program is None:
        return None
    environment = {name: value for name, value in os.environ.items() if name not in _MISLEADING}
    try:
        done = subprocess.run(  # noqa: S603 - fixed words and a folder of ours
            [program, "-C", str(folder), *words],
            env={**environment, "GIT_OPTIONAL_LOCKS": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace").strip() if done.returncode == 0 else None

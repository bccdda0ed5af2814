"""Which files content may name: those under `issues/`, and nothing a link or `..` leads out to.

An issue is published, so a path in it is a wish to publish that file; `../../.env` must not be one.
"""

from __future__ import annotations

from pathlib import Path

from newsletter.errors import ContentError


def inside(issues_dir: Path, path: Path, *, named_in: Path, line: int) -> Path:
    """`path` itself when it stays below `issues_dir` after following links; ContentError otherwise."""
    try:
        stays = path.resolve().is_relative_to(issues_dir.resolve())
    except (OSError, RuntimeError, ValueError):  # link loops, names the file system refuses
        stays = False
    if not stays:
        raise ContentError(
            f'"{path.name}" is not below the folder {issues_dir.name}/.',
            path=named_in,
            line=line,
            hint="Copy the file into the issue's folder and name it by its path there; links must not lead out.",
        )
    return path

"""`issue.lock`: an approval as a file beside the issue, to be read by people and committed with what it approves.

TOML, because people know it from `newsletter.toml`; the same approval makes the same bytes. Hashes of whole
parts stand beside their details, so that a file edited by hand is noticed. Who may approve is a matter of who
may commit: the lock is as trustworthy as the repository it lies in.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from newsletter import files
from newsletter.campaigns.approval import PARTS, Approval, Fingerprint, UnapprovedError
from newsletter.rendering.slots import without_surrogates

FILE_NAME = "issue.lock"
VERSION = 1
TABLES = (*PARTS, "renderings", "words")

_HEAD = """\
# What was approved to be sent. Made by `newsletter approve`; commit it with the issue, and do not edit it.

"""
_CONTROLS = re.compile("[\x00-\x08\x0a-\x1f\x7f]")
_CONTROLS_IN_BLOCK = re.compile("[\x00-\x08\x0b-\x1f\x7f]")


def write(folder: Path, approval: Approval) -> Path:
    """Put the approval into the issue's `folder`, replacing an earlier one; returns the file."""
    path = folder / FILE_NAME
    files.replace(path, as_toml(approval).encode("utf-8"))
    return path


def read(folder: Path) -> Approval | None:
    """The approval of the issue in `folder`, None when there is none; `UnapprovedError` when it cannot be used."""
    path = folder / FILE_NAME
    remedy = f"Look at the issue again, then run `newsletter approve {folder.name}`."
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise UnapprovedError(f"The approval in {path} cannot be read: {why}.", hint=remedy) from error
    if values.get("version") != VERSION:
        raise UnapprovedError(f"The approval in {path} is of another version of the program.", hint=remedy)
    try:
        approval, digests = _approval(values)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnapprovedError(f"The approval in {path} lacks {error}, or has it wrong.", hint=remedy) from error
    if approval.issue != folder.name:
        raise UnapprovedError(f"The approval in {path} is of issue {approval.issue}.", hint=remedy)
    if digests != {part: approval.seen.digest(part) for part in TABLES}:
        raise UnapprovedError(f"The approval in {path} was edited by hand, so it approves nothing.", hint=remedy)
    return approval


def as_toml(approval: Approval) -> str:
    """The file's text."""
    seen = approval.seen
    lines = [
        f"version = {VERSION}",
        f"issue = {_string(approval.issue)}",
        f"approved_by = {_string(approval.by)}",
        f"approved_at = {approval.at.astimezone(UTC).strftime('%Y-%m-%dT%H:%M:%SZ')}",
    ]
    if approval.commit:
        lines += [f"commit = {_string(approval.commit)}", f"clean = {str(approval.is_clean).lower()}"]
    lines += [f"program = {_string(seen.program)}", "", "[hashes]"]
    lines += [f"{part} = {_string(seen.digest(part))}" for part in TABLES]
    for name in TABLES[:-1]:
        values = sorted(seen.part(name).items())
        lines += ["", f"[{name}]", *(f"{_string(key)} = {_string(value)}" for key, value in values)]
    lines += ["", "[words]", *(f"{_string(key)} = {_block(text)}" for key, text in sorted(seen.words.items()))]
    return _HEAD + "\n".join([*lines, ""])


def _approval(values: Mapping[str, Any]) -> tuple[Approval, dict[str, str]]:
    """The approval, and what the file says the hashes of its parts are."""
    tables = {name: dict(values[name]) for name in TABLES}
    if not all(isinstance(value, str) for table in tables.values() for value in table.values()):
        raise TypeError("the hashes")
    seen = Fingerprint(**tables, program=str(values["program"]))
    at = values["approved_at"]
    if not isinstance(at, datetime) or at.tzinfo is None:
        raise ValueError("approved_at")
    found = Approval(
        issue=str(values["issue"]),
        by=str(values["approved_by"]),
        at=at,
        seen=seen,
        commit=str(values.get("commit", "")),
        is_clean=values.get("clean") is True,
    )
    return found, {part: str(values["hashes"][part]) for part in TABLES}


def _string(text: str) -> str:
    """A basic string (TOML 1.0)."""
    escaped = without_surrogates(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{_CONTROLS.sub(_escape, escaped)}"'


def _block(text: str) -> str:
    """A multi-line basic string; `text` ends with a line end, so that no quote meets the closing ones."""
    escaped = without_surrogates(text).replace("\\", "\\\\").replace('"""', '""\\"')
    return f'"""\n{_CONTROLS_IN_BLOCK.sub(_escape, escaped)}"""'


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"

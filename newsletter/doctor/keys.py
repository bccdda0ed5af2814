"""Keys and who can read them: a key that others can read is no key, and one that is lost takes links with it."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from newsletter.config import dotenv
from newsletter.doctor.case import Case
from newsletter.doctor.findings import Finding, error, ok, skipped, warning
from newsletter.errors import ConfigError
from newsletter.transport.dkim_keys import RECOMMENDED_BITS, load_key


def examine(case: Case) -> Iterator[Finding]:
    """Look at the key ring, the DKIM key, and the modes of files that nobody else should read."""
    yield from _ring(case)
    yield from _dkim(case)
    yield from _modes(case)


def _ring(case: Case) -> Iterator[Finding]:
    try:
        ring = case.keys()
    except ConfigError as refused:
        yield error("keys.ring", refused.message, refused.hint)
    else:
        count = len(ring.signing)
        yield ok(
            "keys.ring", f"The key ring holds {count} signing key{'' if count == 1 else 's'}; only you can read it."
        )


def _dkim(case: Case) -> Iterator[Finding]:
    settings = case.config.dkim
    if not settings.domain:
        yield skipped(
            "keys.dkim",
            "Mail is not signed here ([dkim] domain is not set), so the relay has to sign it as your domain.",
            "Ask your relay whether it does, or run `newsletter keys dkim`.",
        )
        return
    try:
        key = load_key(case.root / settings.key_path)
    except ConfigError as refused:
        yield error("keys.dkim", refused.message, refused.hint)
        return
    if key.key_size < RECOMMENDED_BITS:
        yield warning(
            "keys.dkim",
            f"The DKIM key has {key.key_size} bits; receivers trust {RECOMMENDED_BITS}.",
            "Make one with `newsletter keys dkim --selector` and another name.",
        )
    else:
        yield ok("keys.dkim", f"The DKIM key has {key.key_size} bits; only you can read it.")


def _modes(case: Case) -> Iterator[Finding]:
    var = case.root / "var"
    open_files = [path for path in (case.root / dotenv.NAME, *_data_files(var)) if _others_can_read(path)]
    for path in open_files if _others_can_enter(var) else [path for path in open_files if path.parent != var]:
        yield warning(
            "keys.modes",
            f"{path} can be read by others on this machine.",
            f"Run `chmod 600 {path}`." if path.name == dotenv.NAME else f"Run `chmod 700 {var}`.",
        )


def _data_files(var: Path) -> list[Path]:
    return sorted(var.glob("*.db")) if var.is_dir() else []


def _others_can_read(path: Path) -> bool:
    return path.is_file() and bool(path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))


def _others_can_enter(folder: Path) -> bool:
    return folder.is_dir() and bool(folder.stat().st_mode & (stat.S_IXGRP | stat.S_IXOTH))

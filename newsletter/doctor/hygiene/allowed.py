"""What may stand in the files all the same: the Site's own addresses, examples, and what its list lets pass.

The list is a file of lines, so that it is reviewed like the rest: an address, a whole domain (`@example.org`), or a
pattern of paths with the rules that do not count there. Words behind `#` say why.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from newsletter.config import Config
from newsletter.doctor.case import is_reserved
from newsletter.errors import ConfigError

FILE_NAME = ".hygiene"
PARDON = "hygiene: allow"
"""Words in a line by which it is passed over."""
NOBODY = frozenset({"git", "hg", "svn"})
"""Local parts that name a service, as in `git@host:path`."""


@dataclass(frozen=True)
class Allowed:
    """What is let pass."""

    addresses: frozenset[str] = frozenset()
    """Lower-case."""
    domains: frozenset[str] = frozenset()
    paths: tuple[tuple[str, frozenset[str]], ...] = field(default=())
    """Pattern and rules; no rules are all rules."""

    def address(self, address: str) -> bool:
        """Whether this address may be read by everybody."""
        local, _, domain = address.lower().rpartition("@")
        return (
            address.lower() in self.addresses
            or local in NOBODY
            or is_reserved(domain)
            or any(domain == each or domain.endswith(f".{each}") for each in self.domains)
        )

    def rule(self, rule: str, path: str) -> bool:
        """Whether a rule does not count in a file."""
        return any(fnmatchcase(path, pattern) and (not rules or rule in rules) for pattern, rules in self.paths)


def read(root: Path, config: Config | None, rules: Iterable[str]) -> Allowed:
    """The Site's own addresses, and its list; `ConfigError` names a line that cannot be understood."""
    addresses = set(_own(config) if config else ())
    domains: set[str] = set()
    paths: list[tuple[str, frozenset[str]]] = []
    path = root / FILE_NAME
    try:
        lines = path.read_text("utf-8").splitlines() if path.is_file() else []
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text.", hint="Save it in the encoding UTF-8.") from error
    for number, line in enumerate(lines, 1):
        words = re.sub(r"(?:^|\s)#.*", "", line).split()
        if not words:
            continue
        if "@" in words[0] and len(words) == 1:
            (domains if words[0].startswith("@") else addresses).add(words[0].lower().lstrip("@"))
        elif "@" not in words[0] and set(words[1:]) <= set(rules):
            paths.append((words[0], frozenset(words[1:])))
        else:
            raise ConfigError(
                f"{path}, line {number} cannot be understood.",
                hint=f"Write an address, @domain, or a path with rules behind it ({', '.join(rules)}).",
            )
    return Allowed(frozenset(addresses), frozenset(domains), tuple(paths))


def _own(config: Config) -> Iterator[str]:
    """Addresses that the Site publishes anyway."""
    for address in (config.sender.address, config.sender.reply_to, config.signups.alert, config.feedback.return_path):
        if "@" in address:
            yield address.lower()

"""What must not be in a repository: people's addresses, keys, passwords, databases and lists of readers.

Secrets of well-known shape are found by it; others by a name that says so beside a value that looks random. A
finding never repeats what it has found, since it ends up in logs of build servers.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from newsletter.addresses import mask
from newsletter.doctor.hygiene.allowed import PARDON, Allowed
from newsletter.doctor.hygiene.tracked import Source

REMEDIES: Mapping[str, str] = {
    "address": "Take it out, use one at example.org, or put it into .hygiene if everybody may read it.",
    "subscribers": "Take the file out of the folder; lists of readers belong into the database alone.",
    "database": "Name it in .gitignore, and take it out of the index with `git rm --cached`.",
    "private-key": "Take it out and make another: who has the repository has the key.",
    "key-ring": "Take it out and restore it where only you can read it; `newsletter keys rotate` makes a new key.",
    "env-file": "Name it in .gitignore, take it out of the index with `git rm --cached`, and change its secrets.",
    "token": "Revoke it where it was given out, and put the new one into .env.",
    "password": "Change it, and put the new one into .env.",
    "random": f"If it is a secret, change it and put it into .env; else write `{PARDON}` into its line.",
}
"""What to do, by rule."""

MOST = 5_000_000
"""Octets of a file that are looked at."""
LONGEST = 20_000
"""Characters of a line that are looked at: minified scripts have lines of megabytes."""

TOKENS: Mapping[str, re.Pattern[str]] = {
    "a key of this API": re.compile(r"\bnlk_[a-z2-7]{8}_[A-Za-z0-9_-]{43}"),
    "an AWS access key": re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    "a SendGrid key": re.compile(r"\bSG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{32,64}"),
    "a Mailgun key": re.compile(r"\bkey-[0-9a-f]{32}\b|\b[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8}\b"),
    "a Postmark token": re.compile(
        r"(?i)postmark.{0,60}?\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b",
    ),
    "a Brevo key": re.compile(r"\bx(?:key|smtp)sib-[0-9a-f]{64}-[A-Za-z0-9]{16}"),
    "a Mailchimp key": re.compile(r"\b[0-9a-f]{32}-us\d{1,2}\b"),
    "a Stripe key": re.compile(r"\b[sr]k_(?:live|test)_[A-Za-z0-9]{16,}|\bwhsec_[A-Za-z0-9+/=]{24,}"),
    "a GitHub token": re.compile(r"\bgh[pousr]_[A-Za-z0-9]{36}|\bgithub_pat_[A-Za-z0-9_]{40,}"),
    "a Slack token": re.compile(r"\bxox[abprs]-[A-Za-z0-9-]{10,}"),
    "a Google API key": re.compile(r"\bAIza[0-9A-Za-z_-]{35}"),
}

_PRIVATE_KEY = re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----")
_ADDRESS = re.compile(r"(?<![\w.%+/'-])[\w.%+'-]{1,64}(?:@|%40)(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}(?![\w-])")
_FILES = frozenset({"png", "jpg", "jpeg", "gif", "svg", "webp", "avif", "css", "js", "mjs", "html", "md", "pdf"})
"""What stands behind the last dot of `photo@2x.png`."""
_LOGIN = re.compile(r"(?<![a-z0-9+.-])[a-z][a-z0-9+.-]{1,30}://[^\s/:@'\"]+:([^\s/@'\"]+)@[\w\[]", re.IGNORECASE)
_NAMED = re.compile(
    r"(?<![\w.-])(?:[\w.-]{0,60}?(?:password|passwd|passphrase|secret|token|api_?key|access_?key|private_?key)[\w.-]{0,60})"
    r"[\"']?\s*(?::=|[:=])\s*[\"']?([^\s\"'#,;]{6,})",
    re.IGNORECASE,
)
_ASSIGNED = re.compile(
    r"(?<![\w.\"'-])[\w.\"'-]{1,100}\s*(?::=|[:=])\s*[\"']?([A-Za-z0-9+/_=-]{32,})[\"']?\s*(?:[#,;]|$)"
)
_PLACEHOLDER = re.compile(
    r"…|\.\.\.|[<>{}$()\[\]*]|^(?:true|false|none|null|required|optional)$|^/|^\./|"
    r"example|change.?me|placeholder|your|redacted|secret$|password$|token$|x{4}",
    re.IGNORECASE,
)
_SETTINGS = frozenset({".toml", ".yml", ".yaml", ".ini", ".cfg", ".conf", ".json", ".properties", ".md", ".txt", ".sh"})
"""Kinds of file in which a value beside a name is a value, and no piece of a program."""
_HARMLESS = re.compile(r"v=DKIM1|sha(?:256|384|512)[-:]|integrity", re.IGNORECASE)
"""Long random-looking values that are meant to be public."""
_DATABASES = frozenset({".db", ".sqlite", ".sqlite3", ".db-wal", ".db-shm"})
_ENTROPY = 4.0
"""Bits a character: words have about 3, random base64 nearly 6."""


@dataclass(frozen=True)
class Leak:
    """One thing that must not be committed."""

    rule: str
    path: str
    line: int
    """1-based; 0 means the whole file."""
    sentence: str

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return REMEDIES[self.rule]


def look(source: Source, allowed: Allowed) -> list[Leak]:
    """What is wrong with one file; nothing for one that cannot be read."""
    try:
        data = source.read()[:MOST]
    except OSError:
        return []
    return [leak for leak in _leaks(source.path, data, allowed) if not allowed.rule(leak.rule, source.path)]


def _leaks(path: str, data: bytes, allowed: Allowed) -> Iterator[Leak]:
    name = PurePosixPath(path)
    if data.startswith(b"SQLite format 3\0") or name.suffix.lower() in _DATABASES:
        yield Leak("database", path, 0, "This is a database.")
        return
    if _is_environment(name, data):
        yield Leak("env-file", path, 0, "This is the file of secrets.")
    text = _decoded(data)
    if text is None:
        return
    if "[[signing]]" in text and "[suppression]" in text and re.search(r'^secret = "[\w-]{40,}"', text, re.MULTILINE):
        yield Leak("key-ring", path, 0, "This is a key ring.")
        return
    lines = text.splitlines()
    if name.suffix.lower() in {".csv", ".tsv"}:
        people = sum(1 for line in lines if any(True for _ in _addresses(line, allowed)))
        if people:
            yield Leak("subscribers", path, 0, f"This is a list with the addresses of {people} people.")
        return
    for number, line in enumerate(lines, 1):
        if PARDON not in line:
            yield from _in_line(
                path, number, line[:LONGEST], allowed, name.suffix.lower() in _SETTINGS or not name.suffix
            )


def _in_line(path: str, number: int, line: str, allowed: Allowed, is_setting: bool) -> Iterator[Leak]:
    if _PRIVATE_KEY.search(line):
        yield Leak("private-key", path, number, "A private key begins here.")
    what = next((what for what, pattern in TOKENS.items() if pattern.search(line)), "")
    if what:
        yield Leak("token", path, number, f"This looks like {what}.")
    login = _LOGIN.search(line)
    if login and not _PLACEHOLDER.search(login[1]):
        yield Leak("password", path, number, "A password stands in an address.")
    elif not what and is_setting and not _HARMLESS.search(line):
        yield from _values(path, number, line)
    if not login:
        for address in _addresses(line, allowed):
            yield Leak("address", path, number, f"The address {mask(address)} stands here.")


def _values(path: str, number: int, line: str) -> Iterator[Leak]:
    named = _NAMED.search(line)
    if named and not _PLACEHOLDER.search(named[1]) and _looks_chosen(named[1]):
        yield Leak("password", path, number, "A password, key or token seems to be given here.")
        return
    assigned = _ASSIGNED.search(line)
    if assigned and _is_random(assigned[1]) and not _PLACEHOLDER.search(assigned[1]):
        yield Leak("random", path, number, "A long random value is given here.")


def _addresses(line: str, allowed: Allowed) -> Iterator[str]:
    for found in dict.fromkeys(_ADDRESS.findall(line)):
        address = found.replace("%40", "@").strip("'.")
        if address.rpartition(".")[2].lower() not in _FILES and not allowed.address(address):
            yield address


def _is_environment(name: PurePosixPath, data: bytes) -> bool:
    """`.env` and its like, when a value is in it; examples of such files have none."""
    if name.name != ".env" and not name.name.startswith(".env."):
        return False
    return bool(re.search(rb"(?m)^[ \t]*(?:export[ \t]+)?\w+[ \t]*=[ \t]*[^\s#]", data))


def _decoded(data: bytes) -> str | None:
    """Text, or None for what is none. UTF-16 is what spreadsheets write."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    return None if b"\0" in data[:8192] else data.decode("utf-8", "replace")


def _looks_chosen(value: str) -> bool:
    """Whether a value may be a password: it has a digit or a sign in it, and is no dotted or underscored name."""
    return any(not each.isalpha() for each in value) and not re.fullmatch(r"[A-Za-z_][A-Za-z_.]*", value)


def _is_random(value: str) -> bool:
    kinds = [any(map(test, value)) for test in (str.islower, str.isupper, str.isdigit)]
    counts = Counter(value)
    entropy = -sum(count / len(value) * math.log2(count / len(value)) for count in counts.values())
    return all(kinds) and entropy >= _ENTROPY

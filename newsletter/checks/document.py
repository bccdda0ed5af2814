"""`docs/checks.md`, written by the catalogue itself, so that no rule is undocumented and none is invented."""

from __future__ import annotations

from itertools import groupby

from newsletter.checks.registry import Entry, catalogue

HEAD = """\
# What `newsletter check` looks for

```console
$ newsletter check 001-why-your-back-hurts
$ newsletter check 001-why-your-back-hurts --format sarif
$ newsletter check 001-why-your-back-hurts --links --spam
$ newsletter check --rules
```

Rules look at the final bytes of one sample copy, at the Markdown behind it and at the theme's own files. Each finding
names its rule, a file and a line, says what is wrong, and how to mend it. An **error** forbids sending; a **warning**
never does, and a **remark** (info) only tells. The command exits 4 when there are errors.

`--format` is `text`, `json`, `sarif` (2.1.0, for code hosts and editors) or `github` (annotations of GitHub Actions).
`--links` asks every link once, politely, public servers only. `--spam` runs SpamAssassin when it is installed.
`--caniemail FILE` adds the public data set on mail programs (`data/caniemail.json` of the npm package `caniemail`, or
`api/data.json` of caniemail.com) to the short table of our own; `[checks] clients` says which programs count.

A warning that is meant can be silenced, for one issue with a reason in its front matter, for a Site in
`newsletter.toml`:

```yaml
ignore:
  subj.length: The society's full name has to be in it.
```

```toml
[checks]
ignore = ["img.retina"]
```

An entry without a reason silences nothing, and an error cannot be silenced.

*This page is made from the rules by `newsletter check --rules --format markdown`; a test keeps it true.*
"""

FAMILIES = {
    "a11y": "Accessibility",
    "config": "Configuration",
    "content": "Content",
    "css": "Style sheets",
    "dark": "Dark mode",
    "hdr": "Headers",
    "html": "The document",
    "img": "Pictures",
    "issue": "The issue's own exceptions",
    "legal": "The law",
    "link": "Links",
    "mime": "Bytes on the wire",
    "pre": "Preheader",
    "render": "Rendering",
    "site": "The Site",
    "size": "Sizes",
    "slot": "Merge tags",
    "spam": "Spam filters",
    "subj": "Subject",
    "text": "Plain text",
    "type": "Type",
}


def as_markdown() -> str:
    """The whole page."""
    parts = [HEAD]
    for family, entries in groupby(catalogue().values(), key=lambda each: each.family):
        rows = "".join(f"| `{each.rule}` | {_severities(each)} | {_words(each)} |\n" for each in entries)
        parts.append(f"\n## {FAMILIES[family]}\n\n| Rule | Gives | Looks for |\n|---|---|---|\n{rows}")
    return "".join(parts)


def _severities(entry: Entry) -> str:
    return ", ".join(each.value for each in entry.severities)


def _words(entry: Entry) -> str:
    words = f"{entry.looks_for} {entry.why}".strip().replace("|", "\\|")
    # Between backticks everything is as it stands; elsewhere a tag would be one.
    return "`".join(part if odd % 2 else part.replace("<", "\\<") for odd, part in enumerate(words.split("`")))

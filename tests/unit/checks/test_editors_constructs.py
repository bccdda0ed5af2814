"""What editors may write passes the checks, and what is wrong with it is found where they wrote it."""

from __future__ import annotations

import re

from unit.checks.bench import FOLDER, article, check, config, issue, rendered, said

from newsletter.checks.sources import sources_of
from newsletter.content.values import Markdown

EVERYTHING = """Walking helps most backs.[^a]

::: warning
Sharp pain means **stop**.
:::

::: tip Start *small*
Two minutes are enough.

::: button https://steadyspine.org/visit Book a visit
:::

::: quote Tobias Amankwah
The best plan is the one you still follow.
:::

::: events
- 12 October — Open day in the garden
:::

::: digest
- [A year of walking](https://steadyspine.org/walking): what changed
:::

[^a]: Ask before you dive.
"""


def test_every_construct_passes_the_checks() -> None:
    body = Markdown(EVERYTHING, FOLDER / "sitting.md", 12)
    letter = Markdown(EVERYTHING, FOLDER / "issue.md", 9)
    assert said(check(issue(article(body=body, excerpt=""), letter=letter))) == []


def test_typeset_words_are_found_where_they_were_typed() -> None:
    source = issue(letter=Markdown('Hello.\n\nI "don\'t" know.\n', FOLDER / "issue.md", 9, typography=True))
    assert sources_of(source).find("“don’t”").line == 11


def test_footnotes_of_an_issue_never_share_an_id() -> None:
    articles = (
        article(key, excerpt="", body=Markdown(EVERYTHING, FOLDER / f"{number:02}-{key}.md", 12))
        for number, key in enumerate(("sitting", "standing"), 1)
    )
    made = rendered(issue(*articles, letter=Markdown(EVERYTHING, FOLDER / "issue.md", 9)), config())
    for html in (made.html, made.page):
        ids = re.findall(r"\bid=[\"'](fn[^\"']+)", html)
        assert len(ids) == len(set(ids)) == 6
        assert {f"#{each}" for each in ids} == set(re.findall(r"href=[\"'](#fn[^\"']+)", html))

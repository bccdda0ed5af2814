"""The plain text part: a letter in its own right, for everybody who reads or listens without HTML."""

from __future__ import annotations

import re
from collections.abc import Iterator

from newsletter.checks.registry import ERROR, WARNING, Fault, error, rule, warning
from newsletter.checks.subject import Subject, short

LONGEST = 78
_TAG = re.compile(r"</?[a-z][a-z0-9]*(?:\s[^<>\n]*)?/?>", re.IGNORECASE)
_ENTITY = re.compile(
    r"&(?:nbsp|amp|lt|gt|quot|apos|shy|zwnj|[mn]dash|hellip|[lr][sd]quo|#\d{2,6}|#x[0-9a-f]{2,6});", re.I
)
HALF = 0.5
FEW_WORDS = 20
_WORD = re.compile(r"\w{3,}")
_TEMPLATE = "Mend templates/issue/layout.txt."


@rule("text.present", ERROR)
def present(subject: Subject) -> Iterator[Fault]:
    """The message is multipart/alternative with plain text first, then HTML (RFC 2046 §5.1.4)."""
    parts = [part.get_content_type() for part in subject.mail.walk() if not part.is_multipart()]
    if not subject.text.strip():
        yield error("The message has no plain text part.", "Restore templates/issue/layout.txt.")
    elif (
        subject.mail.get_content_type() != "multipart/alternative"
        or parts[:2] != ["text/plain", "text/html"]
        or any(not each.startswith("image/") for each in parts[2:])
    ):
        yield error(
            f"The parts of the message are {', '.join(parts)} instead of text/plain and its alternative text/html.",
            "Please report this: the program arranges them itself.",
        )


@rule("text.quality", WARNING)
def quality(subject: Subject) -> Iterator[Fault]:
    """The plain text has every article link, the unsubscribe address on its own line, no HTML, no long lines."""
    lines = subject.text.split("\n")
    for article in subject.issue.articles:
        if article.link and article.link not in subject.text:
            yield warning(
                f'The link of the article "{short(article.title, 50)}" is missing from the plain text.',
                _TEMPLATE,
                subject.find(article.link),
            )
    for url in subject.unsubscribe_urls:
        if url in subject.text and not any(line.strip() == url for line in lines):
            yield warning(
                "The unsubscribe address does not stand alone on its line, so programs may not make all of it a link.",
                _TEMPLATE,
            )
    for what, pattern in (("an HTML tag", _TAG), ("an HTML entity", _ENTITY)):
        if found := pattern.search(subject.text):
            yield warning(
                f"The plain text shows {what}: {short(found[0], 40)}.",
                "Write it as words.",
                subject.find(found[0], templates=".txt"),
            )
    long = [line for line in lines if len(line) > LONGEST and "://" not in line and "@" not in line]
    if long:
        yield warning(
            f"The plain text has lines of more than {LONGEST} characters, the first of {len(long)} is "
            f"{short(long[0], 40)!r}.",
            "Shorten or wrap it; the template's `wrap` filter does.",
            subject.find(long[0].strip(), templates=".txt"),
        )


@rule("text.diverges", WARNING)
def diverges(subject: Subject) -> Iterator[Fault]:
    """The plain text says what the HTML says: under half of its words, filters take the two for different mails.

    SpamAssassin gives 2.2 points for it, and readers of plain text get something else than was approved.
    """
    seen = _words(subject.visible_text)
    if len(seen) < FEW_WORDS or not subject.text.strip():
        return
    shared = len(seen & _words(subject.text)) / len(seen)
    if shared < HALF:
        yield warning(
            f"The plain text holds only {shared:.0%} of the words of the HTML part.",
            "Let templates/issue/layout.txt print everything that layout.html prints.",
            subject.theme.file("issue/layout.txt"),
        )


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.lower()))

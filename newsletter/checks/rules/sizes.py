"""Sizes: what is too big is cut off, and what is cut off is the unsubscribe link."""

from __future__ import annotations

from collections.abc import Iterator

from newsletter.checks.registry import ERROR, WARNING, Fault, error, rule, warning
from newsletter.checks.subject import Subject, encoded

KB = 1024
CLIP = 102 * KB
"""Gmail shows this much of an HTML part and hides the rest behind a link."""
NEAR_CLIP = 90 * KB
HEAVY = 500 * KB


@rule("size.gmail-clip", ERROR, WARNING)
def gmail_clip(subject: Subject) -> Iterator[Fault]:
    """HTML of 102 KB is an error, from 90 KB (decoded or encoded) a warning: Gmail hides what comes later."""
    if subject.html_part is None:
        return
    plain = len(subject.html.encode())
    travelling = len(encoded(subject.html_part))
    sizes = f"The HTML part is {plain / KB:.1f} KB, {travelling / KB:.1f} KB encoded"
    remedy = "Give long articles an excerpt and a link, so that the mail carries only the beginning."
    # Observers disagree on which of the two Gmail counts. Only what every one of them sees cut forbids sending:
    # quoted-printable triples Cyrillic or Japanese, and a short issue must not be refused for its alphabet.
    if plain >= CLIP:
        yield error(f"{sizes}: Gmail cuts it off at 102 KB, with the unsubscribe link.", remedy, subject.sources.home)
    elif max(plain, travelling) >= NEAR_CLIP:
        yield warning(f"{sizes}: near the 102 KB at which Gmail cuts it off.", remedy, subject.sources.home)


@rule("size.message", WARNING)
def message(subject: Subject) -> Iterator[Fault]:
    """A message over 500 KB is a warning."""
    if len(subject.message) > HEAVY:
        carries = any(part.get_content_maintype() == "image" for part in subject.mail.walk())
        yield warning(
            f"The message is {len(subject.message) / KB:.0f} KB, which is slow to send and to open.",
            "Every copy carries its pictures: show fewer, or let readers fetch them ([images] embed = false)."
            if carries
            else "Shorten it; pictures are fetched from your pages and do not count.",
            subject.sources.home,
        )

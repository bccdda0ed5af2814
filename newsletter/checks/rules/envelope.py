"""Subject and preheader: the two lines that decide whether the rest is read."""

from __future__ import annotations

import re
from collections.abc import Iterator

from newsletter.checks.registry import Fault, error, rule, warning
from newsletter.checks.sources import key_place
from newsletter.checks.subject import Subject, short

_EMOJI = re.compile("[\U0001f1e6-\U0001f1ff\U0001f300-\U0001faff\u2600-\u27bf]")
_INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff]")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_ENCODED_WORD = re.compile(r"=\?[^?\s]+\?[bq]\?[^?\s]*\?=", re.IGNORECASE)


@rule("subj.length")
def length(subject: Subject) -> Iterator[Fault]:
    """A subject shorter than 10 or longer than 78 characters is a warning."""
    size = len(subject.subject_line)
    place = key_place(subject.issue.letter, "subject")
    if size < 10:
        yield warning(f"The subject has only {size} characters.", "Say in a few words what readers will get.", place)
    elif size > 78:
        yield warning(
            f"The subject has {size} characters; phones show about 45, and nobody shows more than 78.",
            "Shorten it; the preheader has room for the rest.",
            place,
        )


@rule("subj.shout")
def shout(subject: Subject) -> Iterator[Fault]:
    """A subject in capitals, with !!, $$, a false Re:, many emoji or invisible characters is a warning."""
    line = subject.subject_line
    letters = [character for character in line if character.isalpha()]
    problems = {
        "is written in capitals": len(letters) >= 8 and line.isupper(),
        "has several exclamation marks": bool(re.search(r"!\s*!", line)),
        "has several money signs": bool(re.search(r"([$€£])\s*\1", line)),
        "pretends to be an answer": bool(re.match(r"(?:re|fwd?|aw|wg|sv|tr)\s*:", line, re.IGNORECASE)),
        "has more than two emoji": len(_EMOJI.findall(line)) > 2,
        "has invisible characters": bool(_INVISIBLE.search(line)),
        "is marked as a test": bool(re.match(r"\[test\]", line, re.IGNORECASE)),
        "begins or ends with a space": subject.rendered.subject != subject.rendered.subject.strip(),
    }
    for what, there in problems.items():
        if there:
            yield warning(
                f"The subject {what}, which spam filters count against a mail.",
                "Write it as you would to somebody you know.",
                key_place(subject.issue.letter, "subject"),
            )


@rule("subj.encoding")
def encoding(subject: Subject) -> Iterator[Fault]:
    """The subject has no control characters, decodes, and its encoded words are at most 75 long (RFC 2047 §2)."""
    place = key_place(subject.issue.letter, "subject")
    line = subject.subject_line
    if _CONTROL.search(line):
        yield error("The subject contains a line break or a control character.", "Type it again.", place)
    if "\ufffd" in line or any("\ud800" <= character <= "\udfff" for character in subject.rendered.subject):
        yield error("The subject contains a character that no mail can carry.", "Delete the broken character.", place)
    for raw in subject.mail.get_all("Subject", []):
        lines = str(raw).splitlines()
        long_word = any(len(word) > 75 for word in _ENCODED_WORD.findall(str(raw)))
        long_line = any(len(each) > 76 and _ENCODED_WORD.search(each) for each in lines)
        if long_word or long_line or not str(raw).isascii() or _ENCODED_WORD.search(line):
            yield error(
                f"The subject {short(line)!r} is not encoded as RFC 2047 asks.",
                "Please report this: the program encodes it itself.",
                place,
            )


@rule("pre.present")
def preheader(subject: Subject) -> Iterator[Fault]:
    """The preheader has 40 to 130 characters and says something else than the subject."""
    text = subject.preheader
    place = key_place(subject.issue.letter, "preheader")
    if not text:
        problem = "There is no preheader, so inboxes show whatever words come first."
    elif " ".join(text.lower().split()) == " ".join(subject.subject_line.lower().split()):
        problem = "The preheader repeats the subject."
    elif len(text) < 40:
        problem = f"The preheader has only {len(text)} characters, so inboxes fill up with the words after it."
    elif len(text) > 130:
        problem = f"The preheader has {len(text)} characters; inboxes show 130 at most."
    else:
        return
    yield warning(
        problem, 'Write "preheader: …" in the front matter: 40 to 130 characters that go on from the subject.', place
    )

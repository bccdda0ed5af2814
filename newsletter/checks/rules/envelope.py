"""Subject and preheader: the two lines that decide whether the rest is read."""

from __future__ import annotations

import re
from collections.abc import Iterator

from newsletter.checks.registry import ERROR, WARNING, Fault, error, rule, warning
from newsletter.checks.sheets import attribute
from newsletter.checks.sources import key_place
from newsletter.checks.subject import Subject, short
from newsletter.rendering.slots import TOKEN

LONGEST_SUBJECT = 78
LONG_NAME = 25

_EMOJI = re.compile("[\U0001f1e6-\U0001f1ff\U0001f300-\U0001faff\u2600-\u27bf]")
_INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff]")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_ENCODED_WORD = re.compile(r"=\?[^?\s]+\?[bq]\?[^?\s]*\?=", re.IGNORECASE)


@rule("subj.length", WARNING)
def length(subject: Subject) -> Iterator[Fault]:
    """A subject shorter than 10 or longer than 78 characters is a warning."""
    size = len(subject.subject_line)
    place = key_place(subject.issue.letter, "subject")
    if size < 10:
        yield warning(f"The subject has only {size} characters.", "Say in a few words what readers will get.", place)
    elif size > LONGEST_SUBJECT:
        yield warning(
            f"The subject has {size} characters; phones show about 45, and nobody shows more than 78.",
            "Shorten it; the preheader has room for the rest.",
            place,
        )


@rule("subj.shout", WARNING)
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


@rule("subj.encoding", ERROR)
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


@rule("pre.present", WARNING)
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


@rule("pre.hidden-style", WARNING)
def hidden_style(subject: Subject) -> Iterator[Fault]:
    """Hidden text is hidden with display: none, not with tiny or transparent letters, which count as a spammer's trick.

    SpamAssassin gives a point to the usual recipe (font-size: 1px), and none without it.
    """
    for element in subject.elements:
        values = {each.name: each.value.lower() for each in attribute(element.get("style") or "")}
        if values.get("display") != "none" and not (values.get("max-height") or "").startswith("0"):
            continue
        if not element.text_content().strip():
            continue
        size = re.match(r"([01](?:\.\d+)?)(?:px|pt|em)?$", values.get("font-size", ""))
        clear = values.get("color") in {"transparent", "#ffffff", "#fff", "white"} or values.get("opacity") == "0"
        if (size and size[0] != "1em") or clear:
            what = f"font-size: {values['font-size']}" if size else "letters without colour"
            yield warning(
                f"The hidden text at the top uses {what}, for which spam filters give points.",
                "Hide it with display: none; max-height: 0; overflow: hidden; mso-hide: all, and nothing else.",
                subject.theme.find(f"font-size: {values.get('font-size')}", "preheader }}"),
            )
            return


@rule("slot.in-subject", WARNING)
def merge_tag_in_subject(subject: Subject) -> Iterator[Fault]:
    """A subject with a merge tag stays under 78 characters for readers with long names, too.

    Twenty-five characters are counted for a name, whatever stands there in the sample copy.
    """
    length = len(TOKEN.sub("x" * LONG_NAME, subject.rendered.subject))
    if TOKEN.search(subject.rendered.subject) and length > LONGEST_SUBJECT:
        yield warning(
            f"For readers with long names the subject has about {length} characters, and is cut off.",
            "Shorten what stands around the merge tag.",
            key_place(subject.issue.letter, "subject"),
        )

"""DMARC (RFC 9989): which policy holds for the From line, and whether our mail passes it.

The organisation a domain belongs to is found by walking up the DNS tree, not by a list of public suffixes; the tags
`pct`, `rf` and `ri` are history, and no record that is printed here has them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from newsletter.doctor.case import Case
from newsletter.doctor.findings import Finding, Record, error, ok, skipped, warning
from newsletter.doctor.names import Names
from newsletter.doctor.tags import tags

QUERIES = 8
"""Names that are asked at the most on the way up (§4.10)."""
POLICIES = ("none", "quarantine", "reject")
HISTORIC = ("pct", "rf", "ri")
"""Tags that RFC 9989 has taken out."""


@dataclass(frozen=True)
class Step:
    """One name on the way up that has records which begin like DMARC."""

    domain: str
    records: tuple[str, ...]

    @property
    def tags(self) -> dict[str, str]:
        """Those of its only record."""
        return tags(self.records[0])


@dataclass(frozen=True)
class Tree:
    """What walking up from a domain has found."""

    start: str
    steps: tuple[Step, ...]
    has_failed: bool = False
    """Some name could not be asked, so nothing is certain."""

    @property
    def organisation(self) -> str:
        """The organisational domain (§4.10.2); `start` where nobody on the way publishes anything."""
        valid = [step for step in self.steps if len(step.records) == 1]
        for step in valid:
            if step.tags.get("psd") == "n":
                return step.domain
            if step.tags.get("psd") == "y" and step.domain != self.start:
                below = self.start.removesuffix(f".{step.domain}").rpartition(".")[2]
                return f"{below}.{step.domain}"
        return valid[-1].domain if valid else self.start

    @property
    def policy(self) -> Step | None:
        """Where the policy stands: the domain itself, else its organisation, else a public suffix above (§4.10.1)."""
        for wanted in (self.start, self.organisation):
            for step in self.steps:
                if step.domain == wanted and len(step.records) == 1:
                    return step
        return next((step for step in self.steps if len(step.records) == 1 and step.tags.get("psd") == "y"), None)


def climb(names: Names, domain: str) -> Tree:
    """Walk up from `domain` (an A-label), at most 8 names; a domain of many labels skips those in between."""
    labels = domain.split(".")
    steps: list[Step] = []
    has_failed = False
    asked = 0
    while labels and asked < QUERIES:
        here = ".".join(labels)
        answer = names.look_up(f"_dmarc.{here}", "TXT")
        asked += 1
        has_failed = has_failed or answer.has_failed
        found = tuple(value for value in answer.values if re.match(r"v\s*=\s*DMARC1\s*(?:;|$)", value))
        if found:
            steps.append(Step(here, found))
            if len(found) == 1 and tags(found[0]).get("psd") in {"y", "n"}:
                break
        labels = labels[-(QUERIES - 1) :] if len(labels) > QUERIES else labels[1:]
    return Tree(domain, tuple(steps), has_failed)


def examine(case: Case) -> Iterator[Finding]:
    """Look at the policy for the From line, and at what vouches for it."""
    domain = case.sender_domain
    tree = climb(case.names, domain)
    twice = next((step for step in tree.steps if len(step.records) > 1), None)
    policy = tree.policy
    if twice is not None and twice.domain == domain:
        yield error(
            "dns.dmarc",
            f"_dmarc.{domain} holds {len(twice.records)} DMARC records; receivers then take none.",
            "Leave one.",
            Record(f"_dmarc.{domain}", "TXT", twice.records[0]),
        )
    elif policy is not None:
        yield from _policy(case, tree, policy)
    elif tree.has_failed:
        yield warning("dns.dmarc", f"_dmarc.{domain} could not be looked up.", "Run this again; check the network.")
    else:
        yield error(
            "dns.dmarc",
            f"{domain} has no DMARC record, nor has any domain above it; Gmail, Yahoo and Outlook ask for one.",
            "Publish this record; it changes nothing for your mail yet. Add rua=mailto:… to be sent reports.",
            _suggested(case),
        )
    yield from _alignment(case, tree)


def _policy(case: Case, tree: Tree, step: Step) -> Iterator[Finding]:
    found, place = step.tags, f"_dmarc.{step.domain}"
    wanted = found.get("p", "") if step.domain == tree.start else found.get("sp", found.get("p", ""))
    policy = wanted.lower()
    if policy not in POLICIES:
        yield error(
            "dns.dmarc",
            f"The DMARC record at {place} has no usable policy (p={wanted or ''}).",
            "Publish it with p=none, quarantine or reject.",
            _mended(step, p="none"),
        )
        return
    if old := [tag for tag in HISTORIC if tag in found]:
        yield warning(
            "dns.dmarc_history",
            f"The DMARC record at {place} uses {', '.join(old)}, which RFC 9989 has taken out.",
            "Publish it without.",
            _mended(step),
        )
    if found.get("t", "n").lower() == "y":
        yield warning(
            "dns.dmarc_test",
            f"The DMARC record at {place} says t=y: receivers apply less than p={policy}.",
            "Take t=y out when the reports show that all your mail passes.",
            _mended(step, t=""),
        )
    yield from _reports(case.names, step)
    better = "Once reports show that all your mail passes, p=quarantine keeps others from using your name."
    above = "" if step.domain == tree.start else f", which holds for {tree.start},"
    yield ok("dns.dmarc", f"The DMARC policy at {place}{above} is {policy}.", better if policy == "none" else "")


def _alignment(case: Case, tree: Tree) -> Iterator[Finding]:
    policy = tree.policy.tags if tree.policy else {}
    sender, signs, bounces = case.sender_domain, case.config.dkim.domain, case.envelope_domain
    by_dkim = bool(signs) and _is_aligned(case.names, tree, signs, policy.get("adkim", "r"))
    by_spf = _is_aligned(case.names, tree, bounces, policy.get("aspf", "r"))
    if by_dkim:
        also = " So does SPF." if by_spf else f" SPF does not: envelope senders are at {bounces}."
        yield ok("dns.alignment", f"The signature as {signs} vouches for {sender} of the From line.{also}")
    elif signs:
        yield (warning if by_spf else error)(
            "dns.alignment",
            f"The signature as {signs} does not vouch for {sender} of the From line"
            + (f"; only SPF does, through {bounces}, and that ends with the first forwarding." if by_spf else "."),
            f"Sign as {sender}: `newsletter keys dkim --domain {sender}` makes the key and prints what to set.",
        )
    elif by_spf:
        yield skipped(
            "dns.alignment",
            f"SPF vouches for {sender} through {bounces} if your relay keeps our envelope sender; "
            "whether it signs as your domain cannot be seen from here.",
            "Look into the Authentication-Results of a test copy: dmarc=pass is what counts.",
        )
    else:
        yield warning(
            "dns.alignment",
            f"Nothing of ours vouches for {sender} of the From line: mail is not signed here, and envelope senders are "
            f"at {bounces}.",
            "Run `newsletter keys dkim`, or make sure that the relay signs as your domain.",
        )


def _is_aligned(names: Names, tree: Tree, domain: str, mode: str) -> bool:
    """Whether `domain` vouches for the start of the tree: the same (strict), or of one organisation (§4.4).

    While nobody has published anything, or cannot be asked, one that lies in the other will do: the record that is
    printed then stands at the upper one.
    """
    if domain == tree.start:
        return True
    if tree.policy is None:
        return domain.endswith(f".{tree.start}") or tree.start.endswith(f".{domain}")
    return mode.lower() != "s" and climb(names, domain).organisation == tree.organisation


def _reports(names: Names, step: Step) -> Iterator[Finding]:
    """Reports go to another organisation only when that one says so (RFC 9990, as RFC 7489 §7.1 before)."""
    for address in step.tags.get("rua", "").split(","):
        scheme, _, rest = address.strip().partition(":")
        receiver = rest.partition("!")[0].rpartition("@")[2].strip().lower()
        if scheme.lower() != "mailto" or not receiver:
            continue
        if climb(names, receiver).organisation == climb(names, step.domain).organisation:
            continue
        answer = names.look_up(f"{step.domain}._report._dmarc.{receiver}", "TXT")
        if not answer.has_failed and not any(value.startswith("v=DMARC1") for value in answer.values):
            yield warning(
                "dns.dmarc_reports",
                f"DMARC reports about {step.domain} are to go to {receiver}, which has not said that it takes them.",
                f"Have {receiver} publish this record, or choose a mailbox of your own.",
                Record(f"{step.domain}._report._dmarc.{receiver}", "TXT", "v=DMARC1"),
            )


def _suggested(case: Case) -> Record:
    """A first policy, at the highest of our own domains, so that it holds for all of them."""
    home = case.sender_domain
    for other in (case.config.dkim.domain, case.envelope_domain):
        if other and home.endswith(f".{other}"):
            home = other
    return Record(f"_dmarc.{home}", "TXT", "v=DMARC1; p=none")


def _mended(step: Step, **changes: str) -> Record:
    """Its record without what is history, and with these tags changed; an empty value takes a tag out."""
    kept = {name: value for name, value in step.tags.items() if name not in HISTORIC} | changes
    kept.pop("v", None)
    words = ["v=DMARC1", *(f"{name}={value}" for name, value in kept.items() if value)]
    return Record(f"_dmarc.{step.domain}", "TXT", "; ".join(words))

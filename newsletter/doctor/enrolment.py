"""Where to be told of complaints: programmes that cost a form, and without which a sender is blind."""

from __future__ import annotations

from collections.abc import Iterator

from newsletter.doctor.case import Case
from newsletter.doctor.findings import Finding, ok, skipped


def examine(case: Case) -> Iterator[Finding]:
    """Name the programmes. Whether somebody has enrolled cannot be seen from here, so none of this is a fault."""
    if case.is_trying:
        yield skipped("enrolment.programmes", "Complaint programmes matter once mail leaves this machine.")
        return
    signs = case.config.dkim.domain or case.sender_domain
    yield ok(
        "enrolment.gmail",
        "Gmail shows the rate of complaints in Postmaster Tools; keep it below 0.1 %. Whoever once sends 5,000 "
        "messages a day to Gmail, all subdomains together, counts as a bulk sender for good.",
        f"Enrol {signs} at https://postmaster.google.com/ with a TXT record it names.",
    )
    yield ok(
        "enrolment.yahoo",
        "Yahoo and AOL mail back each complaint (Complaint Feedback Loop), by the domain of the DKIM signature.",
        f"Enrol {signs} at https://senders.yahooinc.com/complaint-feedback-loop/ once mail is signed as it.",
    )
    whose = "you, as the owner of the address that mail leaves from" if case.sends_directly else "your relay"
    yield ok(
        "enrolment.microsoft",
        f"Outlook and Hotmail report complaints (JMRP) and reputation (SNDS) by IP address: that is for {whose}.",
        "Enrol at https://sendersupport.olc.protection.outlook.com/snds/" if case.sends_directly else "",
    )

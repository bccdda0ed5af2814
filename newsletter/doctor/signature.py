"""The DKIM key in the DNS (RFC 6376 §3.6.1): is what receivers find the other half of what we sign with?"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from newsletter.doctor.case import Case
from newsletter.doctor.findings import Finding, Record, error, ok, skipped, warning
from newsletter.doctor.tags import tags
from newsletter.errors import ConfigError
from newsletter.transport.dkim_keys import RECOMMENDED_BITS, dns_record, load_key


def examine(case: Case) -> Iterator[Finding]:
    """Compare the published key with ours."""
    settings = case.config.dkim
    if not settings.domain:
        yield skipped(
            "dns.dkim",
            "Mail is not signed here, so no published key can be compared.",
            "When the relay signs, look for dkim=pass with your domain in the Authentication-Results of a test copy.",
        )
        return
    try:
        key = load_key(case.root / settings.key_path)
    except ConfigError:
        return  # told under keys
    ours = dns_record(settings.domain, settings.selector, key)
    yield from _published(case, Record(ours.name, "TXT", ours.value))


def _published(case: Case, ours: Record) -> Iterator[Finding]:
    answer = case.names.look_up(ours.name, "TXT")
    keys = [value for value in answer.values if "p=" in value.replace(" ", "")]
    if answer.has_failed:
        yield warning("dns.dkim", f"{ours.name} could not be looked up.", "Run this again; check the network.")
    elif not keys:
        yield error(
            "dns.dkim",
            f"{ours.name} holds no key, so every signature of ours fails.",
            "Publish this record, or take [dkim] out until it is there. Some forms want the name without your domain, "
            "and the value in one piece without quotes.",
            ours,
        )
    elif len(keys) > 1:
        yield error("dns.dkim", f"{ours.name} holds {len(keys)} keys; receivers may take any.", "Leave one.", ours)
    else:
        yield from _compare(ours, keys[0])


def _compare(ours: Record, published: str) -> Iterator[Finding]:
    found = tags(published)
    theirs = "".join(found.get("p", "").split())
    if not theirs and "p" in found:
        yield error(
            "dns.dkim",
            f"The key at {ours.name} is revoked (p= is empty), so every signature of ours fails.",
            "Make another with `newsletter keys dkim --selector` and a new name, or publish ours again.",
            ours,
        )
    elif theirs != tags(ours.value)["p"]:
        broken = " Quotes or blanks have got into it on the way." if '"' in published or "\\" in published else ""
        cut = " It seems to be cut off." if tags(ours.value)["p"].startswith(theirs) else ""
        yield error(
            "dns.dkim",
            f"The key at {ours.name} is not the one we sign with, so every signature of ours fails.{broken}{cut}",
            "Publish this record in its place; a value over 255 characters stands in several strings, as here.",
            ours,
        )
    elif reason := _unusable(found):
        yield error("dns.dkim", f"The key at {ours.name} cannot be used: {reason}.", "Publish this record.", ours)
    elif "y" in found.get("t", "").split(":"):
        yield warning(
            "dns.dkim",
            f"The key at {ours.name} says t=y: receivers treat our mail as if it were not signed.",
            "Take t=y out when testing is over.",
            ours,
        )
    elif 0 < (bits := _bits(theirs)) < RECOMMENDED_BITS:
        yield warning(
            "dns.dkim",
            f"The key at {ours.name} is ours, with {bits} bits; receivers trust {RECOMMENDED_BITS}.",
            "Make another with `newsletter keys dkim --selector` and a new name.",
        )
    else:
        yield ok("dns.dkim", f"The key at {ours.name} is the one we sign with.")


def _unusable(found: dict[str, str]) -> str:
    if found.get("v", "DKIM1") != "DKIM1":
        return f"v={found['v']} is no version of DKIM"
    if found.get("k", "rsa").lower() != "rsa":
        return f"k={found['k']}, and ours is an RSA key"
    if "h" in found and "sha256" not in found["h"].lower().split(":"):
        return f"h={found['h']} leaves out sha256"
    if "s" in found and not {"*", "email"} & set(found["s"].lower().split(":")):
        return f"s={found['s']} leaves out e-mail"
    return ""


def _bits(published: str) -> int:
    """Length of a published RSA key, 0 when it cannot be told."""
    try:
        key = serialization.load_der_public_key(base64.b64decode(published, validate=True))
    except (binascii.Error, ValueError):
        return 0
    return key.key_size if isinstance(key, rsa.RSAPublicKey) else 0

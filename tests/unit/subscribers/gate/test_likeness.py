"""One mailbox under many spellings, one network under many addresses; and which domains last an hour."""

from __future__ import annotations

import pytest

from newsletter import addresses
from newsletter.subscribers.gate import disposable, likeness


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ada@gmail.com", "A.d.a+spam@googlemail.com"),
        ("ada@example.net", "ADA+1@EXAMPLE.net"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("ada-one@yahoo.com", "ada-two@yahoo.de"),
    ],
)
def test_spellings_of_one_mailbox_count_together(one: str, other: str) -> None:
    assert likeness.mailbox(addresses.parse(one)) == likeness.mailbox(addresses.parse(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a.da@example.net", "ada@example.net"),
        ("ada@example.net", "ada@example.org"),
        ("+a@example.net", "+b@example.net"),
    ],
)
def test_different_mailboxes_count_apart(one: str, other: str) -> None:
    assert likeness.mailbox(addresses.parse(one)) != likeness.mailbox(addresses.parse(other))


@pytest.mark.parametrize(
    ("ip", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("::ffff:203.0.113.9", "203.0.113.0/24"),
        ("127.0.0.1", ""),
        ("10.1.2.3", ""),
        ("::1", ""),
        ("nonsense", ""),
        ("", ""),
    ],
)
def test_network_of_a_visitor(ip: str, network: str) -> None:
    assert likeness.network(ip) == network


def test_domains_of_an_hour_are_known_with_what_lies_in_them() -> None:
    assert disposable.is_disposable("mailinator.com")
    assert disposable.is_disposable("x.mailinator.com")
    assert not disposable.is_disposable("notmailinator.com")
    assert not disposable.is_disposable("example.net")
    assert disposable.is_disposable("example.net", ("example.net",))
    assert all(domain == domain.strip().lower() and "." in domain for domain in disposable.known())

"""Settings: safe to print, and honest about what is this machine."""

from __future__ import annotations

import pytest

from newsletter.transport.smtp import SmtpSettings, is_loopback


def test_password_never_shows_in_the_settings_as_text() -> None:
    settings = SmtpSettings("mail.example.org", username="ada", password="hunter2-secret")
    assert "hunter2" not in f"{settings!r} {settings}"


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST.", "mail.localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]"]
)
def test_this_machine_is_known_by_name(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["mail.example.org", "10.0.0.1", "localhost.example.org", "0.0.0.0", "::", ""])
def test_other_machines_are_not_this_machine(host: str) -> None:
    assert not is_loopback(host)

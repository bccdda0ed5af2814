"""What is looked at without a network: settings, keys, the database."""

from __future__ import annotations

import pytest
from patients import by_id, levels

from newsletter.doctor import database, keys, settings
from newsletter.store import revision


def test_sound_configuration_has_nothing_to_mend(case):
    assert set(levels(settings.examine(case(more='[server]\ntrusted_proxies = ["127.0.0.1"]'))).values()) == {"ok"}


@pytest.mark.parametrize(
    "address", ["us@gmail.com", "us@googlemail.com", "us@web.de", "us@proton.me", "us@hotmail.com"]
)
def test_sender_at_a_provider_of_mailboxes_is_an_error(case, address):
    assert by_id(settings.examine(case(address=address)))["configuration.sender_domain"].level == "error"


def test_what_a_trial_may_leave_for_later_is_a_warning(case):
    tried = case(
        base_url="http://127.0.0.1:8000", address="us@gmail.com", postal="1 Sample Street, 00000 Sampletown", relay=""
    )
    found = levels(settings.examine(tried))
    assert found["configuration.relay"] == "skipped"
    assert {found[f"configuration.{name}"] for name in ("sender_domain", "postal_address", "base_url")} == {"warning"}
    real = case(base_url="http://127.0.0.1:8000", address="us@gmail.com", postal="")
    found = levels(settings.examine(real))
    assert {found[f"configuration.{name}"] for name in ("sender_domain", "postal_address", "base_url")} == {"error"}


def test_https_without_a_trusted_proxy_is_told_with_the_line_to_write(case):
    finding = by_id(settings.examine(case()))["configuration.trusted_proxies"]
    assert finding.level == "warning"
    assert 'trusted_proxies = ["127.0.0.1"]' in finding.remedy


def test_believing_everybody_is_an_error(case):
    found = by_id(settings.examine(case(more='[server]\ntrusted_proxies = ["0.0.0.0/0"]')))
    assert found["configuration.trusted_proxies"].level == "error"


def test_password_in_the_file_is_told_and_not_shown(case):
    relay = '[smtp]\nhost = "smtp.relay.net"\nusername = "us"\npassword = "hunter2-hunter2"'
    finding = by_id(settings.examine(case(relay=relay)))["configuration.secrets"]
    assert finding.level == "warning"
    assert "NEWSLETTER_SMTP__PASSWORD" in finding.remedy
    assert "hunter2" not in f"{finding}"


@pytest.mark.parametrize(
    "more",
    [
        '[database]\nurl = "postgresql+psycopg://news:s3cret@db.spine.org/news"',  # hygiene: allow
        '[feedback]\nmailbox = "imaps://us@mail.spine.org"\npassword = "s3cret"',
        '[webhooks]\nmailgun_key = "s3cret"',
    ],
)
def test_every_kind_of_secret_in_the_file_is_told(case, more):
    finding = by_id(settings.examine(case(more=more)))["configuration.secrets"]
    assert (finding.level, "s3cret" in f"{finding}") == ("warning", False)


def test_key_ring_is_looked_for_and_nobody_else_may_read_it(case, site_folder):
    ring = site_folder / "var" / "keys.toml"
    assert by_id(keys.examine(case()))["keys.ring"].level == "ok"
    ring.chmod(0o644)
    finding = by_id(keys.examine(case()))["keys.ring"]
    assert (finding.level, "chmod 600" in finding.remedy) == ("error", True)
    ring.unlink()
    assert by_id(keys.examine(case()))["keys.ring"].level == "error"


def test_dkim_key_that_is_missing_is_an_error(case):
    found = by_id(keys.examine(case(more='[dkim]\ndomain = "spine.org"')))
    assert (found["keys.dkim"].level, "newsletter keys dkim" in found["keys.dkim"].remedy) == ("error", True)


def test_database_that_others_can_read_is_told(case, site_folder):
    var = site_folder / "var"
    var.chmod(0o755)
    (var / "newsletter.db").chmod(0o644)
    assert by_id(keys.examine(case()))["keys.modes"].level == "warning"
    var.chmod(0o700)
    assert "keys.modes" not in by_id(keys.examine(case()))


def test_sound_database_has_nothing_to_mend(case):
    found = case()
    found.fence().adopt(found.clock())  # the fixture's Site is a copy
    assert levels(database.examine(found)) | {"database.room": "ok"} == {
        "database.schema": "ok",
        "database.fence": "ok",
        "database.writable": "ok",
        "database.room": "ok",
    }


def test_missing_database_is_one_finding(case, site_folder):
    (site_folder / "var" / "newsletter.db").unlink()
    (finding,) = database.examine(case())
    assert (finding.level, "newsletter db upgrade" in finding.remedy) == ("error", True)


def test_old_schema_is_one_finding(case, site_folder):
    found = case()
    with found.database().write() as connection:
        connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{revision.known()[0]}'")
    (finding,) = database.examine(case())
    assert (finding.level, "newsletter db upgrade" in finding.remedy) == ("error", True)


def test_copied_database_is_told(case):
    finding = by_id(database.examine(case()))["database.fence"]
    assert (finding.level, "newsletter db adopt" in finding.remedy) == ("error", True)

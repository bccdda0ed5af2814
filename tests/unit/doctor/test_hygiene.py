"""What must not be committed is found, what may be is let pass, and nothing that was found is repeated."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter import config
from newsletter.doctor.hygiene import REMEDIES, Allowed, Source, allowed, look
from newsletter.errors import ConfigError
from newsletter.tokens import KeyRing

NOTHING = Allowed()


def leaks(text: str | bytes, path: str = "notes.md", passing: Allowed = NOTHING) -> list[str]:
    data = text.encode() if isinstance(text, str) else text
    found = look(Source(path, lambda: data), passing)
    for leak in found:
        assert leak.remedy
        assert len(leak.sentence) < 80
    return [leak.rule for leak in found]


@pytest.mark.parametrize(
    "text",
    [
        "Ask ada.lovelace@firma.de about it",
        "[Write](mailto:ada@firma.co.uk)",
        "https://firma.de/?email=ada%40firma.de",
        'To: "Ada" <ada+news@sub.firma.de>,',
        "größe@müller.de",
    ],
)
def test_addresses_of_people_are_found(text):
    assert leaks(text) == ["address"]


@pytest.mark.parametrize(
    "text",
    [
        "ada@example.org, bob@mail.example.com, x@news.test",
        "git@github.com:firma/letter.git",
        "photo@2x.png and @font-face and @pytest.fixture",
        "npm install lodash@4.17.21",
        "{{ subscriber.email }}",
        "ada@localhost",
        "user @ firma.de",
    ],
)
def test_what_is_nobodys_address_passes(text):
    assert leaks(text) == []


# Put together here, so that no scanner of repositories takes these for real ones.
LETTERS = "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA" * 3


@pytest.mark.parametrize(
    "secret",
    [
        "AKIA" + "ABCDEFGHIJ234567",
        "SG." + LETTERS[:22] + "." + LETTERS[:43],
        "key-" + "0123456789abcdef" * 2,
        "postmark: 01234567-89ab-" + "cdef-0123-456789abcdef",
        "xkeysib-" + "0123456789abcdef" * 4 + "-aBcDeFgHiJkLmNoP",
        "sk_live_" + LETTERS[:24],
        "ghp_" + LETTERS[:36],
        "nlk_abcd2345_" + LETTERS[:43],
        "xoxb-" + "123456789012-" + LETTERS[:12],
    ],
)
def test_secrets_of_a_known_shape_are_found_and_not_repeated(secret):
    for path in ("notes.md", "src/send.py", ".github/workflows/ci.yml"):
        found = look(Source(path, f"x = '{secret}'\n".encode), NOTHING)
        assert [each.rule for each in found] == ["token"], path
        assert secret[8:] not in f"{found}"


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("newsletter.toml", 'password = "correct-horse-7"'),
        ("deploy.yml", "  NEWSLETTER_SMTP__PASSWORD: hunter22"),
        ("settings.ini", "api_key=0123abcd4567"),
        ("README.md", 'export SMTP_SECRET="s3cr3tly"'),
        ("deploy.json", '  "access_token": "9f8e7d6c5b4a",'),
        ("notes.md", "postgresql://news:" + "s3cr3t@db.firma.de/news"),
    ],
)
def test_passwords_beside_a_name_that_says_so_are_found(path, line):
    assert leaks(line, path) == ["password"]


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("README.md", "NEWSLETTER_SMTP__PASSWORD=…"),
        ("deploy.yml", "password: ${{ secrets.SMTP_PASSWORD }}"),
        ("deploy.yml", "password: $SMTP_PASSWORD"),
        ("notes.md", "password = <your password>"),
        ("notes.md", "Set password: changeme-please1"),
        ("settings.toml", "password_file = /run/secrets/smtp1"),
        ("send.py", "password = settings.smtp_password1"),
        ("notes.md", "The token: unsubscribe tokens never expire."),
        ("notes.md", 'news._domainkey IN TXT ( "v=DKIM1; k=rsa; p=' + LETTERS + '" )'),
        ("package-lock.json", '"integrity": "sha512-' + LETTERS + '=="'),
        ("lock.toml", 'hash = "' + "0123456789abcdef" * 4 + '"'),
    ],
)
def test_placeholders_and_public_values_pass(path, line):
    assert leaks(line, path) == []


def test_long_random_value_is_found_where_values_are_given():
    assert leaks(f'salt = "{LETTERS[:44]}"', "settings.toml") == ["random"]
    assert leaks(f'salt = "{LETTERS[:44]}"  # hygiene: allow', "settings.toml") == []
    assert leaks(f"salt = '{LETTERS[:44]}'", "send.py") == []


def test_private_keys_are_found_wherever_they_stand():
    for kind in ("", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "):
        assert leaks(f"-----BEGIN {kind}PRIVATE " + "KEY-----\nAAAA\n", "dkim.pem") == ["private-key"]
    assert leaks("-----BEGIN PUBLIC KEY-----\n", "dkim.pub") == []


def test_files_that_hold_everything_are_found_by_what_they_are(tmp_path, clock):
    KeyRing.create(tmp_path / "keys.toml", clock())
    assert leaks((tmp_path / "keys.toml").read_bytes(), "backup/keys-old.txt") == ["key-ring"]
    assert leaks(b"SQLite format 3\0" + bytes(100), "copy.bin") == ["database"]
    assert leaks(b"", "var/newsletter.db-wal") == ["database"]
    assert leaks("NEWSLETTER_SMTP__PASSWORD=x\n", ".env")[0] == "env-file"
    assert leaks("# NEWSLETTER_SMTP__PASSWORD=…\n", ".env") == []
    assert leaks("NEWSLETTER_SMTP__PASSWORD=\n", ".env.example") == []


def test_list_of_readers_is_one_finding():
    rows = "email,name\n" + "".join(f"reader{number}@firma.de,R\n" for number in range(50))
    for data in (rows.encode(), rows.encode("utf-16")):
        (leak,) = look(Source("readers.csv", lambda data=data: data), NOTHING)
        assert (leak.rule, leak.line) == ("subscribers", 0)
        assert "50 people" in leak.sentence
    assert leaks("email,name\nada@example.org,Ada\n", "readers.csv") == []


def test_findings_carry_the_line():
    (leak,) = look(Source("a.md", lambda: b"one\ntwo\nada@firma.de\n"), NOTHING)
    assert (leak.path, leak.line) == ("a.md", 3)


def test_own_addresses_and_those_of_the_list_pass(site_folder: Path):
    settings, _ = config.parse(
        (site_folder / "newsletter.toml").read_text("utf-8").replace("news.example.org", "spine.org"), site_folder, {}
    )
    (site_folder / ".hygiene").write_text(
        "# why\nnora@firma.de  # the press reads her\n@partner.org\nlegal/* address password\nold/* # all of it\n",
        "utf-8",
    )
    passing = allowed.read(site_folder, settings, REMEDIES)
    assert leaks("editor@spine.org nora@firma.de Nora@Firma.de x@mail.partner.org", passing=passing) == []
    assert leaks("other@spine.org", passing=passing) == ["address"]
    assert leaks("ada@firma.de", "legal/a.md", passing) == []
    assert leaks("-----BEGIN PRIVATE " + "KEY-----", "legal/a.md", passing) == ["private-key"]
    assert leaks("-----BEGIN PRIVATE " + "KEY-----", "old/deep/a.md", passing) == []


@pytest.mark.parametrize("line", ["legal/* adress", "ada@firma.de address", "@firma.de address"])
def test_line_of_the_list_that_means_nothing_is_named(site_folder: Path, line: str):
    (site_folder / ".hygiene").write_text(f"# why\n{line}\n", "utf-8")
    with pytest.raises(ConfigError, match="line 2"):
        allowed.read(site_folder, None, REMEDIES)


def test_pictures_and_long_lines_take_no_long_time():
    begun = time.process_time()
    for data in (b"\x89PNG\0" + bytes(3_000_000), b"a" * 4_000_000, b"a@" * 2_000_000, b"token = " + b"=" * 3_000_000):
        look(Source("a.toml", lambda data=data: data), NOTHING)
    assert time.process_time() - begun < 3


@given(st.binary(max_size=400), st.sampled_from(["a.md", "a.toml", "a.csv", ".env", "a"]))
def test_any_file_can_be_looked_at(data, path):
    look(Source(path, lambda: data), NOTHING)


def test_file_that_cannot_be_read_says_nothing(tmp_path):
    assert look(Source("gone.md", (tmp_path / "gone.md").read_bytes), NOTHING) == []

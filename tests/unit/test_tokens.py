"""Links and envelope senders prove that we made them, for one purpose, for ever."""

from __future__ import annotations

import stat
from pathlib import Path

import factories
import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import ConfigError, TokenError
from newsletter.tokens import KeyRing, SigningKey, Verp, new_uid

RING = KeyRing([SigningKey(1, b"k" * 32, "2026-09-15")], b"s" * 32)
BIG = 2**63 - 1
NUMBERS = st.integers(min_value=0, max_value=2**64 - 1)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@given(st.lists(NUMBERS, max_size=4))
def test_token_gives_back_its_numbers(numbers: list[int]) -> None:
    assert RING.verify("unsubscribe", RING.sign("unsubscribe", *numbers), len(numbers)) == tuple(numbers)


def test_every_changed_character_of_a_token_is_refused() -> None:
    token = RING.sign("confirm", new_uid(), 3)
    for place, letter in enumerate(token):
        for other in ALPHABET:
            if other != letter:
                with pytest.raises(TokenError):
                    RING.verify("confirm", token[:place] + other + token[place + 1 :], 2)


@pytest.mark.parametrize(
    "spoil",
    [
        str.upper,
        str.lower,
        lambda token: token[:-1],
        lambda token: token[1:],
        lambda token: token + "A",
        lambda token: token + "=",
        lambda token: token + "==",
        lambda token: " " + token,
        lambda token: token + "\n",
        lambda token: token[:20] + "=\r\n" + token[20:],
        lambda token: token.replace(token[5], "é"),
        lambda token: token * 2,
        lambda _token: "",
        lambda _token: "test",
        lambda _token: "A" * 100_000,
    ],
)
def test_mangled_token_is_refused(spoil: object) -> None:
    token = RING.sign("confirm", 12345678901234567, 1)
    with pytest.raises(TokenError):
        RING.verify("confirm", spoil(token), 2)  # type: ignore[operator]


@given(st.text(max_size=120))
def test_verifying_anything_at_all_raises_nothing_but_a_token_error(text: str) -> None:
    for check in (
        lambda: RING.verify("confirm", text, 2),
        lambda: RING.read_verp(text),
        lambda: RING.read_verp("b-" + text),
    ):
        with pytest.raises(TokenError):
            check()


def test_token_opens_no_other_door_and_no_other_shape() -> None:
    token = RING.sign("confirm", 1, 2)
    for purpose, count in (("unsubscribe", 2), ("disown", 2), ("", 2), ("confirm", 1), ("confirm", 3)):
        with pytest.raises(TokenError):
            RING.verify(purpose, token, count)


def test_token_of_another_site_is_refused() -> None:
    other = KeyRing([SigningKey(1, b"o" * 32, "2026-09-15")], b"s" * 32)
    with pytest.raises(TokenError):
        other.verify("confirm", RING.sign("confirm", 1, 2), 2)


def test_rotation_signs_with_the_new_key_and_keeps_old_links_working() -> None:
    old = RING.sign("unsubscribe", 1, 2)
    rotated = RING.rotated(factories.START).rotated(factories.START)
    assert rotated.verify("unsubscribe", old, 2) == (1, 2)
    assert rotated.read_verp(RING.verp(Verp(1, 2, 3))) == Verp(1, 2, 3)
    new = rotated.sign("unsubscribe", 1, 2)
    assert rotated.verify("unsubscribe", new, 2) == (1, 2)
    with pytest.raises(TokenError):
        RING.verify("unsubscribe", new, 2)


def test_names_and_suppression_hashes_do_not_change_with_rotation() -> None:
    rotated = RING.rotated(factories.START)
    assert rotated.digest("message-id", 1, 2, 3) == RING.digest("message-id", 1, 2, 3)
    assert rotated.address_hash("ada@example.net") == RING.address_hash("ada@example.net")
    assert rotated.secrets_for("form")[0] == RING.secrets_for("form")[0]
    assert len(rotated.secrets_for("form")) == 2


def test_digest_is_short_opaque_and_depends_on_everything() -> None:
    names = {RING.digest("message-id", *numbers) for numbers in ((1, 2, 3), (1, 2, 4), (1, 3, 3), (2, 2, 3))}
    assert len(names) == 4
    assert all(len(name) == 32 and name == name.lower() and name.isalnum() for name in names)


def test_full_ring_says_so() -> None:
    full = KeyRing([SigningKey(255, b"k" * 32, "")], b"s" * 32)
    with pytest.raises(ConfigError, match="full"):
        full.rotated(factories.START)


@pytest.mark.parametrize("what", [Verp(1, 1, 0), Verp(2**32 - 1, BIG, 2**16 - 1)])
def test_envelope_sender_survives_any_case_within_64_octets(what: Verp) -> None:
    local = RING.verp(what)
    assert len(local) <= 64
    assert local == local.lower()
    for spelling in (local, local.upper(), local.title(), f" {local} "):
        assert RING.read_verp(spelling) == what


def test_every_changed_character_of_an_envelope_sender_is_refused() -> None:
    local = RING.verp(Verp(7, BIG, 1))
    for place, letter in enumerate(local):
        for other in "abcdefghijklmnopqrstuvwxyz234567-":
            if other != letter:
                with pytest.raises(TokenError):
                    RING.read_verp(local[:place] + other + local[place + 1 :])
    with pytest.raises(TokenError):
        RING.read_verp(local[:-1])


def test_leaving_address_names_reader_and_list_in_any_case_and_is_no_envelope_sender() -> None:
    local = RING.leave_address(BIG, 2**32 - 1)
    assert len(local) <= 64
    for spelling in (local, local.upper(), f" {local} "):
        assert RING.read_leave_address(spelling) == (BIG, 2**32 - 1)
    for wrong in (local[:-1], "b-" + local[2:], local[:5] + ("a" if local[5] != "a" else "b") + local[6:], ""):
        with pytest.raises(TokenError):
            RING.read_leave_address(wrong)
    with pytest.raises(TokenError):
        RING.read_verp(local)


# -- the file ----------------------------------------------------------------------------------------


def test_ring_on_disk_is_readable_by_its_owner_only_and_comes_back_equal(tmp_path: Path) -> None:
    path = tmp_path / "var" / "keys.toml"
    made = KeyRing.create(path, factories.START).rotated(factories.START)
    made.save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    loaded = KeyRing.load(path)
    assert loaded.signing == made.signing
    assert loaded.address_hash("a@example.net") == made.address_hash("a@example.net")
    assert [each.name for each in path.parent.iterdir()] == ["keys.toml"]


def test_ring_is_never_made_over_an_existing_one(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    KeyRing.create(path, factories.START)
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="exists already"):
        KeyRing.create(path, factories.START)
    assert path.read_bytes() == before


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o777])
def test_ring_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "keys.toml"
    KeyRing.create(path, factories.START)
    path.chmod(mode)
    with pytest.raises(ConfigError, match="chmod 600"):
        KeyRing.load(path)


def test_missing_ring_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"Restore it from your backup.*newsletter init"):
        KeyRing.load(tmp_path / "keys.toml")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _text: "",
        lambda _text: "\x00\xff",
        lambda text: text[: len(text) // 2],
        lambda text: text.replace("id = 1", 'id = "one"'),
        lambda text: text.replace("[suppression]", "[supression]"),
        lambda text: text.replace("[[signing]]", "[signing]"),
        lambda text: text.replace('secret = "', 'secret = "ä'),
        lambda text: text.replace('secret = "', 'secret = "!'),
        lambda text: text.replace("[[signing]]", "[[singing]]"),
        lambda _text: 'signing = []\n[suppression]\nsecret = ""\n',
        lambda _text: "signing = 5\nsuppression = 5\n",
        lambda _text: '[[signing]]\nid = 1\nsecret = 5\ncreated_at = ""\n[suppression]\nsecret = 5\n',
        lambda _text: '[[signing]]\nid = 1\nsecret = "c2hvcnQ"\ncreated_at = ""\n[suppression]\nsecret = "c2hvcnQ"\n',
        lambda text: text.replace("id = 1", "id = 256"),
        lambda text: text.replace("id = 1", "id = -1"),
    ],
)
def test_damaged_ring_is_one_sentence(tmp_path: Path, spoil: object) -> None:
    path = tmp_path / "keys.toml"
    KeyRing.create(path, factories.START)
    path.write_text(spoil(path.read_text("utf-8")), "utf-8")  # type: ignore[operator]
    with pytest.raises(ConfigError, match=r"keys\.toml"):
        KeyRing.load(path)


def test_ring_of_broken_encoding_or_that_is_a_folder_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    path.write_bytes(b"\xff\xfe\x00")
    path.chmod(0o600)
    for each in (path, tmp_path):
        with pytest.raises(ConfigError, match=r"damaged|cannot be read"):
            KeyRing.load(each)


def test_uids_are_positive_and_fit_a_signed_column() -> None:
    assert all(0 < new_uid() < 2**63 for _ in range(1000))

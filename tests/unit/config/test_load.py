"""One file, then the environment; what is misspelt is said, with the nearest word there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from newsletter import config, starter
from newsletter.config import Config, settable, variable_for
from newsletter.errors import ConfigError

MINIMUM = """
name = "The Steady Spine"
base_url = "https://news.example.org"
{top}
[sender]
address = "editor@news.example.org"
[[lists]]
slug = "steady-spine"
title = "The Steady Spine"
{more}
"""


def load(folder: Path, *, top: str = "", more: str = "", dotenv: str | bytes = b"", **environ: str) -> Config:
    (folder / "newsletter.toml").write_text(MINIMUM.format(top=top, more=more), "utf-8")
    if dotenv:
        (folder / ".env").write_bytes(dotenv if isinstance(dotenv, bytes) else dotenv.encode())
    return config.load(folder, environ)[0]


def refusal(folder: Path, **how: str) -> ConfigError:
    with pytest.raises(ConfigError) as refused:
        load(folder, **how)  # type: ignore[arg-type]
    return refused.value


def test_small_file_is_enough_and_mail_goes_to_the_sandbox(tmp_path: Path) -> None:
    found = load(tmp_path)
    assert found.uses_sandbox
    assert found.is_local
    assert found.from_name == "The Steady Spine"
    assert found.default_list.slug == "steady-spine"
    assert found.database.url == "sqlite:///var/newsletter.db"


@pytest.mark.parametrize(
    ("how", "key", "meant"),
    [
        ({"top": 'langage = "en"'}, "langage", "Did you mean language?"),
        ({"more": '[smpt]\nhost = "x"'}, "smpt", "Did you mean smtp?"),
        ({"more": '[smtp]\nhost = "x"\npasword = "y"'}, "smtp.pasword", "Did you mean password?"),
        ({"more": '[theme]\ncolour = "#123456"'}, "theme.colour", "Known: accent"),
        ({"more": '[[lists]]\nslug = "b"\ntitel = "B"'}, "titel", "Did you mean title?"),
        ({"more": '[[fields]]\nname = "city"\nlable = "Town"'}, "lable", "Did you mean label?"),
        ({"NEWSLETTER_SMTP__PASWORD": "x"}, "NEWSLETTER_SMTP__PASWORD", "NEWSLETTER_SMTP__PASSWORD"),
        ({"NEWSLETTER_LANGAGE": "en"}, "NEWSLETTER_LANGAGE", "NEWSLETTER_LANGUAGE"),
        ({"NEWSLETTER_SMTP_HOST": "x"}, "NEWSLETTER_SMTP_HOST", "NEWSLETTER_SMTP__HOST"),
        ({"NEWSLETTER_LISTS": "[]"}, "NEWSLETTER_LISTS", "Did you mean"),
        ({"dotenv": "NEWSLETTER_NAM=x"}, ".env: NEWSLETTER_NAM", "NEWSLETTER_NAME"),
    ],
)
def test_unknown_key_table_or_variable_names_the_nearest(
    tmp_path: Path, how: dict[str, str], key: str, meant: str
) -> None:
    error = refusal(tmp_path, **how)
    assert key in error.message
    assert "is not a setting" in error.message
    assert meant in error.hint
    assert error.exit_code == 3


def test_variables_of_tests_and_of_the_instance_are_left_alone(tmp_path: Path) -> None:
    assert load(tmp_path, NEWSLETTER_INSTANCE_ID="a", NEWSLETTER_TEST_ANYTHING="b", NEWSLETTERS="c")


def test_environment_beats_dotenv_beats_file(tmp_path: Path) -> None:
    assert load(tmp_path, dotenv="NEWSLETTER_NAME=From .env\nNEWSLETTER_LANGUAGE=de").name == "From .env"
    found, origins = config.load(tmp_path, {"NEWSLETTER_NAME": "From outside"})
    assert (found.name, found.language) == ("From outside", "de")
    assert origins["name"] == "NEWSLETTER_NAME"
    assert origins["language"] == ".env (NEWSLETTER_LANGUAGE)"
    assert origins["sender.address"] == "newsletter.toml"


def test_variable_opens_a_table_the_file_does_not_have(tmp_path: Path) -> None:
    found = load(
        tmp_path, NEWSLETTER_SMTP__HOST="127.0.0.1", NEWSLETTER_SMTP__PORT="2525", NEWSLETTER_SMTP__SECURITY="none"
    )
    assert found.smtp is not None
    assert found.smtp.port == 2525
    assert not found.uses_sandbox


def test_secret_is_read_from_the_file_a_variable_names(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hüsh ${HOME} #1\n", "utf-8")
    found = load(
        tmp_path,
        more='[smtp]\nhost = "smtp.example.org"\nusername = "u"',
        NEWSLETTER_SMTP__PASSWORD_FILE="secret",
    )
    assert found.smtp is not None
    assert found.smtp.password is not None
    assert found.smtp.password.get_secret_value() == "hüsh ${HOME} #1"
    assert "hüsh" not in repr(found)


def test_secret_in_dotenv_is_taken_literally(tmp_path: Path) -> None:
    found = load(
        tmp_path, more='[smtp]\nhost = "smtp.example.org"\nusername = "u"', dotenv="NEWSLETTER_SMTP__PASSWORD=a${HOME}b"
    )
    assert found.smtp is not None
    assert found.smtp.password is not None
    assert found.smtp.password.get_secret_value() == "a${HOME}b"


def test_secret_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    error = refusal(tmp_path, NEWSLETTER_SMTP__PASSWORD_FILE="nowhere")
    assert "NEWSLETTER_SMTP__PASSWORD_FILE" in error.message


def test_lists_of_values_come_from_variables_with_commas(tmp_path: Path) -> None:
    found = load(tmp_path, NEWSLETTER_SERVER__TRUSTED_PROXIES="10.0.0.1,10.0.0.2")
    assert found.server.trusted_proxies == ("10.0.0.1", "10.0.0.2")


@pytest.mark.parametrize("content", [b"name = ", b"\xff\xfe\x00", b"[sender\n", b"name = 1\nname = 2\n"])
def test_file_that_cannot_be_read_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "newsletter.toml").write_bytes(content)
    with pytest.raises(ConfigError, match=r"newsletter\.toml"):
        config.load(tmp_path, {})


def test_dotenv_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\.env"):
        load(tmp_path, dotenv=b"NEWSLETTER_NAME=caf\xe9")


def test_missing_site_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="newsletter init"):
        config.load(tmp_path, {})


def test_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    (tmp_path / "newsletter.toml").write_text("\ufeff" + MINIMUM.format(top="", more=""), "utf-8")
    assert config.load(tmp_path, {})[0].name == "The Steady Spine"


def test_scalar_in_place_of_a_table_is_named(tmp_path: Path) -> None:
    assert "smtp" in refusal(tmp_path, top='smtp = "localhost"').message
    assert "smtp" in refusal(tmp_path, top='smtp = "localhost"', NEWSLETTER_SMTP__HOST="x").message


def test_missing_key_and_number_of_further_faults_are_told(tmp_path: Path) -> None:
    (tmp_path / "newsletter.toml").write_text('base_url = "https://news.example.org"\n', "utf-8")
    with pytest.raises(ConfigError, match=r"name is missing \(2 more\)"):
        config.load(tmp_path, {})


# -- the files that are shipped ----------------------------------------------------------------------


def test_repository_is_a_site(tmp_path: Path) -> None:
    found, _ = config.load(starter.configuration().parent, {})
    assert [each.slug for each in found.lists] == ["steady-spine", "clinic-notes"]


def test_every_commented_key_of_the_example_is_a_setting_that_works(tmp_path: Path) -> None:
    text = starter.configuration().read_text("utf-8")
    uncommented = re.sub(r"(?m)^# (?=\[|[a-z_]+ = )", "", text)
    assert uncommented.count("\n[") > text.count("\n[") + 5
    (tmp_path / "newsletter.toml").write_text(uncommented, "utf-8")
    found, origins = config.load(tmp_path, {"NEWSLETTER_SMTP__PASSWORD": "x"})
    assert found.smtp is not None
    assert found.fields[0].name == "city"
    assert {"theme.accent", "database.durability", "archive.visibility", "keys.file"} <= origins.keys()


def test_every_table_of_the_model_is_shown_in_the_example() -> None:
    text = starter.configuration().read_text("utf-8")
    for key in settable():
        table, _, leaf = key.rpartition(".")
        assert not table or re.search(rf"(?m)^(# )?\[{table}\]", text), key
        assert table or re.search(rf"(?m)^(# )?{leaf} = ", text), key


def test_every_setting_has_a_variable_of_its_own() -> None:
    variables = [variable_for(key) for key in settable()]
    assert len(set(variables)) == len(variables)
    assert "NEWSLETTER_SMTP__PASSWORD" in variables

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


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ({"more": '[smtp]\nhost = "x"\nport = "abc"'}, "smtp.port must be a whole number, not 'abc'."),
        ({"more": '[smtp]\nhost = "x"\nport = 70000'}, "smtp.port must be at most 65535, not 70000."),
        ({"more": '[smtp]\nhost = "x"\nrate = 0'}, "smtp.rate must be more than 0.0, not 0."),
        ({"more": "[smtp]\nhost = 5"}, "smtp.host must be text in quotes, not 5."),
        (
            {"more": '[smtp]\nhost = "x"\nsecurity = "ssl"'},
            'smtp.security must be "starttls", "tls" or "none", not \'ssl\'.',
        ),
        ({"more": '[smtp]\nusername = "u"'}, "smtp.host is missing."),
        (
            {"more": '[smtp]\nhost = "x"\nusername = "u"'},
            "smtp: a username needs a password: set NEWSLETTER_SMTP__PASS",
        ),
        ({"more": '[smtp]\nhost = "x"\npassword = 77'}, "smtp.password must be text in quotes."),
        ({"more": '[theme]\naccent = "red"'}, "theme.accent must be a colour such as \"#0b6b63\", not 'red'."),
        ({"top": 'language = "english"'}, 'language must be a language such as "en" or "pt-BR", not \'english\'.'),
        ({"top": 'smtp = "localhost"'}, "smtp must be a table, written as [smtp]."),
        ({"top": 'fields = "city"'}, "fields must be a table, written as [[fields]]."),
        (
            {"more": "[server]\ntrusted_proxies = [1]"},
            "the first value of server.trusted_proxies must be text in quotes",
        ),
        ({"more": '[server]\ntrusted_proxies = "a"'}, "server.trusted_proxies must be a list in brackets, not 'a'."),
        (
            {"more": '[[lists]]\nslug = "b"\ntitle = "B"\nbuton = 1'},
            "the second [[lists]] (b): buton is not a setting.",
        ),
        ({"more": '[[lists]]\nslug = "b"'}, "the second [[lists]] (b): title is missing."),
        ({"more": '[[lists]]\nslug = "b"\ntitle = "B"\ngoodbye = 7'}, "(b): goodbye must be true or false, not 7."),
        ({"more": '[[fields]]\nname = "A"'}, "the first [[fields]] (A): a field name consists of"),
        ({"NEWSLETTER_SERVER__PORT": "abc"}, "NEWSLETTER_SERVER__PORT: server.port must be a whole number, not 'abc'."),
        ({"NEWSLETTER_SENDER__ADDRESS": "me"}, "sender.address: That is not an e-mail address we can send to."),
        ({"NEWSLETTER_NAME": " "}, "NEWSLETTER_NAME: name must not be empty."),
    ],
)
def test_wrong_value_is_told_in_the_words_of_the_file_with_a_remedy(
    tmp_path: Path, how: dict[str, str], sentence: str
) -> None:
    error = refusal(tmp_path, **how)
    assert sentence in error.message
    assert error.hint
    assert "config show" not in str(error)
    assert not re.search(r"\.\.(?!\.)|Input should|Field required|pydantic", str(error))


def test_wrong_password_is_never_repeated(tmp_path: Path) -> None:
    assert "77" not in refusal(tmp_path, more='[smtp]\nhost = "x"\npassword = 7755').message


def test_syntax_error_has_a_remedy(tmp_path: Path) -> None:
    assert "docs/configuration.md" in refusal(tmp_path, top="langage = en").hint


def test_empty_variable_counts_as_unset(tmp_path: Path) -> None:
    found = load(tmp_path, dotenv="NEWSLETTER_LANGUAGE=\nNEWSLETTER_SMTP__HOST=''", NEWSLETTER_NAME="")
    assert (found.name, found.language) == ("The Steady Spine", "en")
    assert found.uses_sandbox
    assert load(tmp_path, dotenv="NEWSLETTER_NAME=Inner", NEWSLETTER_NAME="").name == "Inner"


@pytest.mark.parametrize("line", ["this is nonsense", "NEWSLETTER_NAME='open", "=x"])
def test_line_of_dotenv_that_cannot_be_parsed_is_named(
    tmp_path: Path, line: str, capfd: pytest.CaptureFixture[str]
) -> None:
    error = refusal(tmp_path, dotenv=f"# secrets\n\nNEWSLETTER_LANGUAGE=de\n\n{line}\n")
    assert ".env, line 5 cannot be understood" in error.message
    assert "NAME=value" in error.hint
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("where", ["dotenv", "environment"])
def test_login_without_a_relay_waits_for_one(tmp_path: Path, where: str) -> None:
    login = {"NEWSLETTER_SMTP__USERNAME": "u", "NEWSLETTER_SMTP__PASSWORD": "p"}
    if where == "dotenv":
        (tmp_path / ".env").write_text("\n".join(f"{key}={value}" for key, value in login.items()), "utf-8")
        (tmp_path / ".env").chmod(0o600)
    (tmp_path / "newsletter.toml").write_text(MINIMUM.format(top="", more=""), "utf-8")
    found, origins = config.load(tmp_path, login if where == "environment" else {})
    assert found.uses_sandbox
    assert "smtp.password" not in origins
    [warning] = origins.warnings
    assert "NEWSLETTER_SMTP__PASSWORD" in warning
    assert "is ignored" in warning


def test_password_in_a_dotenv_that_others_can_read_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "newsletter.toml").write_text(MINIMUM.format(top="", more='[smtp]\nhost = "x.example"'), "utf-8")
    (tmp_path / ".env").write_text("NEWSLETTER_SMTP__PASSWORD=p\n", "utf-8")
    (tmp_path / ".env").chmod(0o640)
    [warning] = config.load(tmp_path, {})[1].warnings
    assert "chmod 600" in warning
    (tmp_path / ".env").chmod(0o600)
    assert config.load(tmp_path, {})[1].warnings == []


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


def test_limits_of_providers_come_from_the_file_or_a_variable(tmp_path: Path) -> None:
    found = load(tmp_path, more='[pacing]\nrate = 20\nproviders = { "gmail.com" = 5, "gmx.net" = 2.5 }')
    assert (found.pacing.rate, found.pacing.providers) == (20.0, {"gmail.com": 5.0, "gmx.net": 2.5})
    found = load(tmp_path, NEWSLETTER_PACING__PROVIDERS="gmail.com=5, gmx.net=2.5")
    assert found.pacing.providers == {"gmail.com": 5.0, "gmx.net": 2.5}


@pytest.mark.parametrize("providers", ['{ "gmail.com" = 0 }', '"gmail.com"', '{ "not a name" = 5 }', "5"])
def test_limit_of_a_provider_that_cannot_be_used_is_named(tmp_path: Path, providers: str) -> None:
    assert "pacing.providers" in refusal(tmp_path, more=f"[pacing]\nproviders = {providers}").message

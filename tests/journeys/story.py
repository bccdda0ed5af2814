"""Every page there is, in the order in which a reader may meet them, in any language, with JavaScript or without.

The story walks and looks: at every page it sees the right heading, status, language and direction, and that nothing
runs off the screen. It yields the name of each scene while the page is open, so that whoever tells it can
photograph the page, put it before axe, or simply let it go by.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from babel.messages.pofile import read_po
from journeys.visitor import Visitor
from served import ServedSite, link, run

from newsletter import config, starter
from newsletter.rendering.translation import FOLDER
from newsletter.transport.sandbox import ParsedMail

ISSUE = "001-why-your-back-hurts"
TITLE = "Why your back hurts, and where to begin"
LANGUAGES = ("en", "de", "fr", "es", "he")
"""The last one is read from right to left, and nobody has translated it: `prepare` writes a pretence of it."""

SETTINGS = {
    "NEWSLETTER_LANGUAGES": ",".join(LANGUAGES),
    "NEWSLETTER_SIGNUPS__PROOF": "never",  # all visitors come from one network
}

FIELDS = """
[[fields]]
name = "city"
label = "Your town"

[[fields]]
name = "patients"
type = "number"
label = "Patients in a week"
required = true

[[fields]]
name = "since"
type = "date"
label = "In practice since"

[[fields]]
name = "clinician"
type = "boolean"
label = "I treat patients"
"""

GERMAN = {
    "Practical, evidence-minded letters about low back pain and movement, every four weeks.": (
        "Praktische, gut belegte Briefe über Rückenschmerzen und Bewegung, alle vier Wochen."
    ),
    "Stand taller. Hurt less.": "Aufrechter stehen. Leichter leben.",
    "Yes, I want a steadier back": "Ja, ich will einen stärkeren Rücken",
    "Your town": "Ihr Ort",
    "Patients in a week": "Patientinnen und Patienten in einer Woche",
    "In practice since": "In der Praxis seit",
    "I treat patients": "Ich behandle Patientinnen und Patienten",
}


def prepare(folder: Path) -> None:
    """Give the example Site everything a page can show: extra fields, a farewell, words in other languages."""
    file = folder / "newsletter.toml"
    text = file.read_text("utf-8").replace('slug = "steady-spine"\n', 'slug = "steady-spine"\ngoodbye = true\n', 1)
    file.write_text(text + FIELDS, "utf-8")
    settings, _ = config.load(folder, {})
    own = [str(value) for each in settings.lists for value in each.model_dump().values() if isinstance(value, str)]
    own += [each.label for each in settings.fields]
    with (starter.templates() / FOLDER / "de.po").open("rb") as packaged:
        interface = [each.id for each in read_po(packaged) if isinstance(each.id, str) and each.id]
    catalogues = folder / "templates" / FOLDER
    catalogues.mkdir(parents=True, exist_ok=True)
    _write(catalogues / "de.po", GERMAN)
    _write(catalogues / "he.po", {each: hebrew(each) for each in dict.fromkeys([*interface, *own]) if each})


def hebrew(text: str) -> str:
    """`text` in the letters of a language that is read from right to left; what is code in it stays."""
    parts = re.split(r"(%\(\w+\)s|<[^>]*>|%%)", text)
    letters = str.maketrans("abcdefghijklmnopqrstuvwxyz", "אבגדהופגהיקלמנופקרסתובוצית")
    return "".join(part if number % 2 else part.lower().translate(letters) for number, part in enumerate(parts))


def _write(path: Path, texts: dict[str, str]) -> None:
    entries = (
        f"msgid {json.dumps(each)}\nmsgstr {json.dumps(text, ensure_ascii=False)}\n" for each, text in texts.items()
    )
    path.write_text("\n".join(entries), "utf-8")


def publish(site: ServedSite) -> None:
    """Send the first issue to one reader, so that there is an archive."""
    site.command("subscriber", "add", "grace@example.net", "--confirmed", "--basis", "asked on paper")
    site.command("send", ISSUE, "--yes", "--expect", "1")


def story(ada: Visitor, name: str = "ada") -> Iterator[str]:
    """All of it; `name` is the reader's, so that several can live on one Site."""
    address = f"{name}@example.net"
    yield from signing_up(ada, address)
    yield from confirming(ada, address)
    yield from disowning(ada, f"not-{address}")
    yield from reading(ada)
    yield from replying(ada)
    yield from choosing(ada, address)
    yield from leaving(ada, address)
    yield from vanishing(ada, address, f"new-{address}")
    yield from going_wrong(ada)


def fill_in(visitor: Visitor, address: str) -> None:
    """The form on the start page, as far as it has to be."""
    visitor.field("Your e-mail address").fill(address)
    visitor.field("Your name").fill("Ada Byron")
    if visitor.field("Patients in a week").count():
        visitor.field("Patients in a week").fill("12")


def signing_up(visitor: Visitor, address: str) -> Iterator[str]:
    """The form, a mistake in it, the one more click of whoever is quick, and the page that sends to the inbox."""
    visitor.open("/")
    visitor.sees("Stand taller. Hurt less.")
    yield "signup"
    fill_in(visitor, "ada@example")
    visitor.field("Clinic Notes").check()
    visitor.press("Yes, I want a steadier back")
    visitor.sees("Stand taller. Hurt less.", 400)
    visitor.reads("That is not an e-mail address we can send to.")
    assert visitor.page.evaluate("document.activeElement.className") == "summary"
    yield "signup-mistake"
    visitor.page.get_by_role("alert").get_by_role("link").click()
    assert visitor.page.evaluate("document.activeElement.id || 'email'") == "email"
    assert visitor.field("Clinic Notes").is_checked()
    visitor.field("Your e-mail address").fill(address)
    visitor.press("Yes, I want a steadier back")
    visitor.sees("One more click")
    yield "interstitial"
    visitor.press("Yes, I want a steadier back")
    visitor.sees("Check your inbox")
    yield "check-inbox"


def confirming(visitor: Visitor, address: str) -> Iterator[str]:
    """The mail with the link, the page with the button, and both once more."""
    mail = visitor.mail(address, "Please confirm: %(name)s")
    yield from letter(visitor, mail.mail.id, "mail-confirm")
    for _ in range(2):  # the first look has changed nothing
        visitor.open(link(mail, "/confirm/"))
        visitor.sees("Please confirm")
    yield "confirm"
    visitor.press("Confirm my subscription")
    visitor.sees("You are in")
    yield "confirmed"
    visitor.open(link(mail, "/confirm/"))
    visitor.sees("Already confirmed")
    yield "already-confirmed"
    welcome = _welcome(visitor, address)
    yield from letter(visitor, welcome.mail.id, "mail-welcome")


def disowning(visitor: Visitor, address: str) -> Iterator[str]:
    """Somebody else's address was typed in; its owner wants to be left alone."""
    visitor.open("/lists/clinic-notes")
    visitor.sees("From our clinic to yours.")
    fill_in(visitor, address)
    visitor.press("Yes, send me the notes")
    visitor.press("Yes, send me the notes")
    visitor.sees("Check your inbox")
    mail = visitor.mail(address, "Please confirm: %(name)s")
    visitor.open(link(mail, "/confirm/"))
    visitor.follow("This was not me")
    visitor.sees("This was not you?")
    yield "not-me"
    visitor.press("Never write to this address")
    visitor.sees("We leave you alone")
    yield "disowned"
    visitor.open(link(mail, "/confirm/"))
    visitor.sees("This request was withdrawn", 410)
    yield "expired"


def reading(visitor: Visitor) -> Iterator[str]:
    """Past issues, which are in the language of the Site, and the feeds they lead to."""
    visitor.open("/archive/")
    visitor.sees("Past issues", language="en")
    yield "archive"
    for kind in ("RSS", "Atom", "JSON Feed"):
        path = visitor.page.get_by_role("link", name=kind, exact=True).get_attribute("href")
        feed = visitor.context.request.get(visitor.site.url + str(path))
        assert feed.ok, kind
        assert TITLE in feed.text(), kind
    visitor.page.get_by_role("link", name=TITLE).click()
    visitor.sees(TITLE, language="en")
    yield "archive-issue"


def replying(visitor: Visitor) -> Iterator[str]:
    """The form under an issue; its answers are in the reader's language."""
    page = visitor.page
    page.get_by_label("Your name, as it will be shown").fill(" ")
    page.get_by_label("Your e-mail address, for the editor only").fill("ada@example.net")
    page.get_by_label("Your reply").fill("Walking helps me most.\n\nThank you!")
    page.get_by_role("button", name="Send my reply").click()
    visitor.sees("Your reply", 400)
    visitor.reads("Please say who you are; a first name will do.")
    yield "reply-mistake"
    visitor.field("Your name, as it will be shown").fill("Ada")
    visitor.press("Send my reply")
    visitor.sees("Thank you for your reply")
    yield "reply-received"
    visitor.follow("Back to the issue")
    visitor.sees(TITLE, language="en")
    page.get_by_label("Your name, as it will be shown").fill("Ada")
    page.get_by_label("Your e-mail address, for the editor only").fill("ada@example.net")
    page.get_by_label("Your reply").fill("Too quick for a person.")
    page.get_by_role("button", name="Send my reply").click()
    visitor.sees("One more click")
    yield "reply-again"


def choosing(visitor: Visitor, address: str) -> Iterator[str]:
    """What the link of any mail lets a reader do: lists, pause, language; and have a better link mailed."""
    visitor.open(link(_welcome(visitor, address), "/preferences/"))
    visitor.sees("Your preferences")
    yield "preferences"
    assert address not in visitor.page.content()
    assert "Ada Byron" not in visitor.page.content()
    visitor.field("Clinic Notes").uncheck()
    visitor.field("Pause").select_option("30")
    visitor.press("Save")
    visitor.reads("Saved.")
    assert not visitor.field("Clinic Notes").is_checked()
    visitor.field("Pause").select_option("0")
    visitor.press("Save")
    visitor.reads("Saved.")
    visitor.press("Mail me a link")
    visitor.sees("Your preferences")
    yield "preferences-mailed"


def vanishing(visitor: Visitor, address: str, new_address: str) -> Iterator[str]:
    """What only a fresh link does: name and fields, lists at once, another address, everything on file, the end."""
    mail = visitor.mail(address, "Your preferences: %(name)s")
    yield from letter(visitor, mail.mail.id, "mail-access")
    visitor.open(link(mail, "/preferences/"))
    visitor.sees("Your preferences")
    assert visitor.field("Your name").input_value() == "Ada Byron"
    visitor.field("Your name").fill("Ada King")
    visitor.field("Your town").fill("Ockham")
    visitor.field("Clinic Notes").check()
    visitor.press("Save")
    visitor.reads("Saved.")
    assert visitor.field("Clinic Notes").is_checked()
    assert visitor.field("Your town").input_value() == "Ockham"
    yield "preferences-fresh"
    with visitor.page.expect_download() as download:
        visitor.follow("Download everything as a file (JSON)")
    assert "Ada King" in Path(download.value.path()).read_text("utf-8")
    visitor.field("Your new e-mail address").fill(address)
    visitor.press("Write to this address")
    visitor.sees("Your preferences", 400)
    visitor.reads("That is the address we have already.")
    yield "preferences-mistake"
    visitor.field("Your new e-mail address").fill(new_address)
    visitor.press("Write to this address")
    visitor.sees("Your preferences")
    yield "preferences-asked"
    move = visitor.mail(new_address, "Is this your new address? %(name)s")
    yield from letter(visitor, move.mail.id, "mail-address")
    visitor.open(link(move, "/new-address/"))
    visitor.sees("Is this your new address?")
    yield "new-address"
    visitor.press("This is my address")
    visitor.sees("Your address was changed")
    yield "moved"
    yield from letter(visitor, visitor.mail(address, "Your address was changed: %(name)s").mail.id, "mail-moved")
    visitor.open(link(mail, "/preferences/"))
    visitor.field("Yes, erase everything about me").check()
    visitor.press("Forget me")
    visitor.sees("You are forgotten")
    yield "forgotten"
    visitor.open(link(mail, "/preferences/"))
    visitor.sees("This link is not complete", 404)


def leaving(visitor: Visitor, address: str) -> Iterator[str]:
    """One link, one button; and the farewell says how to come back."""
    welcome = _welcome(visitor, address)
    for _ in range(2):
        visitor.open(link(welcome, "/u/"))
        visitor.sees("Leave this newsletter?")
    yield "unsubscribe"
    visitor.press("Unsubscribe")
    visitor.sees("You are unsubscribed")
    yield "unsubscribed"
    visitor.follow("Sign up again")
    visitor.sees("Stand taller. Hurt less.")
    goodbye = visitor.mail(address, "You have left %(name)s", visitor.say("The Steady Spine"))
    yield from letter(visitor, goodbye.mail.id, "mail-goodbye")
    visitor.open(link(goodbye, "/lists/steady-spine"))
    visitor.sees("Stand taller. Hurt less.")


def going_wrong(visitor: Visitor) -> Iterator[str]:
    """Addresses that lead nowhere, requests no page understands, and links of a test copy."""
    for path, status, title in (
        ("/nowhere", 404, "There is no such page"),
        ("/confirm/of-a-broken-line", 404, "This link is not complete"),
        ("/subscribe", 405, "This page cannot do that"),
        ("/u/test", 200, "This link does nothing"),
    ):
        visitor.open(path)
        visitor.sees(title, status)
        yield f"{status}-{path.split('/')[1]}"
    visitor.open("/")
    visitor.page.locator("form").evaluate("form => { form.enctype = 'text/plain'; form.noValidate = true }")
    visitor.press("Yes, I want a steadier back")
    visitor.sees("That is not a form", 415)
    yield "415"
    visitor.open("/")
    fill_in(visitor, "ada@example.net")
    visitor.field("Your name").evaluate(
        "field => { field.removeAttribute('maxlength'); field.value = 'a'.repeat(20000) }"
    )
    visitor.press("Yes, I want a steadier back")
    visitor.sees("That was too much", 413)
    yield "413"


def _welcome(visitor: Visitor, address: str) -> ParsedMail:
    """The one of the default list; its title is translated as pages translate it."""
    return visitor.mail(address, "Welcome to %(name)s", visitor.say("The Steady Spine"))


def workshop(visitor: Visitor) -> Iterator[str]:
    """What an editor looks at before and after a launch: the preview of an issue, and the sandbox."""
    site, out = visitor.site, visitor.site.folder / "preview"
    words = ("preview", ISSUE, "--out", str(out), "--open")
    done = run("--site", str(site.folder), *words, env={**site.env, "BROWSER": "true"})
    assert done.returncode == 0, done.stderr
    visitor.open((out / f"{ISSUE}.preview.html").as_uri())
    yield "preview"
    visitor.open((out / f"{ISSUE}.html").as_uri())
    yield "mail-issue"
    visitor.open(site.inbox_url + "/")
    yield "inbox"
    visitor.open(f"{site.inbox_url}/mail/{site.mail('grace@example.net', 'Why your back hurts').mail.id}")
    yield "inbox-mail"


def letter(visitor: Visitor, number: str, scene: str) -> Iterator[str]:
    """A mail as the sandbox shows it."""
    visitor.open(f"{visitor.site.inbox_url}/mail/{number}/html")
    yield scene

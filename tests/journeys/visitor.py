"""A person with a browser and a mailbox, who reads one language and has nothing but what everybody has.

Journeys are written in the English words of the interface; a visitor looks for them in the language they read, so
that one journey is walked in every language.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chromium import Complaints, overflow
from served import ServedSite

from newsletter import starter
from newsletter.rendering.translation import direction, load_catalogue

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page, Response

    from newsletter.transport.sandbox import ParsedMail

HEIGHT = 740
VISIBLE = """() => {
  const [element, box] = [document.activeElement, document.activeElement.getBoundingClientRect()];
  const style = getComputedStyle(element);
  const isMarked = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
  return box.right > 0 && box.left < innerWidth && (isMarked || element.type === 'date');
}"""
"""Whether what has the focus shows it, where somebody can see it; the parts of a date show it themselves."""


class Visitor:
    """Opens pages, fills in forms, presses buttons, and sees at every step that the page is what it should be."""

    def __init__(
        self,
        browser: Browser,
        site: ServedSite,
        language: str,
        *,
        javascript: bool = True,
        width: int = 375,
        own: tuple[str, ...] = (),
    ) -> None:
        """`own` are further addresses that pages may load from, as of another site that holds a form of ours."""
        self.site = site
        self.language = language
        self.context = browser.new_context(
            java_script_enabled=javascript, viewport={"width": width, "height": HEIGHT}, locale=language
        )
        self.context.set_default_timeout(10_000)
        self.complaints = Complaints(self.context, site.url, site.inbox_url, *own, judge_pages=False)
        self.page: Page = self.context.new_page()
        self.page.on("response", self._note)
        self._status = 0
        self._words = load_catalogue([site.folder / "templates", starter.templates()], language)

    def _note(self, response: Response) -> None:
        if response.request.is_navigation_request() and response.frame == self.page.main_frame:
            self._status = response.status

    # -- words -----------------------------------------------------------------------------------

    def say(self, english: str, **values: object) -> str:
        """A sentence of the interface in the visitor's language."""
        text = self._words.gettext(english)
        return text % values if values else text

    def mail(self, address: str, subject: str, name: str = "The Steady Spine") -> ParsedMail:
        """The newest mail to `address` whose subject is this sentence of the interface."""
        return self.site.mail(address, " ".join(self.say(subject, name=name).split()))  # as the sandbox lists it

    # -- acts ------------------------------------------------------------------------------------

    def open(self, address: str) -> None:
        """Open an address, or a path on the pages of the Site."""
        self.page.goto(self.site.url + address if address.startswith("/") else address)

    def press(self, button: str, *, within: Locator | None = None) -> None:
        """Press the button of this name."""
        (within or self.page).get_by_role("button", name=self.say(button), exact=True).click()

    def follow(self, name: str) -> None:
        """Follow the link of this name."""
        self.page.get_by_role("link", name=self.say(name), exact=True).first.click()

    def field(self, label: str) -> Locator:
        """The field whose label begins so; beside it may stand that it can be left empty."""
        return self.page.get_by_label(self.say(label)).first

    def turn_to(self, page: Page) -> None:
        """Go on in another window."""
        page.on("response", self._note)
        self.page = page

    def reach(self, wanted: Locator) -> None:
        """Press Tab until `wanted` has the focus; everything on the way shows that it has it (WCAG 2.2, §2.4.7)."""
        for _ in range(60):
            self.page.keyboard.press("Tab")
            assert self.page.evaluate(VISIBLE), self.page.evaluate("document.activeElement.outerHTML")
            if wanted.evaluate("each => each === document.activeElement"):
                return
        raise AssertionError(f"the keyboard does not reach {wanted}")

    # -- seeing ----------------------------------------------------------------------------------

    def sees(self, title: str, status: int = 200, language: str = "") -> None:
        """The page's one main heading is `title`, its language and direction are right, and it fits the screen."""
        heading = title if language else self.say(title)
        self.page.get_by_role("heading", level=1).get_by_text(heading, exact=True).wait_for()
        self.page.wait_for_load_state("load")  # styles are part of how wide a page is
        spoken = language or self.language
        assert self.page.get_by_role("heading", level=1).count() == 1
        assert self._status == status, f"{title}: {self._status}"
        root = self.page.locator("html")
        assert (root.get_attribute("lang"), root.get_attribute("dir")) == (spoken, direction(spoken)), title
        assert self.page.title().strip(" ·")
        assert overflow(self.page) == 0, f"{title}: {overflow(self.page)} px too wide"

    def reads(self, sentence: str, **values: object) -> None:
        """This sentence stands on the page."""
        self.page.get_by_text(self.say(sentence, **values)).first.wait_for()

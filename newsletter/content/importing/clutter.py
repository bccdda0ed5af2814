"""Takes out of a page what is not the article: navigation, forms, comments, share bars, related posts, sign-up boxes.

Judged by what an element calls itself (tag, role, class, id), by what it says ("Leave a reply") and by what
it is made of (nothing but links, a form in a small box). An element that holds much of the page's text is
never taken out by its name alone, because some sites call their whole page "sidebar-right".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from newsletter.content.importing.visible import HEADINGS, Sizes, any_of, drop, link_share, names_of, text_of

_ROLES = {
    "navigation",
    "search",
    "banner",
    "contentinfo",
    "complementary",
    "dialog",
    "alertdialog",
    "menu",
    "menubar",
    "form",
    "toolbar",
}
_NAMES = re.compile(
    r"(?:^|[\s_-])(?:"
    r"comments?(?:$|[\s_-])|commentlist|comment-?respond|respond(?:$|\s)|disqus|livefyre|reply|replies|"
    r"share(?:$|[\s_-])|sharing|share-?(?:bar|buttons?|links?|tools?|this)|"
    r"sharedaddy|addtoany|addthis|social(?!-?(?:science|work|isolation))|"
    r"related(?:$|[\s_-])|related-?(?:posts?|articles?|stories|content|links|reading)|"
    r"jp-relatedposts|recommend(?:ed|ations?)|"
    r"read-?(?:next|more|also)|more-?(?:stories|articles|from|posts|reading)|up-?next|"
    r"also-?(?:like|read)|trending|popular(?:$|[\s_-])|outbrain|taboola|zergnet|"
    r"newsletters?(?:$|[\s_-])|subscri(?:be|ption)|sign-?up|opt-?in|mailing-?list|"
    r"mc_embed|mc4wp|mailchimp|convertkit|hs-form|email-?(?:form|capture|box)|"
    r"ads?(?:$|[\s_-])|advert\w*|adsbygoogle|dfp|sponsor(?:ed)?|"
    r"promo(?:tion)?s?(?:$|[\s_-])|banner|call-?to-?action|cta(?:$|[\s_-])|"
    r"popups?|modal|overlay|cookies?|gdpr|consent|paywall-?(?:prompt|message)?|"
    r"breadcrumbs?|pagination|pager|paging|post-?nav\w*|nav-?links|"
    r"nav(?:$|[\s_-])|navbar|navigation|menu|menus|sub-?menu|toc(?:$|[\s_-])|"
    r"table-?of-?contents|ez-toc\w*|sidebar|side-?bar|widgets?(?:$|[\s_-])|"
    r"footer(?:$|[\s_-])|site-?header|masthead|topbar|toolbar|"
    r"tags?-?(?:list|links|cloud|s)|tagcloud|post-?tags|entry-?tags|"
    r"cat-?links|print(?:$|[\s_-])|print-?(?:link|button|only)|"
    r"skip-?(?:link|to)|screen-?reader(?:-text)?|sr-only|visually-?hidden|assistive-?text|no-?print|"
    r"author-?(?:box|bio|info|card|profile|description|details|about)|"
    r"about-?(?:the-?)?author|bio-?box|post-?author|entry-?author|"
    r"byline|by-?line|dateline|post-?date|entry-?date|publish(?:ed)?-?date|"
    r"timestamp|entry-?meta|post-?meta|article-?meta|"
    r"meta-?(?:data|info|line)|reading-?time|read-?time|post-?info|"
    r"kicker|eyebrow|rating|ratings|vote|feedback|helpful|reactions?|"
    r"likes?(?:$|[\s_-])|follow-?us|contact-?form|wpcf7|gform\w*|login|search-?(?:form|box)|captcha|"
    r"jump-?to|back-?to-?top|edit-?(?:link|section)|mw-editsection|"
    r"hatnote|navbox|noprint|reviewed-?by|reviewer|fact-?check\w*"
    r")",
    re.IGNORECASE,
)
_SAYS = any_of(
    r"(?:please )?share(?: (?:this|on|via)\b.*)?:?|shares?",
    r"tweet(?: this)?|pin it|e-?mail(?: this.*)?|print(?: this.*)?|save",
    r"print this page.*|how we reviewed this article:?|(?:sources|references) we used.*",
    r"filed under.*|posted in.*|this (?:entry|post) was posted .*|categor(?:y|ies):.*|labels?:.*",
    r"tag(?:s|ged)?(?: (?:with|as|in))?:.*|topics?:.*",
    r"advertise?ments?|ad|sponsored(?: content)?|story continues below.*|article continues (?:below|after).*",
    r"(?:scroll (?:down )?to continue|follow (?:us|me|[\w ]{1,30} on)\b|like us on\b).*",
    r"click here to (?:subscribe|sign up|comment|share).*|get .{0,60} (?:in|to) your inbox.*",
    r"(?:sign up|subscribe|join)\b.{0,90}\b(?:newsletter|e-?mail|inbox|updates|free|list)\b.{0,60}",
    r"(?:leave|post|add|write) (?:a|your) (?:reply|comment).*|\d+ (?:comments?|replies|responses|shares)\b.*",
    r"no comments.*|comments?(?: \(\d+\)| closed| are closed.*| off)",
    r"(?:read|see|learn|view|find) (?:more|next|also)\b.{0,120}|view this image.*|check out more articles.*",
    r"related(?: (?:posts?|articles?|stor(?:y|ies)|reading|content|links?|topics?))?:?|related: .{0,140}",
    r"you (?:may|might) also (?:like|enjoy|be interested).*|recommended(?: for you| reading)?:?|don['’]t miss:? .*",
    r"more (?:from|on|stories|in) .{0,60}|(?:previous|next) (?:post|article|story|page)\b.{0,100}",
    r"(?:previous|next)(?::.{0,100})?|← .*|.* →|« .*|.* »|back to (?:top|home|all|the blog).*|jump to:?.*|skip to .*",
    r"(?:last )?(?:updated|reviewed|modified|published|posted|written)(?: on)?:? .{0,40}\d{4}.{0,20}",
    r"(?:medically |clinically )?reviewed by .{0,90}",
    r"fact.checked by .{0,90}|\d+ min(?:ute)?s? read\W*|reading time:? .{0,20}",
    r"was this (?:article |page |post )?helpful.*|rate this .*|table of contents|contents|in this article:?",
    r"copy link|link copied!?|all rights reserved.*|(?:copyright|©) .{0,120}",
)
_ASKS = any_of(  # these are clutter even where they are whole sentences
    r"(?:sign up|subscribe|join)\b.{0,90}\b(?:newsletter|e-?mail|inbox|updates|free|list)\b.{0,60}",
    r"get .{0,60} (?:in|to) your inbox.*|click here to .*|check out more articles.*|was this .*helpful.*",
    r"(?:leave|post|add) (?:a|your) (?:reply|comment).*|.*comments are closed.*|all rights reserved.*|©.*|copyright .*",
    r"(?:medically )?reviewed by .*|(?:last )?(?:updated|published|posted) .*\d{4}.*",
    r"follow (?:us|me) .*|filed under.*|posted in.*",
    r"this (?:entry|post) was posted .*",
)
_TALK = any_of(
    r"comments?|\d+ (?:comments?|responses?|replies|reply)|leave a (?:reply|comment)|(?:post|add) a comment",
    r"join the (?:discussion|conversation)|what do you think\??",
    r"\d+ (?:thoughts?|responses?|replies|comments?) (?:on|to) .{0,160}",
)
_ENDS = any_of(
    r"related(?: (?:posts?|articles?|stories|reading|content|links?|topics?))?|you (?:may|might) also (?:like|enjoy)",
    r"more (?:from|stories|articles|like this|in|on|posts).{0,50}|recommended(?: (?:for you|reading|articles|posts))?",
    r"read (?:next|more|also)|up next|keep reading|recent posts|popular posts|trending.{0,20}|most (?:read|popular)",
    r"share(?: this.{0,30})?|newsletter",
    r"stay (?:connected|informed|updated|in touch).{0,30}|follow us.{0,40}|tags|categories",
    r"(?:subscribe|sign up|join|get)\b.{0,60}\b(?:newsletter|inbox|e-?mail|updates|list|free)\b.{0,40}",
    r"subscribe|sign up",
)
_ABOUT = any_of(r"(?:about|meet) the authors?|about (?:dr\.? )?[\w.'’-]+ [\w.'’-]+(?:,.{0,40})?|author bio(?:graphy)?")
_KEPT = {"html", "body", "main", "article"}
_INLINE = {"p", "a", "img", "em", "strong", "b", "i", "code", "pre", "blockquote", "td", "th", "tr", "tbody"}
_SMALL = re.compile(
    r"\b(?:byline|post-meta|entry-meta|post-date|comment-|share-|cat-links|tags-links|kicker|eyebrow|dateline|"
    r"screen-reader-text|sr-only|visually-hidden)"
)
_SPEAKING = {
    *(
        "p",
        "div",
        "span",
        "li",
        "ul",
        "ol",
        "section",
        "a",
        "small",
        "strong",
        "em",
        "time",
        "figure",
        "center",
        "font",
        *HEADINGS[1:],
    )
}


def declutter(root: Any) -> None:
    """Take everything out of `root` that is not the article."""
    _drop_forms(root)
    sizes = Sizes(root)
    _walk(root, lambda element: _is_clutter(element, sizes))
    _drop_endings(root)
    sizes = Sizes(root)
    _walk(root, lambda element: _speaks_of_itself(element, sizes[element]))


def _walk(root: Any, is_unwanted: Callable[[Any], bool]) -> None:
    """Drop unwanted elements from the top down, so that nothing within them is looked at."""
    stack = list(reversed(root))
    while stack:
        element = stack.pop()
        if not isinstance(element.tag, str):
            continue
        if is_unwanted(element):
            drop(element)
        else:
            stack.extend(reversed(element))


def _is_clutter(element: Any, sizes: Sizes) -> bool:
    tag = element.tag
    size = sizes[element]
    names = f"{names_of(element)} {element.get('data-component') or ''} {element.get('data-testid') or ''}"
    if tag in {"p", "a"}:
        return size < 300 and bool(_SMALL.search(names))
    if tag in _KEPT or size >= sizes.whole * 0.4:
        return False
    if tag == "td":
        return size < sizes.whole * 0.2 and _is_side_cell(element, size, sizes)
    if tag in {"aside", "footer"} or (element.get("role") or "").lower() in _ROLES:
        return True
    if tag == "header" and size < 300 and next(element.iter("p", "h1"), None) is None:
        return True
    return tag not in _INLINE and bool(_NAMES.search(names))


def _is_side_cell(cell: Any, size: int, sizes: Sizes) -> bool:
    """Whether a cell of a layout table holds links beside a much longer text."""
    row = cell.getparent()
    longest = max((sizes[each] for each in row if each is not cell), default=0)
    linked = sum(sizes[link] for link in cell.iter("a"))
    return longest > 1200 and longest > 5 * size and linked > 0.4 * size


def _speaks_of_itself(element: Any, size: int) -> bool:
    """Whether an element's own words say that it is no part of the article."""
    if element.tag not in _SPEAKING or not 0 < size <= 1600:
        return False
    text = text_of(element)
    if text and len(text) <= 220 and _SAYS.fullmatch(text) and not _inside_sentence(element):
        is_sentence = text[-1] in ".!?…" and len(text.split()) >= 5
        if not is_sentence or _ASKS.fullmatch(text):
            return True
    return _is_list_of_links(element, text)


def _drop_forms(root: Any) -> None:
    """Forms go with the small box they stand in; a form around the whole page only loses its tag."""
    for form in list(root.iter("form")):
        if form.getparent() is None:
            continue
        if len(text_of(form)) > 1500 and len(list(form.iter("p"))) > 3:
            form.drop_tag()
            continue
        box = form
        while (parent := box.getparent()) is not None and parent is not root and parent.tag not in _KEPT:
            longest = max((len(text_of(each)) for each in parent.iter("p", "li")), default=0)
            if len(text_of(parent)) > 700 or longest > 260 or next(parent.iter("h1"), None) is not None:
                break
            box = parent
        drop(box)
    for element in list(root.iter("fieldset", "label", "legend", "output")):
        drop(element)


def _drop_endings(root: Any) -> None:
    """A heading such as "Comments" or "Related posts" takes what follows it along, as far as that is its own."""
    sizes = Sizes(root)
    behind = sizes.whole
    after: dict[Any, int] = {}
    for element in root.iter():
        after[element] = behind
        behind -= len((element.text or "").strip()) + len((element.tail or "").strip())
    for heading in list(root.iter(*HEADINGS)):
        if heading.getparent() is None or heading is root:
            continue
        text = text_of(heading).rstrip(" :")
        if not text or len(text) > 160:
            continue
        is_talk, is_about = bool(_TALK.fullmatch(text)), bool(_ABOUT.fullmatch(text))
        if not (is_talk or is_about or _ENDS.fullmatch(text)) or (
            is_about and text_of(heading) != text_of(heading).rstrip("?")
        ):
            continue
        is_late = after[heading] < sizes.whole * 0.4
        following = list(heading.itersiblings())
        dropped = 0
        for sibling in following:
            if sibling.tag in HEADINGS and sibling.tag <= heading.tag:
                break
            size = len(text_of(sibling))
            is_own = (
                (is_talk and (is_late or sibling.tag != "p"))
                or (is_late and (size < 120 or (is_about and size < 900)))
                or link_share(sibling) > 0.4
            )
            if not is_own:
                break
            drop(sibling)
            dropped += 1
        if dropped or not following:
            drop(heading)


def _inside_sentence(element: Any) -> bool:
    """Whether an inline element stands in a longer text of its own."""
    if element.tag not in {"span", "a", "small", "strong", "em", "time"}:
        return False
    parent = element.getparent()
    return parent is not None and len(text_of(parent)) > len(text_of(element)) + 12


def _is_list_of_links(element: Any, text: str) -> bool:
    if element.tag not in {"ul", "ol", "div", "section"} or not text or len(text) > 1500:
        return False
    links = list(element.iter("a"))
    if len(links) < 2 or (element.tag != "div" and next(element.iter("p"), None) is not None):
        return False
    share = link_share(element)
    if share > 0.8 and all((link.get("href") or "").startswith("#") for link in links):
        return True
    return share > 0.85 and len(links) >= 3 and element.tag in {"div", "section"} and len(text) / len(links) < 90

"""Bylines: who wrote it, told apart from their credentials, their job and the people who only reviewed it.

"By Nora Feld, PT, DPT | September 1, 2026" names one person and two credentials; "Reviewed by Dr. Ames"
names nobody who wrote. Credentials are known abbreviations, or what looks like one behind a comma.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_KNOWN = """
AB AGACNP AGNP ANP APN APRN APRN-CNP ARNP ATC ATC-L ATR AuD BA BAppSc BArch BCh BChir BCPS BDS BEd BM
BMedSc BPharm BS BSc BSN BVSc CAE CCC CCC-SLP CCRN CDCES CDE CEO CES CFA CFP CHES CHT CIMT CLT CMT CNM CNP
CNS CNSC COMT CPA CPH CPO CPT CRNA CSCS CSSD DACM DAOM DC DCh DCN DDS DEd DHSc DLitt DM DMD DMin DMSc DNP
DO DPhil DPM DPsych DPT DrPH DSc DVM EdD EdM EdS ESQ FAAFP FAAN FAANP FAAOMPT FAAOS FAAP FAAPMR FACC FACOG
FACP FACR FACS FACSM FAPTA FCPS FNP FNP-BC FNP-C FRACP FRCP FRCPC FRCS FRCSC FRS GCFP IBCLC JD LAc LCPC
LCSW LCSW-R LD LDN LLB LLM LMFT LMHC LMT LP LPC LPN LVN MA MACP MB MBA MBBCh MBBS MBChB MCSP MD MDiv MEd
MFA MFT MHA MHS MHSc MLIS MM MMed MMSc MN MOccTh MOT MPA MPAS MPH MPharm MPhil MPhty MPP MPT MRCGP MRCP
MRCPsych MS MSc MSCP MSN MSPH MSPT MSW MTh NASM NASM-CPT NCC NCS ND NMD NP NP-C OCS OD OMT OT OTD OTR OTR-L
PA PA-C PCC PCS PE PharmD PhD PMHNP PMHNP-BC PMP PN PsyD PT PTA RCN RD RDH RDMS RDN RM RMT RN RNC RPh RPSGT
RRT RYT ScD SCS SHRM-CP SLP SPHR ThD WCS WHNP
"""
_PLAIN = {re.sub(r"[^a-z]", "", each.lower()) for each in _KNOWN.split()}
_AMBIGUOUS = {
    "ma",
    "do",
    "pa",
    "pe",
    "ba",
    "la",
    "be",
    "ab",
    "dm",
    "nd",
    "ms",
    "pn",
    "ot",
    "od",
    "mn",
    "mm",
    "jd",
    "ld",
    "dc",
}
"""Abbreviations that are also names, states or words: they count only in capitals."""
_LOOKS_LIKE = re.compile(
    r"(?:[A-Z]\.?){2,8}(?:[-/][A-Z]{1,6})?|[A-Z][a-z]?[A-Z][A-Za-z]{0,4}\.?|(?:[A-Z][a-z]?\.){2,4}"
)
_GENERATION = re.compile(r"(?:jr|sr|ii|iii|iv)\.?", re.IGNORECASE)
_NOT_WRITING = re.compile(
    r"\b(?:(?:medically|clinically|expert|scientifically|peer|legally)?[ -]*review(?:ed|er)|fact[ -]?check(?:ed|er)?|"
    r"edited|editor|photos?|photograph(?:ed|s|y)?|pictures?|images?|illustrat(?:ed|ions?)|translated|graphics?|video|"
    r"produced|narrated|sponsored|powered|approved|verified|presented|posted in|filed|geprüft)\b",
    re.IGNORECASE,
)
_BY = re.compile(
    r"^(?:(?:article|story|text|words|post(?:ed)?|written|published|authored|reported|created|guest post|"
    r"an? [a-z]+ )\s+)?(?:by|von|par|por|di|door|author|autor|auteur|writer|geschrieben von|écrit par|written by|"
    r"(?:text|words|story)(?=\s*:))\b\s*:?\s*[-–—]?\s*",
    re.IGNORECASE,
)
_STOP = re.compile(
    r"\s*(?:[|•·⋅∙◆►→\n\t]|\s[-–—]\s|\s{3,}|\b(?:updated|published|posted|written|on|last (?:updated|modified)|"
    r"reviewed|medically|fact[ -]checked|edited|photos?|photography|illustrat\w+|for|in|at|translated|with additional|"
    r"follow|min(?:ute)?s? read|read (?:more|time)|share|filed under|view all)\b\s|"
    r"\b(?:mon|tues?|wed(?:nes)?|thurs?|fri|sat(?:ur)?|sun)(?:day)?\b,?\s|\d).*$",
    re.IGNORECASE | re.DOTALL,
)
_TITLES = re.compile(r"^(?:dr|prof|professor|mr|mrs|ms|sir|dame|rev|doctor)\b\.?\s+", re.IGNORECASE)
_NOBODY = {
    *(
        "admin",
        "administrator",
        "editor",
        "editors",
        "editorial",
        "editorial team",
        "editorial staff",
        "staff",
        "team",
        "author",
    ),
    *(
        "staff writer",
        "staff report",
        "staff reporter",
        "webmaster",
        "user",
        "guest",
        "root",
        "wordpress",
        "unknown",
        "anonymous",
    ),
    *(
        "contributor",
        "contributors",
        "super user",
        "by",
        "none",
        "null",
        "undefined",
        "the editors",
        "newsroom",
        "press release",
    ),
    *(
        "redaktion",
        "site admin",
        "the author",
        "us",
        "me",
        "home",
        "posted",
        "share",
        "login",
        "sign in",
        "subscribe",
        "author name",
    ),
}
_NAME = re.compile(r"[^\W\d_][\w.'’\-]*(?:[ ,&]+(?:[^\W\d_][\w.'’\-]*|&))*\.?", re.UNICODE)


def split_byline(text: str) -> tuple[str, tuple[str, ...]]:
    """Name and credentials of a byline: `By Nora Feld, PT, DPT · 1 Sept 2026` → ("Nora Feld", ("PT", "DPT")).

    The name is empty when the text names nobody (a reviewer, a department, a sentence). Several writers are
    joined with "and", without credentials.
    """
    text = re.sub(r"[\u00a0\u2009\u202f ]+", " ", text).strip()
    if _NOT_WRITING.match(text):
        return "", ()
    text = _BY.sub("", text, count=1)
    text = _STOP.sub("", text).strip(" ,;:|-–—/")
    text = re.sub(r"\s+", " ", text)
    text = re.sub(r"\s*\(@?[^)]*\)?$|\s+@\w+$", lambda m: _bracketed(m[0]), text)
    if not text or len(text) > 160:
        return "", ()
    people = _people(text)
    if len(people) > 1:
        names = [name for name, _ in people]
        return (", ".join(names[:-1]) + " and " + names[-1] if len(names) > 2 else " and ".join(names)), ()
    return people[0] if people else ("", ())


def _bracketed(text: str) -> str:
    """Credentials in brackets become ones behind a comma; handles and remarks go."""
    inner = text.strip(" ()")
    return f", {inner}" if inner and all(is_credential(part) for part in re.split(r"[,\s]+", inner) if part) else ""


def _people(text: str) -> list[tuple[str, tuple[str, ...]]]:
    people: list[tuple[str, tuple[str, ...]]] = []
    for part in re.split(r"\s+(?:and|und|et|y|with)\s+|\s*&\s*|\s*;\s*", text):
        pieces = [piece.strip() for piece in part.split(",") if piece.strip()]
        current: tuple[str, list[str]] | None = None
        for piece in pieces:
            if current and (words := _credentials(piece)):
                current[1].extend(words)
            elif current and _GENERATION.fullmatch(piece):
                current = (f"{current[0]} {piece}", current[1])
            elif current and not is_name(piece):
                break  # a role: "Nora Feld, head of therapy"
            elif current and (_is_role(piece) or (len(piece.split()) == 1 and not people and len(pieces) == 2)):
                break
            else:
                if current:
                    people.append((current[0], _certain(current[1])))
                name, trailing = _trailing_credentials(piece)
                current = (name, list(trailing)) if is_name(name) else None
        if current:
            people.append((current[0], _certain(current[1])))
    return people


def _is_role(text: str) -> bool:
    return bool(
        re.search(
            r"\b(?:editor|writer|reporter|correspondent|director|therapist|founder|author|columnist|contributor|professor|"
            r"head|chief|staff|physician|specialist|nutritionist|dietitian|coach|manager|journalist|researcher|institute|"
            r"university|associate|senior|producer|blogger|doctor|psychologist|surgeon|nurse|president|ceo|co-founder)\b",
            text,
            re.IGNORECASE,
        )
    )


def _trailing_credentials(name: str) -> tuple[str, list[str]]:
    """`Nora Feld PT DPT` → the name and what follows it without commas."""
    words = name.split(" ")
    found: list[str] = []
    while len(words) > 2 and is_credential(words[-1], certain=True):
        found.insert(0, words.pop())
    return " ".join(words), [_tidy(word) for word in found]


def _credentials(piece: str) -> list[str]:
    words = piece.split()
    return [_tidy(word) for word in words] if words and all(is_credential(word) for word in words) else []


def _certain(credentials: list[str]) -> tuple[str, ...]:
    """Unknown abbreviations count only beside known ones: "Alex Perry, BBC" is no degree."""
    return tuple(credentials) if any(is_credential(word, certain=True) for word in credentials) else ()


def _tidy(word: str) -> str:
    return word.strip(",;()").rstrip(".") if word.count(".") <= 1 else word.strip(",;()")


def is_credential(word: str, *, certain: bool = False) -> bool:
    """Whether a word is an abbreviation such as PT, DPT, Ph.D. or FNP-BC; `certain` asks for a known one."""
    word = word.strip(",;()®™")
    plain = re.sub(r"[^a-z]", "", word.lower())
    if plain in _PLAIN:
        is_capital = sum(letter.isupper() for letter in word) >= 2
        return is_capital or (not certain and plain not in _AMBIGUOUS and len(plain) > 2)
    return not certain and len(word) <= 12 and bool(_LOOKS_LIKE.fullmatch(word)) and not _GENERATION.fullmatch(word)


def is_name(text: str) -> bool:
    """Whether this can be what a person is called."""
    text = text.strip()
    words = text.split()
    if not 1 <= len(words) <= 7 or len(text) > 60 or text.lower() in _NOBODY or not _NAME.fullmatch(text):
        return False
    if re.search(r"\b(?:staff|team|editors|newsroom|desk|editorial|redaktion)$", text, re.IGNORECASE):
        return False
    plain = _TITLES.sub("", text)
    big = [word for word in plain.split() if word[:1].isupper() or not word[:1].isascii()]
    return bool(big) and len(big) * 2 >= len(plain.split()) and not _NOT_WRITING.search(plain)


def same_person(one: str, other: str) -> bool:
    """Whether two bylines mean the same name, titles and capitals aside."""
    return plain_name(one) == plain_name(other) != ""


def plain_name(name: str) -> str:
    """A name for comparing: lower case, without title."""
    return re.sub(r"[\s.]+", " ", _TITLES.sub("", name.strip())).strip().casefold()


def join_names(names: Sequence[str]) -> str:
    """`A`, `A and B`, `A, B and C`."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else ""

"""Brings interface texts of templates and code into the catalogues: `make messages`, or `python tests/catalogues.py`.

New sentences arrive without a translation, what nobody says any more leaves, and nothing is guessed. The same texts
give the same bytes, so a test can tell whether a catalogue is up to date by writing it once more.
"""

from __future__ import annotations

import io
import tomllib
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parents[1]
FOLDER = "templates/locale"
OURS = ("noted", "FieldError", "AddressError")
"""What else names a sentence, in Python; its first argument is one."""
WIDTH = 118


def texts(root: Path = ROOT) -> Catalog:
    """Every sentence that templates and code mark for translation, and where."""
    mappings = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["tool"]["babel"]["mappings"]
    methods: list[tuple[str, str]] = []
    options: dict[str, dict[str, str]] = {}
    for mapping in mappings:
        patterns = mapping["pattern"] if isinstance(mapping["pattern"], list) else [mapping["pattern"]]
        methods += [(pattern, mapping["method"]) for pattern in patterns]
        kept = {key: value for key, value in mapping.items() if key not in {"pattern", "method"}}
        options |= dict.fromkeys(patterns, kept)
    keywords = {**DEFAULT_KEYWORDS, **dict.fromkeys(OURS)}
    found = Catalog()
    extracted = extract_from_dir(root, methods, options, keywords, directory_filter=lambda each: _is_ours(root, each))
    for file, _line, message, _comments, context in extracted:
        found.add(message, locations=[(file, 0)], context=context)  # a sentence that moves within its file is no news
    return found


def _is_ours(root: Path, folder: str) -> bool:
    first, *rest = Path(folder).relative_to(root).parts
    return first in {"newsletter", "templates"} and "__pycache__" not in rest


def renewed(path: Path, wanted: Catalog) -> bytes:
    """The catalogue at `path` as it has to be for these sentences; what is translated stays, and so does its head."""
    head, _, _ = path.read_bytes().partition(b"\n\n")
    with path.open("rb") as file:
        catalogue = read_po(file, abort_invalid=True)
    catalogue.update(wanted, no_fuzzy_matching=True)
    body = io.BytesIO()
    write_po(
        body, catalogue, width=WIDTH, omit_header=True, sort_by_file=True, ignore_obsolete=True, include_lineno=False
    )
    return head + b"\n\n" + body.getvalue().strip() + b"\n"


def main() -> None:
    """Renew every catalogue, and say what is left to translate."""
    wanted = texts()
    for path in sorted((ROOT / FOLDER).glob("*.po")):
        path.write_bytes(renewed(path, wanted))
        with path.open("rb") as file:
            missing = [each for each in read_po(file) if each.id and not each.string]
        print(f"{path.relative_to(ROOT)}: {len(missing)} to translate")


if __name__ == "__main__":
    main()

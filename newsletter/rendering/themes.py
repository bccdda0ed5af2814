"""Themes: what an issue can wear, where its files lie, and how a Site takes them over.

A theme is a folder `themes/<name>/` below `templates/`, the packaged one or a Site's own. Its files stand in
for those of the same name in `templates/`, and what it lacks it takes from there, so a theme may be one style
sheet. The default theme lacks everything but a line about itself: `templates/` is what it looks like.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from newsletter import spelling, starter
from newsletter.errors import ConfigError, NotFoundError, RefusedError

DEFAULT = "magazine"
ABOUT = "about.txt"
"""The file in a theme's folder whose first line says what it is like."""
ISSUE = "issue/"
"""Where the templates of an issue are; what is ejected when nothing is named."""


@dataclass(frozen=True)
class Theme:
    """A theme that can be chosen."""

    name: str
    about: str
    is_own: bool
    """Whether it lies in the Site and not in the package."""


@dataclass(frozen=True)
class Ejected:
    """What ejecting wrote, and which files it left as they were because they were there already."""

    written: tuple[Path, ...]
    kept: tuple[Path, ...]


def known(site_templates: Path | None) -> list[Theme]:
    """Every theme there is, the packaged ones first; a Site's own of the same name covers the packaged one."""
    found: dict[str, Theme] = {}
    for templates in (starter.templates(), site_templates):
        if templates is None or not (templates / "themes").is_dir():
            continue
        for folder in sorted((templates / "themes").iterdir(), key=lambda path: (path.name != DEFAULT, path.name)):
            if folder.is_dir() and not folder.name.startswith((".", "_")):
                found[folder.name] = Theme(folder.name, _about(folder), templates is site_templates)
    return list(found.values())


def folders(site_templates: Path | None, name: str) -> list[Path]:
    """Where a template is looked for, first place first: the Site's own, the theme, the default theme.

    Raises `ConfigError` when there is no theme of that name.
    """
    names = [theme.name for theme in known(site_templates)]
    if name not in names:
        raise ConfigError(f"There is no theme {name!r}.", hint=spelling.hint(name, names))
    if site_templates is None:
        return packaged_folders(name)
    own = site_templates / "themes" / name
    return [site_templates, *([own] if own.is_dir() else []), *packaged_folders(name)]


def packaged_folders(name: str) -> list[Path]:
    """The same without anything of a Site's: what `starter/…` names when that theme is in use."""
    theme = starter.templates() / "themes" / name
    return [*([theme] if theme.is_dir() else []), starter.templates()]


def eject(site_templates: Path, name: str, files: tuple[str, ...] = (), *, force: bool = False) -> Ejected:
    """Copy files of a theme into `site_templates`, where they win over it and can be edited.

    `files` are template names such as `issue/theme.css`, or folders such as `issue/partials`; none means all of
    the issue. What exists is kept unless `force`. Raises `NotFoundError` for a name the theme does not have, and
    `RefusedError` where the Site's templates are the packaged ones themselves.
    """
    if site_templates.resolve() == starter.templates().resolve():
        raise RefusedError(
            f"{site_templates} is where the packaged themes are.",
            hint="Edit them there, or eject in a Site of its own.",
        )
    sources = _sources(site_templates, name)
    chosen: dict[str, Path] = {}
    for wanted in files or (ISSUE,):
        matching = {each: path for each, path in sources.items() if each == wanted or each.startswith(_slashed(wanted))}
        if not matching:
            near = spelling.nearest(wanted, sources)
            hint = (
                f"Did you mean {near}?"
                if near
                else f"Without any name, all that an issue of {name} is made of is copied."
            )
            raise NotFoundError(f"The theme {name} has no file {wanted!r}.", hint=hint)
        chosen.update(matching)
    written, kept = [], []
    for each, source in sorted(chosen.items()):
        target = site_templates / each
        if target.exists() and not force:
            kept.append(target)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
        written.append(target)
    return Ejected(tuple(written), tuple(kept))


def _sources(site_templates: Path, name: str) -> dict[str, Path]:
    """Every file that `name` is made of, by its template name, the Site's own copies left aside."""
    found: dict[str, Path] = {}
    for folder in folders(site_templates, name)[1:]:
        for path in folder.rglob("*"):
            each = path.relative_to(folder).as_posix()
            if path.is_file() and each != ABOUT and not each.startswith("themes/"):
                found.setdefault(each, path)
    return found


def _slashed(name: str) -> str:
    return name.rstrip("/") + "/"


def _about(folder: Path) -> str:
    try:
        return (folder / ABOUT).read_text("utf-8").strip().partition("\n")[0]
    except (OSError, UnicodeDecodeError):
        return ""

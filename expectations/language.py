"""Languages as data: one YAML file each in languages/, with how it writes dates, sentences and pages.

The texts of Chinese and English stand side by side in the YAML of each room, `{zh, en}`. A further language brings all
of its own in its one file, under `texts`: by the file they are of (reports/text/texts.yaml) and the keys that lead to
them. Belongs here: reading languages, and putting further ones into the texts of a file. Does not: the texts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "languages"
ROOT = Path(__file__).parent.parent
SIDE_BY_SIDE = ("zh", "en")
"""The languages whose texts stand in the files themselves; the first is that of units and readers by default."""
DEFAULT = SIDE_BY_SIDE[0]
ENGLISH_ALONE = frozenset({"codes", "items", "indicators"})
"""Groups of glossary.yaml whose Chinese is the catalogue's; read as `{en}`."""


class LanguageError(Exception):
    """A language cannot be used: its file says what it should not, or lacks texts; the message names them."""

    exit_status = 2


@dataclass(frozen=True, slots=True)
class Language:
    """How a language writes. Patterns of dates are CLDR's; `excel_…` those of workbooks."""

    code: str
    name: str
    tag: str  # BCP 47, for HTML, mails and documents
    locale: str  # of Babel
    speaks_catalogue: bool  # forms.yaml and checklists.yaml are in it
    month: str
    day: str
    moment: str
    weekday: str
    short_day: str
    short_month: str
    narrow_month: str
    year: str
    excel_day: str
    excel_moment: str
    between_sentences: str
    full_width: bool
    screen_font: str
    page: str  # official | plain: the style of report.docx
    texts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def dated(self, value: date | datetime, pattern: str) -> str:
        """A day or moment, in its own time zone, by one of the patterns."""
        from babel.dates import format_date, format_datetime  # noqa: PLC0415 - light commands write no dates

        if isinstance(value, datetime):
            return str(format_datetime(value.replace(tzinfo=None), pattern, locale=self.locale))
        return str(format_date(value, pattern, locale=self.locale))


def load(raw: bytes) -> Any:
    """The content of a YAML file, by the quick reader where there is one."""
    import yaml  # noqa: PLC0415 - `sixth --help` asks for the codes of languages alone

    return yaml.load(raw, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


@cache
def codes() -> tuple[str, ...]:
    """The codes of all languages: the two of the files first, further ones in the order of their names."""
    found = sorted(path.stem for path in FOLDER.glob("*.yaml"))
    return (*SIDE_BY_SIDE, *(c for c in found if c not in SIDE_BY_SIDE))


def further_languages() -> tuple[bytes, ...]:
    """The files of the languages beside the two whose texts stand in the files themselves."""
    return tuple((FOLDER / f"{code}.yaml").read_bytes() for code in codes()[len(SIDE_BY_SIDE) :])


@cache
def language(code: str) -> Language:
    """The language of a code. Raises LanguageError where its file cannot be used."""
    import yaml  # noqa: PLC0415

    try:
        return Language(code=code, **load((FOLDER / f"{code}.yaml").read_bytes()))
    except (OSError, TypeError, yaml.YAMLError) as error:
        raise LanguageError(f"languages/{code}.yaml: {error}") from error


def read_texts(path: Path, raw: bytes | None = None) -> Any:
    """The content of a YAML file with texts, those of further languages beside the two that stand in it.

    `raw`: its bytes, where they were read already, perhaps from a home's own file of that name. Raises LanguageError
    where a further language lacks a text of the file, or has one that the file does not.
    """
    content = load(path.read_bytes() if raw is None else raw)
    if path.name == "glossary.yaml":
        for group in ENGLISH_ALONE:
            content[group] = {key: {SIDE_BY_SIDE[1]: english} for key, english in content[group].items()}
    further = codes()[len(SIDE_BY_SIDE) :]
    for code in further:
        file = path.relative_to(ROOT).as_posix()
        _add(content, code, language(code).texts.get(file, {}), file)
    return content


def _add(content: Any, code: str, told: Mapping[str, Any], file: str) -> None:
    there = {".".join(keys): text for text, keys in _texts(content)}
    if lacking := sorted(there.keys() - told.keys()):
        raise LanguageError(f"languages/{code}.yaml: {file}: no text for {', '.join(lacking[:5])}")
    for key, text in there.items():
        text[code] = told[key]


def _texts(content: Any, keys: tuple[str, ...] = ()) -> Iterator[tuple[dict[str, Any], tuple[str, ...]]]:
    """Every text of a file, `{zh, en}`, and the keys that lead to it."""
    if isinstance(content, dict) and SIDE_BY_SIDE[1] in content and content.keys() <= set(SIDE_BY_SIDE):
        yield content, keys
        return
    pairs = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in pairs:
        yield from _texts(value, (*keys, str(key)))

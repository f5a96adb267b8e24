"""What `sixth check` says: a verdict, what is still missing, and the findings as the unit's own answer has them.

Belongs here: the verdict and its words. Does not: checking (checking.py), how findings are told (answer.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from expectations.catalogue import Catalogue
from expectations.language import language, read_texts
from reports.feedback.answer import Wording, count_open, findings_text, placed
from reports.feedback.grouping import SEVERITIES, Folding, Line

UNKNOWN_UNIT = "UNIT"  # the code under which a return is checked whose unit nobody knows


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """A file: the forms that were read from it, the state of the scan that it is, and the form its name hints at.

    `speaks_of` are the unit and the month on the cover of each form, "" where it cannot be read; `same_as` is another
    of the files that has the same bytes: both are one.
    """

    name: str
    forms: tuple[str, ...]
    scan: str
    hint: str
    speaks_of: tuple[tuple[str, str], ...] = ()
    same_as: str = ""

    @property
    def is_unrecognised(self) -> bool:
        """Whether the file hints at a form and yields none; what it is named counts for nothing where it yields one."""
        return bool(self.hint) and not self.forms and self.scan in ("", "unreadable")


@dataclass(frozen=True)
class Checked:
    """What was found in some files. `findings` are rows of core.all_findings (answer.COLUMNS), `forms` the state of
    each form; `unit_name` is "" where no register was at hand, `unit_code` UNKNOWN_UNIT where no unit is told.
    """

    unit_code: str
    unit_name: str
    period: str
    findings: tuple[Mapping[str, Any], ...]
    forms: Mapping[str, str]
    files: tuple[CheckedFile, ...]
    catalogue: Catalogue
    lang: str

    @property
    def returned(self) -> tuple[str, ...]:
        """The forms that would be sent back, those among them that were not recognised."""
        found = {form for form, state in self.forms.items() if state == "returned"}
        found |= {str(f["form"]) for f in self.findings if f["effect"] == "return" and f["form"]}
        found |= {file.hint for file in self.files if file.is_unrecognised}
        return tuple(form.key for form in self.catalogue.forms if form.key in found)

    @property
    def dropped(self) -> int:
        """How many rows would not be counted."""
        rows = {(f["form_id"], f["sheet_key"], f["row"]) for f in self.findings if f["effect"] == "drop" and f["row"]}
        return len(rows)

    @property
    def is_rejected(self) -> bool:
        """Whether a form would be returned or a row dropped."""
        return bool(self.returned or self.dropped) or any(f["effect"] in ("return", "drop") for f in self.findings)


@cache
def _texts() -> Mapping[str, Mapping[str, str]]:
    content: Mapping[str, Mapping[str, str]] = read_texts(Path(__file__).parent / "precheck.yaml")
    return content


def precheck_text(checked: Checked) -> str:
    """The whole answer: what was looked at, the verdict, what is owed, and the findings, folded as in the feedback."""
    wording = Wording(checked.catalogue, checked.lang, checked.period)
    lines = Folding(checked.catalogue).lines([placed(row, "", checked.catalogue) for row in checked.findings])

    def say(key: str, **values: object) -> str:
        return _texts()[key][checked.lang].format(**values)

    unit = f"{checked.unit_name} {checked.unit_code}".strip()
    if checked.unit_code == UNKNOWN_UNIT:
        unit = say("unknown_unit")
    told = [say("heading", unit=unit, month=wording.month(checked.period))]
    told += [f"  {_file(file, checked, wording)}" for file in checked.files]
    told.append(say("verdict", text=language(checked.lang).between_sentences.join(_verdict(checked, lines, wording))))
    if missing := _owed(checked, wording):
        told.append(say("owed", items=wording.say("list").join(missing)))
    if not checked.unit_name:
        told.append(say("not_asked"))
    return "\n".join(told) + "\n" + findings_text(lines, wording)


def _file(file: CheckedFile, checked: Checked, wording: Wording) -> str:
    def say(key: str, **values: object) -> str:
        return _texts()[key][wording.lang].format(file=file.name, **values)

    if file.same_as:
        return say("file_again", other=file.same_as)
    if file.is_unrecognised:
        return say("file_hint", form=wording.name("short_forms", file.hint))
    if file.forms:
        told = say("file_forms", forms=wording.say("list").join(wording.name("forms", form) for form in file.forms))
        if others := _others(file, checked, wording):
            told += _texts()["file_of"][wording.lang].format(others=wording.say("list").join(others))
        return told
    if file.scan:
        return say("file_scan", state=wording.name("scan_states", file.scan))
    return say("file_other")


def _others(file: CheckedFile, checked: Checked, wording: Wording) -> list[str]:
    """The units and months on a file's covers that are not those of the whole return."""
    units = {code for code, _ in file.speaks_of} - {"", checked.unit_code}
    months = {month for _, month in file.speaks_of} - {"", checked.period}
    return [*(sorted(units) if checked.unit_code != UNKNOWN_UNIT else ()), *map(wording.month, sorted(months))]


def _verdict(checked: Checked, lines: list[Line], wording: Wording) -> list[str]:
    def say(key: str, **values: object) -> str:
        return _texts()[key][wording.lang].format(**values)

    told = []
    if checked.returned:
        names = wording.say("list").join(wording.name("short_forms", form) for form in checked.returned)
        told.append(say("returned", forms=names))
    elif checked.dropped:
        told.append(say("dropped", n=checked.dropped))
    if any(f["effect"] == "incomplete" for f in checked.findings):
        told.append(say("short"))
    if any(_others(file, checked, wording) for file in checked.files):
        told.append(say("differ"))
    if unreadable := [file.name for file in checked.files if file.scan == "unreadable"]:
        told.append(say("scan_unreadable", files=wording.say("list").join(unreadable)))
    if not told:
        is_something = any(file.forms or file.scan for file in checked.files)
        told.append(say("good" if is_something else "nothing"))
    if must := count_open(lines, SEVERITIES[:2]):
        told.append(say("must", n=must))
    if to_check := count_open(lines, SEVERITIES[2:]):
        told.append(say("check", n=to_check))
    return told


def _owed(checked: Checked, wording: Wording) -> list[str]:
    """What a return needs and these files are not: forms, and the signed scan."""
    there = set(checked.forms) | {file.hint for file in checked.files if file.is_unrecognised}
    missing = [wording.name("short_forms", form) for form in checked.catalogue.required_forms if form not in there]
    has_scan = any(file.scan and file.scan != "unreadable" for file in checked.files)
    return missing if has_scan else [*missing, _texts()["scan"][wording.lang]]

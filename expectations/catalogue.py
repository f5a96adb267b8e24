"""The forms, checklists, rules and settings as typed objects: the one definition of each fact.

Everything that knows a column, an item, a code list or a rule asks this module, which reads the YAML files
beside it. A home's register/ may override a file by one of the same name. Does not belong here: what is
done with the facts.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from expectations.language import DEFAULT, LanguageError, further_languages, read_texts

HERE = Path(__file__).parent
FILES = (
    "forms.yaml",
    "checklists.yaml",
    "rules.yaml",
    "reasons.yaml",
    "messages.yaml",
    "glossary.yaml",
    "explanations.yaml",
    "signature.yaml",
)
NEEDS = ("mail", "register", "months", "units")
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
CODE_TYPES = ("enum", "enum_list")
WAIVABLE = {True: "yes", False: "no", "outside_groups": "outside_groups"}  # YAML reads yes and no as booleans


KEYED_SHEETS = frozenset({"self_check", "rectification", "incidents", "indicators", "agreements"})
"""Sheets whose rows other months, items or annexes look for by their key."""


class CatalogueError(Exception):
    """A YAML file contradicts itself; the message names the file and the entry."""

    exit_status = 2


@dataclass(frozen=True, slots=True)
class Life:
    """The months in which something of the catalogue is in force, from the first to the last, "" for none."""

    valid_from: str = ""
    valid_to: str = ""

    def holds(self, period: str) -> bool:
        """Whether a month is among them."""
        return self.valid_from <= period and (not self.valid_to or period <= self.valid_to)

    def meets(self, other: Life) -> bool:
        """Whether there is a month in both."""
        starts, ends = max(self.valid_from, other.valid_from), [e for e in (self.valid_to, other.valid_to) if e]
        return not ends or starts <= min(ends)


ALWAYS = Life()


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table or a field of a cover (forms.yaml); in months outside its `life` it is neither asked for nor
    checked.
    """

    key: str
    zh: str
    type: str
    required: str  # always | never | a condition on the row, see `condition`
    codes: tuple[str, ...] = ()
    read_as: tuple[tuple[str, str], ...] = ()  # other words for codes
    grouped: bool = False  # figures are counted by its codes
    max_len: int | None = None
    pii: str | None = None
    life: Life = ALWAYS


@dataclass(frozen=True, slots=True)
class SheetForm:
    """A table sheet of a form: its title, columns, key and the cover flag that declares it empty."""

    key: str
    title: str
    form: str
    columns: tuple[Column, ...]
    key_columns: tuple[str, ...]
    nil_flag: str | None

    def column(self, key: str) -> Column:
        """The column of that key; KeyError where the sheet has none."""
        return next(c for c in self.columns if c.key == key)


@dataclass(frozen=True, slots=True)
class Form:
    """An annex: cover fields and table sheets."""

    key: str
    title: str
    file_hint: str
    optional: bool
    cover_title: str
    cover: tuple[Column, ...]
    sheets: tuple[SheetForm, ...]


@dataclass(frozen=True, slots=True)
class Indicator:
    """A work indicator: a ratio with a target in percent, or a count."""

    code: str
    zh: str
    kind: str
    target: float | None
    leads: tuple[str, ...] = ()  # kinds of units that lead the duty which it measures


@dataclass(frozen=True, slots=True)
class Item:
    """A question of a checklist, with whom it is asked of (`applies` of list and item together)."""

    code: str
    checklist: str
    text: str
    basis: str
    weight: float
    target: float | None
    kinds: frozenset[str] | None
    services: frozenset[str] | None
    protection: bool
    indicator: str | None = None  # the indicator that measures the same fact
    life: Life = ALWAYS  # the months in which it is asked
    leads: tuple[str, ...] = ()  # kinds of units that lead the duty


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of rules.yaml. `expect` is the Great Expectations part, absent for plain checks.

    It is asked in the months of its `life`, and up to `advice_until` only advises: a warning that is shown, whatever
    its severity and effect. `waivable`: yes, no, or outside_groups (system.md, Decisions); `why_not` says why, by
    language, where it is not yes.
    """

    id: str
    group: str
    severity: str
    effect: str
    zh: str
    when: str
    expect: Mapping[str, Any] | None = None
    at: tuple[str, ...] = ()
    value: str | None = None
    expected: str | None = None
    carried: bool = False
    needs: tuple[str, ...] = ()  # what it looks at beside the forms of one return: NEEDS
    table: str = ""
    form: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    sheet: str = ""
    title: Mapping[str, str] = field(default_factory=dict)
    waivable: str = "yes"
    life: Life = ALWAYS
    advice_until: str = ""
    why_not: Mapping[str, str] = field(default_factory=dict)

    def is_asked(self, period: str) -> bool:
        """Whether the rule is asked in a month."""
        return self.life.holds(period)

    def weight(self, period: str) -> tuple[str, str]:
        """The severity and the effect that a failure has in a month."""
        return ("warning", "flag") if period <= self.advice_until else (self.severity, self.effect)


@dataclass(frozen=True)
class Catalogue:
    """All facts of forms.yaml, checklists.yaml and rules.yaml, and digests of all content and of the forms alone.

    `form_version` is that of blank forms, `versions` those that there ever were, each with the months that accept it;
    none where forms.yaml tells of one alone.
    """

    form_version: str
    forms: tuple[Form, ...]
    indicators: tuple[Indicator, ...]
    items: tuple[Item, ...]
    checklists: Mapping[str, str]
    rules: Mapping[str, Rule]
    texts: Mapping[str, Any] = field(repr=False)
    digest: str = ""
    forms_digest: str = ""
    versions: Mapping[str, Life] = field(default_factory=dict)

    @cached_property
    def sheets(self) -> dict[str, SheetForm]:
        """Table sheets of all forms by key, in the order of forms.yaml."""
        return {s.key: s for f in self.forms for s in f.sheets}

    def form(self, key: str) -> Form:
        """The form of that key; StopIteration where there is none."""
        return next(f for f in self.forms if f.key == key)

    def may_waive(self, rule_id: str, sheet: str, column: str) -> bool:
        """Whether a steward may waive a finding of a rule, in a column of a sheet ("" where it is in none).

        system.md, Decisions; rules.yaml, `waivable`: of some rules none, of some none in a column that figures are
        grouped by, or that rows of KEYED_SHEETS are known by.
        """
        rule, form = self.rules[rule_id], self.sheets.get(sheet)
        if rule.waivable != "outside_groups" or form is None or not column:
            return rule.waivable != "no"
        return not (form.column(column).grouped or (sheet in KEYED_SHEETS and column in form.key_columns))

    @cached_property
    def required_forms(self) -> tuple[str, ...]:
        """The forms that every unit owes every month."""
        return tuple(f.key for f in self.forms if not f.optional)

    @cached_property
    def item_by_code(self) -> dict[str, Item]:
        """Checklist items by code; of one that was changed, as it was last."""
        return {i.code: i for i in self.items}

    @cached_property
    def indicator_by_code(self) -> dict[str, Indicator]:
        """Indicators by code."""
        return {i.code: i for i in self.indicators}

    @cached_property
    def leads(self) -> tuple[str, ...]:
        """The kinds of units that lead a duty, in the order of the checklists."""
        every = [*(item.leads for item in self.items), *(indicator.leads for indicator in self.indicators)]
        return tuple(dict.fromkeys(kind for leads in every for kind in leads))

    def items_for(self, kind: str, services: frozenset[str], protection: bool, period: str) -> tuple[Item, ...]:
        """The items asked of a unit of that kind and those services in a month, which is one of protection or not."""
        return tuple(
            i
            for i in self.items
            if i.life.holds(period)
            and (i.kinds is None or kind in i.kinds)
            and (i.services is None or services & i.services)
            and (protection or not i.protection)
        )

    def items_since(self, period: str) -> str:
        """The month since when the items of a month are asked; "" where they were in every month before."""
        changes = {i.life.valid_from for i in self.items}
        changes.update(_following(i.life.valid_to) for i in self.items if i.life.valid_to)
        return max((month for month in changes if month <= period), default="")

    def accepted_versions(self, period: str) -> frozenset[str]:
        """The form versions that a month accepts (WBK-06)."""
        if not self.versions:
            return frozenset({self.form_version})
        return frozenset(version for version, life in self.versions.items() if life.holds(period))

    def of_month(self, period: str) -> Catalogue:
        """The catalogue with those columns and fields alone that are in force in a month, and its form version."""
        if not self.versions and all(c.life == ALWAYS for f in self.forms for c in _columns_of(f)):
            return self
        accepted = [version for version, life in self.versions.items() if life.holds(period)]
        return replace(
            self,
            form_version=accepted[-1] if accepted else self.form_version,
            forms=tuple(
                replace(
                    form,
                    cover=_in_force(form.cover, period),
                    sheets=tuple(replace(s, columns=_in_force(s.columns, period)) for s in form.sheets),
                )
                for form in self.forms
            ),
        )


def _following(month: str) -> str:
    year, number = int(month[:4]), int(month[5:])
    return f"{year + number // 12}-{number % 12 + 1:02d}"


def _columns_of(form: Form) -> Iterator[Column]:
    yield from form.cover
    for sheet in form.sheets:
        yield from sheet.columns


def _in_force(columns: tuple[Column, ...], period: str) -> tuple[Column, ...]:
    return tuple(c for c in columns if c.life.holds(period))


class Clause(NamedTuple):
    """A part of a condition of forms.yaml: empty, filled, is, is_not (of a column), target, ratio (of the row)."""

    kind: str
    column: str = ""
    values: tuple[str, ...] = ()


_CLAUSES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Clause]], ...] = (
    (re.compile(r"the item has a target"), lambda m: Clause("target")),
    (re.compile(r"the indicator is a ratio"), lambda m: Clause("ratio")),
    (re.compile(r"(\w+) is empty"), lambda m: Clause("empty", m[1])),
    (re.compile(r"(\w+) is filled"), lambda m: Clause("filled", m[1])),
    (re.compile(r"(\w+) is not (\S+)"), lambda m: Clause("is_not", m[1], (m[2],))),
    (re.compile(r"(\w+) = (\S+)"), lambda m: Clause("is", m[1], (m[2],))),
    (re.compile(r"(\w+) in (.+)"), lambda m: Clause("is", m[1], tuple(v.strip() for v in m[2].split(",")))),
)
_TRUTH = {"是": "{}", "否": "not {}"}  # of a yes-or-no column


def clauses(required: str) -> tuple[Clause, ...]:
    """The parts of a column's `required` that all have to hold; none of `always` and `never`.

    A condition is `when: ` and clauses joined by ` and `: X is empty, X is filled, X is not V, X = V,
    X in V, V, `the item has a target`, `the indicator is a ratio`. Raises CatalogueError for any other.
    """
    if required in ("always", "never"):
        return ()
    found = []
    for part in required.removeprefix("when:").strip().split(" and "):
        made = next((make(match) for pattern, make in _CLAUSES if (match := pattern.fullmatch(part.strip()))), None)
        if made is None:
            raise CatalogueError(f"forms.yaml: cannot read the condition {part!r} of {required!r}")
        found.append(made)
    return tuple(found)


def condition(required: str) -> str | None:
    """The `required` of a column as SQL over the row: None for never, "" for always. Raises as `clauses` does."""
    return None if required == "never" else " and ".join(map(_as_sql, clauses(required)))


def _as_sql(clause: Clause) -> str:
    if clause.kind in ("target", "ratio"):
        return {"target": "item_target is not null", "ratio": "indicator_kind = 'ratio'"}[clause.kind]
    if clause.kind in ("empty", "filled"):
        return f"{clause.column}__text is null" if clause.kind == "empty" else f"{clause.column} is not null"
    if clause.kind == "is_not":
        return f"{clause.column} <> '{clause.values[0]}'"
    if len(clause.values) == 1:
        value = clause.values[0]
        return _TRUTH.get(value, f"{{}} = '{value}'").format(clause.column)
    return f"{clause.column} in ({', '.join(map(repr, clause.values))})"


def _column(raw: Mapping[str, Any]) -> Column:
    required = str(raw["required"])
    condition(required)
    return Column(
        key=raw["key"],
        zh=raw["zh"],
        type=raw["type"],
        required=required,
        codes=tuple(str(c) for c in raw.get("codes", ())),
        read_as=tuple((str(word), str(code)) for word, code in raw.get("read_as", {}).items()),
        grouped=bool(raw.get("grouped", False)),
        max_len=raw.get("max_len"),
        pii=raw.get("pii"),
        life=_life(raw, f"forms.yaml: {raw['key']}"),
    )


def _form(key: str, raw: Mapping[str, Any]) -> Form:
    sheets = tuple(
        SheetForm(
            key=name,
            title=sheet["title"],
            form=key,
            columns=tuple(_column(c) for c in sheet["columns"]),
            key_columns=tuple(sheet["key"]),
            nil_flag=sheet.get("nil_flag"),
        )
        for name, sheet in raw["sheets"].items()
    )
    cover = tuple(_column(c) for c in [*raw["cover"]["fields"], *raw.get("cover_extra", ())])
    for sheet in sheets:
        missing = set(sheet.key_columns) - {c.key for c in sheet.columns}
        if dated := [c.key for c in sheet.columns if c.key in sheet.key_columns and c.life != ALWAYS]:
            raise CatalogueError(f"forms.yaml: {key}.{sheet.key}: {', '.join(dated)} is part of the key in every month")
        if missing or (sheet.nil_flag and sheet.nil_flag not in {c.key for c in cover}):
            raise CatalogueError(f"forms.yaml: {key}.{sheet.key} names a column that is not there: {missing}")
    return Form(
        key=key,
        title=raw["title"],
        file_hint=raw["file_hint"],
        optional=bool(raw.get("optional", False)),
        cover_title=raw["cover"]["title"],
        cover=cover,
        sheets=sheets,
    )


def _items(lists: list[dict[str, Any]]) -> list[Item]:
    """The items of all lists. Raises CatalogueError where two of one code are asked in the same month."""
    items: list[Item] = []
    for checklist in lists:
        outer = checklist.get("applies", {})
        for raw in checklist["items"]:
            applies = {**outer, **raw.get("applies", {})}
            items.append(
                Item(
                    code=raw["code"],
                    checklist=checklist["checklist"],
                    text=raw["text"],
                    basis=f"{checklist['basis']} {raw['basis']}",
                    weight=float(raw.get("weight", 1)),
                    target=None if raw.get("target") is None else float(raw["target"]),
                    kinds=frozenset(applies["kinds"]) if "kinds" in applies else None,
                    services=frozenset(applies["services"]) if "services" in applies else None,
                    protection=bool(applies.get("protection", False)),
                    indicator=raw.get("indicator"),
                    life=_life(raw, f"checklists.yaml: {raw['code']}"),
                    leads=tuple(raw.get("leads", checklist.get("leads", ()))),
                )
            )
            if any(i.code == items[-1].code and i.life.meets(items[-1].life) for i in items[:-1]):
                raise CatalogueError(f"checklists.yaml: {raw['code']} is there twice in the same month")
    return items


def _versions(forms: Mapping[str, Any]) -> dict[str, Life]:
    """The form versions with the months that accept them. Raises CatalogueError where that of blank forms is none."""
    versions = {str(v["version"]): _life(v, f"forms.yaml: {v['version']}") for v in forms.get("form_versions", ())}
    if versions and str(forms["form_version"]) not in versions:
        raise CatalogueError(f"forms.yaml: form_version {forms['form_version']} is none of form_versions")
    return versions


def _needs(raw: Mapping[str, Any]) -> tuple[str, ...]:
    needs = tuple(raw.get("needs", ()))
    if wrong := set(needs) - set(NEEDS):
        raise CatalogueError(
            f"rules.yaml: {raw['id']} needs {', '.join(sorted(wrong))}, which is none of {', '.join(NEEDS)}"
        )
    return needs


def _month(raw: Mapping[str, Any], name: str, what: str) -> str:
    """A month that an entry names, "" where it names none; `what`: file and entry."""
    month = str(raw.get(name, ""))
    if month and not _MONTH.fullmatch(month):
        raise CatalogueError(f"{what}: {name}: {month!r} is not a month as 2026-10")
    return month


def _life(raw: Mapping[str, Any], what: str) -> Life:
    """The months in which an entry is in force. Raises CatalogueError."""
    life = Life(*(_month(raw, name, what) for name in ("valid_from", "valid_to")))
    if life.valid_to and life.valid_to < life.valid_from:
        raise CatalogueError(f"{what}: valid_to {life.valid_to} lies before valid_from {life.valid_from}")
    return life


def _rules(groups: Mapping[str, Any], sheets: Collection[str]) -> dict[str, Rule]:
    """The rules by id; one of a sheet's group speaks of that sheet, where it names no other."""
    rules: dict[str, Rule] = {}
    for group, entries in groups.items():
        for raw in entries:
            if raw["id"] in rules:
                raise CatalogueError(f"rules.yaml: {raw['id']} is there twice")
            rules[raw["id"]] = Rule(
                id=raw["id"],
                group=group,
                severity=raw["severity"],
                effect=raw["effect"],
                zh=raw["zh"],
                when=raw["when"],
                expect=raw.get("expect"),
                at=tuple(raw["at"].split("|")) if "at" in raw else (),
                value=raw.get("value"),
                expected=raw.get("expected"),
                carried=bool(raw.get("carried", False)),
                needs=_needs(raw),
                table=raw.get("table", group if raw.get("expect") else ""),
                form=raw.get("form", ""),
                parameters=raw.get("parameters", {}),
                sheet=raw.get("sheet", group if group in sheets else ""),
                title=raw["title"],
                waivable=WAIVABLE[raw.get("waivable", True)],
                why_not=raw.get("why_not", {}),
                life=_life(raw, f"rules.yaml: {raw['id']}"),
                advice_until=_month(raw, "advice_until", f"rules.yaml: {raw['id']}"),
            )
    return rules


def _texts(content: Mapping[str, Any], rules: Mapping[str, Rule]) -> dict[str, Any]:
    """The files of texts by name. A rule's title, and what is wrong in the language of the forms, stand with the rule
    and are read with its other texts.
    """
    texts = {name.removesuffix(".yaml"): content[name] for name in FILES[3:]}
    told = texts["messages"]
    messages = {
        rule.id: {"title": rule.title, **told[rule.id], "fault": {DEFAULT: rule.zh, **told[rule.id]["fault"]}}
        for rule in rules.values()
    }
    return {**texts, "messages": messages}


def load_catalogue(overrides: Path | None = None) -> Catalogue:
    """Read the YAML files, each from `overrides` where it has one of that name, else from this folder.

    Raises CatalogueError where a file contradicts itself, naming file and entry.
    """
    paths = [overrides / name if overrides and (overrides / name).exists() else HERE / name for name in FILES]
    return _catalogue(tuple(path.read_bytes() for path in paths), further_languages())


@lru_cache(maxsize=4)
def _catalogue(files: tuple[bytes, ...], _: tuple[bytes, ...]) -> Catalogue:
    """The catalogue of these FILES, with the texts of further languages: a run of several stages asks for it often."""
    content: dict[str, Any] = {}
    digest = hashlib.sha256()
    for name, raw in zip(FILES, files, strict=True):
        digest.update(name.encode() + b"\0" + raw + b"\0")
        try:
            content[name] = read_texts(HERE / name, raw)
        except (yaml.YAMLError, LanguageError) as error:
            raise CatalogueError(f"{name}: {error}") from error
    forms = content["forms.yaml"]
    try:
        annexes = tuple(_form(k, v) for k, v in forms.items() if k.startswith("annex"))
        rules = _rules(content["rules.yaml"], {sheet.key for form in annexes for sheet in form.sheets})
        return Catalogue(
            form_version=str(forms["form_version"]),
            forms=annexes,
            indicators=tuple(
                Indicator(i["code"], i["zh"], i["kind"], i.get("target"), tuple(i.get("leads", ())))
                for i in forms["indicators"]
            ),
            items=tuple(_items(content["checklists.yaml"])),
            checklists={c["checklist"]: c["title"] for c in content["checklists.yaml"]},
            rules=rules,
            texts=_texts(content, rules),
            digest=digest.hexdigest(),
            versions=_versions(forms),
            forms_digest=hashlib.sha256(repr(forms).encode()).hexdigest(),
        )
    except (KeyError, TypeError) as error:
        raise CatalogueError(f"a catalogue file lacks an entry: {error!r}") from error

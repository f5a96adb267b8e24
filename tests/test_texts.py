"""The texts that units and readers see: complete in both languages, well set, and readable with gaps.

Belongs here: messages.yaml and glossary.yaml against the spec's own lists. Does not: how reports use them.
"""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from assets.intake.values import reader
from expectations import language
from expectations.catalogue import load_catalogue

EXPECTATIONS = Path(__file__).parent.parent / "expectations"
LANGUAGES = ("zh", "en")
ANYWHERE = {"file", "sheet", "column"}


def load(name: str) -> Any:
    return language.load((EXPECTATIONS / name).read_bytes())


GLOSSARY: dict[str, dict[str, Any]] = load("glossary.yaml")
RULES = {rule["id"]: rule for group in load("rules.yaml").values() for rule in group}
# A rule's title stands with the rule, its other texts beside it.
CATALOGUE = load_catalogue()
# A rule's title and its Chinese fault stand with the rule, its other texts beside it.
MESSAGES: dict[str, dict[str, dict[str, str]]] = {
    rule_id: {
        "title": RULES[rule_id]["title"],
        "fault": {"zh": RULES[rule_id]["zh"], **texts["fault"]},
        **{part: text for part, text in texts.items() if part != "fault"},
    }
    for rule_id, texts in load("messages.yaml").items()
}
FORMS = load("forms.yaml")
ANNEXES = {key: form for key, form in FORMS.items() if key.startswith("annex")}
SHEETS = {key: sheet for form in ANNEXES.values() for key, sheet in form["sheets"].items()}
COVER = [field for form in ANNEXES.values() for field in [*form["cover"]["fields"], *form.get("cover_extra", [])]]
CHECKLISTS = load("checklists.yaml")
HAN = r"[㐀-鿿]"
HALF_WIDTH = re.compile(rf"{HAN}\s*[,;:()!?.]\s*{HAN}|[,;:!?(]\s*{HAN}|{HAN}\s*[,;:!?)]")
PLACEHOLDER = re.compile(r"\{(\w*)\}")
SEGMENT = re.compile(r" ?(?:“[^“”（）()]*”|（[^“”（）()]*）|\([^“”（）()]*\))")

MESSAGE_TEXTS = [
    pytest.param(rule_id, part, language, id=f"{rule_id}-{part}-{language}")
    for rule_id, parts in MESSAGES.items()
    for part in parts
    for language in LANGUAGES
]


def leaves(tree: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    if isinstance(tree, dict):
        return [leaf for key, branch in tree.items() for leaf in leaves(branch, (*path, key))]
    return [(path, tree)]


def filled(template: str, values: dict[str, str]) -> str:
    """Fill as messages.yaml says: a quotation or bracket round an empty value is left out whole."""

    def kept(segment: re.Match[str]) -> str:
        names = PLACEHOLDER.findall(segment[0])
        return segment[0] if all(values.get(name) for name in names) else ""

    return SEGMENT.sub(kept, template).format_map(values)


def test_every_rule_has_its_message_and_no_other_is_there() -> None:
    assert list(RULES) == list(MESSAGES)


@pytest.mark.parametrize("rule_id", MESSAGES)
def test_a_message_has_all_its_parts_in_both_languages(rule_id: str) -> None:
    assert list(MESSAGES[rule_id]) == ["title", "fault", "remedy", "example"]
    for texts in MESSAGES[rule_id].values():
        assert set(texts) == set(LANGUAGES)
        assert all(isinstance(text, str) and text.strip() == text and text for text in texts.values())


@pytest.mark.parametrize(("rule_id", "part", "language"), MESSAGE_TEXTS)
def test_placeholders_are_those_of_the_rule_and_stand_in_a_segment_of_their_own(
    rule_id: str, part: str, language: str
) -> None:
    text = MESSAGES[rule_id][part][language]
    used = set(PLACEHOLDER.findall(text))
    if part != "fault":
        assert not used
    allowed = ANYWHERE | set(PLACEHOLDER.findall(RULES.get(rule_id, {}).get("zh", "")))
    assert used <= allowed
    assert not PLACEHOLDER.search(SEGMENT.sub("", text))


@pytest.mark.parametrize("rule_id", sorted(set(RULES)))
def test_both_languages_tell_the_same_values_and_all_that_the_rule_tells(rule_id: str) -> None:
    told = {language: set(PLACEHOLDER.findall(MESSAGES[rule_id]["fault"][language])) for language in LANGUAGES}
    assert told["zh"] == told["en"]
    assert told["zh"] >= set(PLACEHOLDER.findall(RULES[rule_id]["zh"]))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("rule_id", MESSAGES)
def test_a_fault_reads_well_with_any_value_missing(rule_id: str, language: str) -> None:
    template = MESSAGES[rule_id]["fault"][language]
    names = sorted(set(PLACEHOLDER.findall(template)))
    for present in range(2 ** len(names)):
        values = {name: "值" if present >> place & 1 else "" for place, name in enumerate(names)}
        text = filled(template, values)
        assert not re.search(r"“”|（）|\(\)|\{|\}|  | [，。；：,.;:]|^[，。,.“（(]|[，：:]。|,\.", text), text
        assert text.count("值") >= sum(map(bool, values.values()))
        assert text.endswith("。" if language == "zh" else ".")


@pytest.mark.parametrize(("rule_id", "part", "language"), MESSAGE_TEXTS)
def test_messages_are_sentences_of_their_language(rule_id: str, part: str, language: str) -> None:
    text = MESSAGES[rule_id][part][language]
    if part in {"fault", "remedy"}:
        assert text.endswith("。" if language == "zh" else ".")
    if part == "title":
        assert not re.search(r"[。.；;]$", text)
        assert len(text) <= (20 if language == "zh" else 45)
    if language == "zh" and part != "example":
        assert re.search(HAN, text)
    if language == "en":
        assert not re.search(r"[，。；：！？（）]", text)


def test_chinese_texts_have_no_half_width_punctuation_beside_han_characters() -> None:
    chinese = [("messages", path, text) for path, text in leaves(MESSAGES) if path[-1] == "zh"]
    chinese += [("glossary", path, text) for path, text in leaves(GLOSSARY) if path[-1] == "zh"]
    assert [entry for entry in chinese if HALF_WIDTH.search(entry[2])] == []


def test_what_units_are_told_is_mended_never_dismissed_as_checked() -> None:
    """Statistical offices refuse a bare 核实无误 as an explanation, so we never offer it as wording."""
    assert [path for path, text in leaves(MESSAGES) if "核实无误" in text] == []


def test_no_remedy_names_a_column_that_the_sheet_lacks() -> None:
    """A clerk who is told to write into 备注 must find a column 备注 there."""
    headings = {c.zh for s in CATALOGUE.sheets.values() for c in s.columns}
    wrong = []
    for rule_id, message in MESSAGES.items():
        rule = CATALOGUE.rules[rule_id]
        sheet = CATALOGUE.sheets.get(rule.table or rule.group)
        if sheet is None and rule.group not in ("cell", "workbook"):
            continue  # of the mail, the cover, the scan, or of several sheets, which its words name
        there = {c.zh for c in sheet.columns} if sheet else set()
        named = {q for lang in ("zh", "en") for q in re.findall(r"“([^”{}]+)”", message["remedy"][lang])}
        named |= {
            heading for heading in headings if re.search(rf"(?<![一-鿿]){heading}(?![一-鿿])", message["remedy"]["en"])
        }
        wrong += [(rule_id, name) for name in sorted(named & headings - there)]
    assert wrong == []


def test_right_entries_given_as_examples_are_read_without_fault() -> None:
    dates = [found for _, text in leaves(MESSAGES) for found in re.findall(r"\d{4}-\d{2}-\d{2}", text)]
    assert len(dates) > 20
    assert all(isinstance(reader("date")(found).value, date) for found in dates)
    for name, texts in GLOSSARY["types"].items():
        codes = ("一",) if name.startswith("enum") else ()
        example = re.search(r"如 (\S+(?: \d\d:\d\d)?)$", texts["zh"])
        if example:
            assert reader(name, codes=codes)(example[1]).readable, name
            assert texts["en"].endswith(example[1])


# ------------------------------------------------------------------------------------------------ glossary

SAME_AS_SPEC = [
    *[("forms", key, form["title"]) for key, form in ANNEXES.items()],
    *[("sheets", key, sheet["title"]) for key, sheet in SHEETS.items()],
    *[("sheets", "cover", form["cover"]["title"]) for form in ANNEXES.values()],
    *[("columns", f"cover.{field['key']}", field["zh"]) for field in COVER],
    *[("columns", f"{key}.{col['key']}", col["zh"]) for key, sheet in SHEETS.items() for col in sheet["columns"]],
    *[("checklists", checklist["checklist"], checklist["title"]) for checklist in CHECKLISTS],
]


@pytest.mark.parametrize(("group", "key", "chinese"), SAME_AS_SPEC)
def test_names_of_the_forms_are_theirs_in_chinese_and_have_an_english_one(group: str, key: str, chinese: str) -> None:
    assert GLOSSARY[group][key]["zh"] == chinese
    assert GLOSSARY[group][key]["en"]


def test_the_glossary_names_nothing_that_the_forms_do_not_have() -> None:
    for group in ("forms", "sheets", "columns", "checklists"):
        assert set(GLOSSARY[group]) == {key for named, key, _ in SAME_AS_SPEC if named == group}


def test_every_code_item_and_indicator_has_an_english_name_and_no_other() -> None:
    codes = {str(code) for sheet in SHEETS.values() for column in sheet["columns"] for code in column.get("codes", ())}
    items = {item["code"] for checklist in CHECKLISTS for item in checklist["items"]}
    assert set(GLOSSARY["codes"]) == codes
    assert set(GLOSSARY["items"]) == items
    assert set(GLOSSARY["indicators"]) == {indicator["code"] for indicator in FORMS["indicators"]}
    english = [*GLOSSARY["codes"].values(), *GLOSSARY["items"].values(), *GLOSSARY["indicators"].values()]
    assert all(isinstance(text, str) and text and not re.search(HAN, text) for text in english)


def test_every_type_of_a_column_says_what_it_wants() -> None:
    used = {field["type"] for field in COVER} | {col["type"] for sheet in SHEETS.values() for col in sheet["columns"]}
    assert used <= set(GLOSSARY["types"])


def test_every_severity_effect_and_source_has_its_name() -> None:
    for group in ("severities", "severity_hints"):
        assert {rule["severity"] for rule in RULES.values()} <= set(GLOSSARY[group])
    for group in ("effects", "effect_hints"):
        assert {rule["effect"] for rule in RULES.values()} <= set(GLOSSARY[group])
    assert {checklist["basis"].split(",")[0] for checklist in CHECKLISTS} <= set(GLOSSARY["sources"])


def test_kinds_and_services_that_checklists_ask_for_have_names() -> None:
    applies = [checklist.get("applies", {}) for checklist in CHECKLISTS]
    applies += [item.get("applies", {}) for checklist in CHECKLISTS for item in checklist["items"]]
    assert {kind for one in applies for kind in one.get("kinds", ())} <= set(GLOSSARY["kinds"])
    assert {service for one in applies for service in one.get("services", ())} <= set(GLOSSARY["services"])


PAIRED = sorted(set(GLOSSARY) - {"codes", "items", "indicators"})


@pytest.mark.parametrize("group", PAIRED)
def test_every_name_is_there_in_both_languages(group: str) -> None:
    for key, texts in GLOSSARY[group].items():
        assert isinstance(key, str)
        assert set(texts) == set(LANGUAGES), key
        assert all(isinstance(text, str) and text.strip() == text and text for text in texts.values()), key
        if group != "types":
            assert not re.search(HAN, texts["en"]), key


@pytest.mark.parametrize("name", ["messages.yaml", "glossary.yaml"])
def test_no_key_is_there_twice(name: str) -> None:
    def keys(node: yaml.Node | None) -> None:
        if isinstance(node, yaml.MappingNode):
            found = [key.value for key, _ in node.value]
            assert len(found) == len(set(found)), sorted(key for key in found if found.count(key) > 1)
            for _, value in node.value:
                keys(value)

    keys(yaml.compose((EXPECTATIONS / name).read_text(encoding="utf-8")))

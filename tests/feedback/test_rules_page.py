"""RULES.md says what rules.yaml and messages.yaml say."""

from __future__ import annotations

from expectations.catalogue import load_catalogue
from expectations.rules_page import PAGE, rules_page


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == rules_page(load_catalogue()), "run python -m expectations.rules_page"


def test_the_page_has_every_rule_with_all_its_texts_in_both_languages() -> None:
    catalogue = load_catalogue()
    page = rules_page(catalogue).replace("\\*", "*").replace("&lt;", "<")
    for rule in catalogue.rules.values():
        assert f"### {rule.id} " in page
        for part in ("title", "fault", "remedy", "example"):
            for text in catalogue.texts["messages"][rule.id][part].values():
                assert " ".join(text.split()) in page


def test_no_cell_of_a_table_breaks_it() -> None:
    for line in rules_page(load_catalogue()).splitlines():
        if line.startswith("|"):
            assert line.replace("\\|", "").count("|") == 4, line

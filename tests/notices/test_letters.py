"""The words of the mails: complete in both languages, and saying what they should."""

from __future__ import annotations

import re
import string
from dataclasses import replace
from pathlib import Path
from typing import Any

import lxml.html
import pytest

from expectations import language
from reports.notices import letters
from reports.notices.letters import Letter, Occasion
from tests.notices.made_units import PERIOD, complete, standing, when

TEXTS: dict[str, dict[str, str]] = language.load((Path(letters.__file__).parent / "notices.yaml").read_bytes())
HAN = r"[㐀-鿿]"
CUTOFF = when("2026-11-06T00:00")
BEFORE = Occasion(PERIOD, CUTOFF, when("2026-11-03T02:00"), contact="网络部 12345")
AFTER = replace(BEFORE, as_of=when("2026-11-07T02:00"))


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def english(occasion: Occasion) -> Occasion:
    return replace(occasion, lang="en")


def words_of(letter: Letter) -> str:
    """What a reader of the page reads."""
    page = lxml.html.document_fromstring(letter.html)
    return " ".join(page.find("body").text_content().split())


def letters_of(occasion: Occasion, after: Occasion) -> dict[str, Letter]:
    """One of each kind."""
    some = standing(state="incomplete", forms={"annex2": "effective", "annex3": "returned"}, held_up=True, warnings=2)
    late = complete(
        on_time=False, first_complete_at=when("2026-11-08T09:30"), rows_received=9, rows_counted=7, warnings=1
    )
    other = standing(state="incomplete", forms={"annex2": "nil", "annex3": "nil"}, scan="sealed", held_up=True)
    at, several = [when("2026-11-02T10:00")], [when("2026-11-02T10:00"), when("2026-11-01T10:00")]
    return {
        "complete": letters.receipt(complete(unit_name="甲局"), "甲局", at, occasion),
        "to check": letters.receipt(
            complete(warnings=3), "U1单位", at, occasion, has_page=True, attached=True, from_page=["2.xlsx 80 → 78"]
        ),
        "late": letters.receipt(late, "青川分公司", several, after, left_out=True),
        "incomplete": letters.receipt(some, "U1单位", several, occasion),
        "incomplete late": letters.receipt(some, "青川分公司", at, after),
        "returned": letters.receipt(standing(state="returned", forms={"annex2": "returned"}), "U1单位", at, occasion),
        "missing": letters.receipt(standing(), "U1单位", at, occasion),
        "held up": letters.receipt(other, "U1单位", at, replace(occasion, can_reply=False)),
        "nothing": letters.receipt(None, "青川分公司", at, occasion),
        "reminder": letters.reminder(standing(), occasion),
        "overdue": letters.overdue(some, after, "青川分公司"),
        "office": letters.office_list("青川分公司", [standing(), some], after, ["丙局"]),
    }


LETTERS = {"zh": letters_of(BEFORE, AFTER), "en": letters_of(english(BEFORE), english(AFTER))}
EVERY = [pytest.param(lang, kind, id=f"{lang}-{kind}") for lang in LETTERS for kind in LETTERS[lang]]


@pytest.mark.parametrize("key", TEXTS)
def test_every_text_is_there_in_both_languages_with_the_same_places(key: str) -> None:
    assert set(TEXTS[key]) == {"zh", "en"}
    zh, en = TEXTS[key]["zh"], TEXTS[key]["en"]
    assert places(zh) == places(en)
    assert not re.search(r"[，。；：！？（）【】]", en)
    assert not re.search(rf"{HAN}\s*[,;:!?]|[,;:!?]\s*{HAN}", zh)


@pytest.mark.parametrize(("lang", "kind"), EVERY)
def test_a_letter_has_no_gaps_and_is_of_one_language(lang: str, kind: str) -> None:
    letter = LETTERS[lang][kind]
    for text in (letter.subject, letter.text, words_of(letter)):
        assert not re.search(r"\{|\}|None|duration|  \S+_\S+  ", text)
        assert not re.search(r"、。|，。|。。|: \.|\s[。，；]", text)
    if lang == "en":
        # Names of units stay as they are, and 情况说明 is the name of a column.
        rest = re.sub(r"甲局|丙局|U1单位|青川分公司|情况说明|网络部|无", "", letter.text + letter.subject)
        assert not re.search(HAN, rest)


@pytest.mark.parametrize(("lang", "kind"), EVERY)
def test_page_and_text_say_the_same(lang: str, kind: str) -> None:
    letter = LETTERS[lang][kind]
    page = re.sub(r"\s", "", words_of(letter))
    lines = [line for line in letter.text.splitlines() if line.strip(" -")]
    missing = [line for line in lines if not line.startswith("  - ") and re.sub(r"\s", "", line) not in page]
    assert missing == []
    for line in (line for line in lines if line.startswith("  - ")):
        assert all(re.sub(r"\s", "", cell) in page for cell in re.split(r" \| |：|: (?!New)", line[4:]))


def text(kind: str, lang: str = "zh") -> str:
    return LETTERS[lang][kind].text


def test_a_complete_unit_is_told_that_nothing_is_left_to_do() -> None:
    assert "2026年10月报送完整\n" in text("complete")
    assert "不需要再做什么" in text("complete")
    assert "October 2026 is complete\n" in text("complete", "en")


def test_warnings_rows_left_out_and_lateness_are_told_with_their_numbers() -> None:
    assert "有 3 处请核实" in text("to check")
    assert "网页格式正文" in text("to check")
    assert "可以直接在上面改正" in text("to check")
    assert "\n2.xlsx 80 → 78\n" in text("to check")
    late = text("late")
    assert "共收到 9 行，计入 7 行。其余 2 行" in late
    assert "2026年11月8日 09:30" in late
    assert "没有随信附上" in late
    assert "您代U1单位报送的 2 封邮件" in late


def test_what_is_owed_is_named_with_the_deadline_that_applies() -> None:
    assert "请在 11月5日（星期四）24:00 前补报附件3和签字盖章扫描件。" in text("incomplete")
    assert "by the end of Thursday 5 November 2026" in text("incomplete", "en")
    assert "已经过了。请尽快补报附件3和签字盖章扫描件" in text("incomplete late")
    assert "附件2 网络暴露面资产新增及APP上线情况月报表：退回" in text("returned")
    assert "没有可以计入的报表" in text("nothing")


def test_a_reminder_names_forms_day_and_time_left() -> None:
    letter = LETTERS["zh"]["reminder"]
    assert (
        letter.subject == "【网络安全月报】2026年10月报送还缺附件2、附件3和签字盖章扫描件，11月5日（星期四）24:00截止"
    )
    assert "还剩3天" in letter.text
    assert "也要报送附件2" in letter.text
    assert "直接回复本邮件" in letter.text


def test_a_cutoff_during_the_day_is_told_by_its_own_time() -> None:
    occasion = replace(BEFORE, cutoff=when("2026-11-09T18:00"))
    assert "11月9日（星期一）18:00 截止" in letters.reminder(standing(), occasion).text
    assert "18:00 on Monday 9 November 2026" in letters.reminder(standing(), english(occasion)).text


@pytest.mark.parametrize(
    ("at", "left"), [("2026-11-03T00:00", "3天"), ("2026-11-04T09:00", "2天"), ("2026-11-05T00:30", "24小时")]
)
def test_time_left_is_rounded_up_and_in_hours_on_the_last_day(at: str, left: str) -> None:
    assert f"还剩{left}。" in letters.reminder(standing(), replace(BEFORE, as_of=when(at))).text


def test_an_office_reads_which_units_owe_what_and_whom_no_mail_reaches() -> None:
    letter = LETTERS["zh"]["office"]
    assert letter.subject == "【网络安全月报】2026年10月逾期单位 2 个"
    assert "U1单位 | U1 | 未报 | 附件2、附件3和签字盖章扫描件" in letter.text
    assert "丙局没有可用的登记邮箱" in letter.text


def test_names_from_the_register_cannot_put_markup_into_a_page() -> None:
    nasty: dict[str, Any] = {"unit_name": "<script>x</script>\x00&"}
    letter = letters.reminder(standing(**nasty), BEFORE)
    assert "<script>" not in letter.html
    assert "<script>x</script>&：" in words_of(letter)

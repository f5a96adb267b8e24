"""Which rows below a heading row hold data: not notes, headings again, totals, signatures or rows of nothing.

system.md, Tables in a workbook. Belongs here: one row of cells and what it is. Does not: finding the heading row
(forms.py), what a cell's value means (values.py).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache

from assets.intake.headings import normalise_heading
from assets.intake.values import clean_text, says_nothing
from assets.intake.workbooks.sheet import Cell

HEADINGS_AGAIN = 3  # cells that are equal to their columns' headings
_LEAD = re.compile(r"^[\s(\[【<*※—-]+")  # what people put before a note: （注：…）, ※备注
_NOTE = re.compile(r"(?:填表说明|说明|备注|注)(?P<colon>:)?")
_CLOSING = re.compile(
    r"合计|总计|小计|制表|填报人|填表人|审核人|单位负责人|签字|盖章|以下空白|本月无"
    # Further ones that people write there.
    r"|复核人|经办人|联系人:|(?:填表|填报|制表|报送)?日期:|第[0-9]+页|共[0-9]+页|[0-9]*年[0-9]*月[0-9]*日$"
    r"|本期无|本月没有|本月未|暂无$|无新增|共计|以下无"
    # A label before a line to be filled in: 审批人：, 填报单位（盖章）：, 联系电话：….
    r"|[^:]{0,8}(?:人|单位|部门|领导|电话|签字|签名|签章|盖章|公章|时间)(?:\([^)]*\))?:"
)
_TOTAL = re.compile(r"(?:合计|总计|小计|共计)(?:数量?)?:?")
_COUNT = re.compile(r"[0-9.,]+(?:个|项|条|次|台|套|款|家)?")
# A sentence that says nothing but that there was nothing; a name that begins so goes on with other words, as 无线网管.
_NOTHING_NEW = re.compile(
    r"(?:[我本当](?:单位|部门|公司|分公司|中心|月份?|期)|[0-9一二三四五六七八九十]{1,2}月份?|,)*"
    r"(?:(?:暂时?|均)?(?:无|没有|未)(?:任何|涉及|新增|发生|发现|上线|有|此|该|相关|网络|安全|暴露面|资产|APP|事件|问题|协议|变化|变动|情况|数据|记录|内容|项|类|的)*"
    r"|不涉及(?:此|该|项|类|相关|业务|内容|新增|网络|安全|暴露面|资产|APP|上线|事件|协议)*|零报告|N/?A|NIL|NONE)[。.!)\]】>]*",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"[(第]?[0-9]+(?:\.0*)?[)、.]?")


class RowReader:
    """Tells the rows of one table apart.

    `places` are the columns of the form by key, as indices into a row; `headings` their headings as the form has
    them; `always` those that are required in every row; `sequence` the key of the column whose number says nothing.
    """

    def __init__(
        self, places: Mapping[str, int], headings: Mapping[str, str], always: Collection[str], sequence: str
    ) -> None:
        self._known = [(at, normalise_heading(headings[key])) for key, at in places.items()]
        self._always = frozenset(places[key] for key in always if key in places)
        self._sequence = places.get(sequence)

    def kind(self, row: Sequence[Cell], errors: Collection[int]) -> str:
        """What a row is: data, nothing, note, heading, closing (a total or a signature); or aside, where cells are
        filled only outside the form's columns.

        `errors` are the columns of the row that hold an Excel error or a formula without a result.
        """
        if not errors and row.count(None) == len(row):
            return "nothing"
        filled = [at for at, cell in enumerate(row) if not says_nothing(cell) and not self._is_number(at, cell)]
        broken = [at for at, _ in self._known if at in errors and at != self._sequence]
        if not filled and not broken:
            return "nothing"
        if filled and not (broken and min(broken) < filled[0]):
            if self._is_heading(row):
                return "heading"
            first, *others = [*filled, *broken]
            word = _first_word(row[first])
            if (note := _NOTE.match(word)) and len(others) <= (1 if note["colon"] else 0):
                return "note"
            # 审核人：… and 填表日期：… beside 填表人：… fill no column, wherever they stand.
            told = (at for at in others if at in broken or not _CLOSING.match(_first_word(row[at])))
            if (_CLOSING.match(word) or _NOTHING_NEW.fullmatch(word)) and not self._always.intersection(told):
                return "closing"
            # 合计 and counts alone: one below a column of names is no name.
            if _TOTAL.fullmatch(word) and not self._always & {*broken} and all(_is_count(row[at]) for at in others):
                return "closing"
        if not broken and not any(at in filled for at, _ in self._known):
            return "aside"
        return "data"

    def _is_number(self, at: int, cell: Cell) -> bool:
        if at != self._sequence or isinstance(cell, bool):
            return False
        return isinstance(cell, int | float) or bool(_NUMBER.fullmatch("".join(clean_text(cell)[0].split())))

    def _is_heading(self, row: Sequence[Cell]) -> bool:
        return sum(normalise_heading(row[at]) == heading for at, heading in self._known) >= HEADINGS_AGAIN


@lru_cache(maxsize=10_000)
def _word(text: str) -> str:
    return _LEAD.sub("", "".join(clean_text(text)[0].split()))


def _is_count(cell: Cell) -> bool:
    return not isinstance(cell, str) or _COUNT.fullmatch(_word(cell)) is not None


def _first_word(cell: Cell) -> str:
    """A cell's text as notes and totals are known by: cleaned, without white space and opening marks."""
    return _word(cell) if isinstance(cell, str) else ""

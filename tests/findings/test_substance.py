"""What says nothing: 核实无误 and its like, alone or beside words that add nothing (system.md, What becomes of a unit)."""

from __future__ import annotations

import pytest

from assets.month.findings.substance import says_something
from expectations.catalogue import load_catalogue

CATALOGUE = load_catalogue()


@pytest.mark.parametrize(
    "text",
    [
        "核实无误", "已核实，情况属实", "经我单位核查，数据无误，谢谢", "已核对无误", "我单位已确认，数据准确。", "填报正确",
        "信息无误", "确认属实", "已知悉，请审核", "数据真实、准确", "已整改完毕", "情况已核实", "verified and correct", "已核实" * 20,
        "已完成整改", "我单位已核查", "已检查完毕", "该问题已处理完毕", "数据均如实填报", "情况说明：", "经核查，已按要求填报",
    ],
)  # fmt: skip
def test_a_formula_says_nothing_in_whatever_order(text: str) -> None:
    assert not says_something(text, CATALOGUE)


@pytest.mark.parametrize(
    "text",
    [
        "核实无误，端口仅限堡垒机访问", "情况属实，已下架", "属实，云主机", "该项数据为存量资产", "已核实，为租用云主机",
        "已看过原件", "已电话核实，原件属实", "已完成整改，11月5日复扫通过", "扫描计划11月完成", "由供应商提供",
        "该项请我公司检查后报送", "已检查，22 端口已关闭", "已处理：10月30日下架",
    ],
)  # fmt: skip
def test_what_names_a_fact_says_something(text: str) -> None:
    assert says_something(text, CATALOGUE)

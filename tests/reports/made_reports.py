"""Reports made by hand for the tests of the renderers: every kind of block, hostile text, empty tables, long tables."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone

from reports.model import Chart, Column, Header, Kpi, Matrix, Move, Report, Section, Series, Table

CHINA = timezone(timedelta(hours=8))
HOSTILE = (
    "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=2", "A&B <0.5%", '#image("/etc/passwd")', "<script>alert(1)</script>",
    "{{ 7*7 }} {% raw %}", "\x00\x07\x1b控制", "http://example.invalid/a?b=c&d", "《“引号”》\\n$x^2$ *_`@ref`_*",
)  # fmt: skip
LONG = "本单位暴露面资产清理工作持续推进，" * 20
MONTHS = tuple(f"{y}-{m:02d}" for y, m in [(2025, 11), (2025, 12), *((2026, m) for m in range(1, 11))])
STATES = ("on_time", "late+2", "incomplete", "returned", "missing", "")


def header(lang: str = "zh", **changes: object) -> Header:
    values: dict[str, object] = {
        "period": "2026-10",
        "scope": "carrier",
        "scope_name": "集团" if lang == "zh" else "Carrier",
        "version": "v1",
        "kind": "deadline",
        "as_of": datetime(2026, 11, 6, 0, 0, tzinfo=CHINA),
        "cutoff": datetime(2026, 11, 6, 0, 0, tzinfo=CHINA),
        "software": "sixth 0.1.0",
        "lang": lang,
    }
    return Header(**{**values, **changes})  # type: ignore[arg-type]


def mail(n: int) -> str:
    """The sha256 of the n-th mail."""
    return hashlib.sha256(str(n).encode()).hexdigest()


def units_table(units: int) -> Table:
    columns = (
        Column("unit_code", "单位编码", "code"),
        Column("unit_name", "单位"),
        Column("state", "报送状态", "state", codes="states"),
        Column("on_time", "是否按时", "bool"),
        Column("first_complete_at", "首次完整时间", "datetime"),
        Column("rows_received", "收到行数", "int", unit="行"),
        Column("pass_rate", "自查符合率", "percent"),
        Column("points", "较上月", "points", unit="个百分点"),
        Column("score", "得分", "decimal", unit="分", bar=100.0),
        Column("rank", "名次", "int"),
        Column("moved", "名次变化", "delta"),
        Column("mail", "邮件", "mail"),
    )
    rows = tuple(
        (
            f"NM-{n:03d}",
            f"第{n}旗县分公司",
            ("complete", "incomplete", "returned", "missing")[n % 4],
            None if n % 4 else n % 3 > 0,
            None if n % 4 else datetime(2026, 11, 1 + n % 5, 9, n % 60, tzinfo=CHINA),
            n * 37 % 1900,
            None if n % 4 == 3 else 60 + n * 7.31 % 40,
            None if n % 4 == 3 else (n % 9 - 4) * 0.75,
            100 - n * 0.2,
            n + 1,
            n % 7 - 3,
            mail(n),
        )
        for n in range(units)
    )
    return Table(
        "units",
        "各单位报送情况",
        columns,
        rows,
        units,
        "data/units.csv",
        "得分为五部分之和。",
        frozenset({1, 3}) if units > 3 else frozenset(),
    )


def hostile_table() -> Table:
    columns = (
        Column("n", "序号", "int"),
        Column("text", "=填写内容 A&B"),
        Column("day", "日期", "date"),
        Column("message", "说明", wide=True),
    )
    rows = tuple(
        (n, text, date(2026, 10, n + 1), LONG if n == 3 else f"第{n}条：{text}") for n, text in enumerate(HOSTILE)
    )
    return Table("hostile", "=填写原样[照录]:*?/\\", columns, rows, 4000, "data/findings.csv")


def matrix(units: int) -> Matrix:
    rows = tuple(
        (
            f"第{n}旗县分公司",
            tuple(STATES[0] if (n * 7 + m * 3) % 11 else STATES[(n + m) % 6] for m in range(12)),
        )
        for n in range(units)
    )
    return Matrix("matrix", "最近 12 个月报送情况", MONTHS, rows, units)


def charts() -> tuple[Chart, ...]:
    labels = ("高危端口", "弱口令", "未授权访问", "敏感信息泄露")
    return (
        Chart(
            "trend", "line", "高危漏洞存量一年下降近四成", "未修复高危漏洞，个，月末", MONTHS,
            (Series("高危漏洞", (677, 660, 655, None, 602, 598, 560, 540, 500, 470, 450, 410)),), target=400.0, unit="个",
            source="data/exposed_assets.csv",
        ),
        Chart(
            "levels", "columns", "本月未发生特别重大事件", "安全事件，起，按级别", MONTHS,
            (
                Series("一般", (19, 20, 25, 18, 12, 17, 20, 22, 19, 18, 21, 15)),
                Series("较大", (6, 7, 8, 5, 4, 3, 6, 8, 5, 4, 3, 2)),
                Series("重大", (1, 0, 2, 0, 0, 1, 0, 0, 0, 0, 0, 0)),
            ), unit="起",
        ),
        Chart("kinds", "bars", "弱口令居首", "未完成问题，个", labels, (Series("问题", (12.0, 40.0, 7.5, 3.0)),), unit="个"),
        Chart(
            "heat", "heat", "渠道类单位符合率最低", "自查符合率，%", ("网络", "市场", "渠道"),
            (Series("NSW", (98.2, 91.0, 72.5)), Series("WXS", (100.0, None, 80.25))), unit="%",
        ),
    )  # fmt: skip


def kpis() -> tuple[Kpi, ...]:
    trend = (90.0, 91.0, None, 92.5, 93.0, 91.5, 95.0, 94.0, 96.0, 95.5, 97.2, 97.22)
    counts = tuple(float(v) for v in range(12))
    return (
        Kpi("按时完整率", 97.22, "percent", "%", 95.5, "up", trend, "units", "35/36 家"),
        Kpi("新增暴露面资产", 1234, "int", "个", 1300, "none", counts, "units"),
        Kpi("APP上线", 0, "int", "款", 2, "none", (None,) * 12, "units"),
        Kpi("自查符合率", None, "percent", "%", 88.5, "up", (None,) * 12, "units"),
        Kpi("逾期问题", 7, "int", "个", 3, "down", counts, "units", "较上月增加"),
        Kpi("安全事件", 1, "int", "起", 1, "down", (*[None] * 10, 1.0, 1.0), "units"),
    )


def full(lang: str = "zh", units: int = 24, **changes: object) -> Report:
    """A report with every kind of block; its texts are Chinese in either language."""
    line, columns, bars, heat = charts()
    empty = Table("nothing", "第三方保密协议", units_table(1).columns, (), 0, empty="本月没有第三方保密协议到期。")
    sections = (
        Section(
            "returns",
            "报送情况",
            f"{units} 家单位应报，{units - 2} 家按时",
            ("两家未报。", LONG),
            (matrix(units), units_table(units)),
        ),
        Section(
            "exposed_assets",
            "暴露面资产",
            "高危漏洞连续六个月下降",
            ("全网存量 410 个。",),
            (line, hostile_table()),
        ),
        Section("incidents", "安全事件", "本月发生 17 起", (), (columns, bars)),
        Section("self_check", "自查结果", "渠道类单位符合率最低", (), (heat,)),
        Section("agreements", "第三方保密协议", "没有到期协议", (), (empty,)),
        Section("appendix", "附录", "", ("本报告依据 3 封邮件。",)),
    )
    return Report(
        header(lang, **changes),
        "网络安全月报 2026年10月" if lang == "zh" else "Network security, October 2026",
        "",
        (
            "24 家单位全部报送，22 家按时；A&B <0.5%。",
            "高危漏洞 410 个，较上月减少 40 个。",
            "3 个问题逾期，需要决定。",
        ),
        kpis(),
        sections,
        ("units", "trend", "nowhere"),
        (Move("better", "按时完整率上升 1.7 个百分点。"), Move("worse", "逾期问题增加 4 个。")),
        MONTHS,
    )


def provisional(lang: str = "zh") -> Report:
    """A report made while units are missing, which changes figures of the one before."""
    report = full(lang, kind="supplement", version="v2", before_version="v1")
    return replace(report, provisional="截至发布时仍有 2 家单位未报：甲分公司、乙分公司。", changes=CHANGES)


FIRST, SECOND = "甲分公司 2026-11-07 09:12 0123456789ab", "乙分公司 2026-11-08 10:00 abcdef012345"
CHANGES = Table(
    "changes",
    "与 v1 相比的变化",
    (
        Column("figure", "数据项"),
        Column("before", "变化前"),
        Column("after", "变化后"),
        Column("because", "邮件", wide=True),
    ),
    (
        ("按时完整单位", 20, 21, FIRST),
        ("自查符合率（%）", None, 87.25, f"{FIRST}\n{SECOND}"),
        ("暴露面资产 · 按资产类型 · 网站", 3, 4, FIRST),
    ),
    3,
)


def empty() -> Report:
    """A month in which nothing came."""
    columns = (Column("unit_name", "单位"), Column("n", "数量", "int"))
    chart = Chart("trend", "line", "没有数据", "个", MONTHS, (Series("数量", (None,) * 12),))
    sections = (
        Section(
            "returns",
            "报送情况",
            "没有单位报送",
            (),
            (Matrix("matrix", "最近 12 个月", MONTHS, (), 0), chart),
        ),
        Section("appendix", "附录", "", (), (Table("none", "邮件", columns, (), 0),)),
    )
    none = (Kpi("按时完整率", None, "percent", "%", None, "up", (), "none"),)
    return Report(header(), "网络安全月报 2026年10月", "", (), none, sections)


def with_table(table: Table) -> Report:
    """A report of one table alone."""
    return with_blocks(table)


def with_blocks(*blocks: Table | Chart) -> Report:
    """A report of these blocks alone."""
    return Report(header(), "网络安全月报", "", (), (), (Section("only", "只有一节", "", (), blocks),))


def wide_table() -> Table:
    """A table that no upright page has room for."""
    columns = tuple(Column(f"c{n}", f"第{n}栏", "datetime") for n in range(14))
    moment = datetime(2026, 10, 1, 8, 30, tzinfo=CHINA)
    return Table("wide", "很宽的表", columns, ((moment,) * 14,) * 3, 3)


def of_prose() -> Report:
    """A report that is one long paragraph."""
    section = Section("prose", "正文", "", ("汉" * 28 * 60,))
    return Report(header(), "网络安全月报", "", (), (), (section,))

"""Every spelling of a cell that spec/system.md, section "Values", names, and that no cell stops the run.

Belongs here: assets.intake.values on single cells. Does not: where cells stand, what the rules say of their values.
"""

from __future__ import annotations

import ipaddress
import math
import unicodedata
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from assets.intake.values import Reading, as_text, clean_text, reader, url_key, version_key
from assets.intake.workbooks.shown import general

PROTECTION = ("WAF", "防火墙", "IPS", "抗DDoS", "主机防护", "VPN接入", "白名单", "无")
LEVELS = ("一级", "二级", "三级", "四级", "五级", "未定级")
CODES = {"enum": LEVELS, "enum_list": PROTECTION}
TYPES = ["text", "int", "decimal", "percent", "date", "datetime", "period", "bool"]
TYPES += ["enum", "enum_list", "phone", "ip", "ports", "url", "version", "code"]
FULL_WIDTH = str.maketrans({chr(mark): chr(mark + 0xFEE0) for mark in range(0x21, 0x7F)})
DAY_ZERO = {1900: date(1899, 12, 30), 1904: date(1904, 1, 1)}


def read(column_type: str, raw: object, **settings: Any) -> Reading:
    return reader(column_type, codes=CODES.get(column_type, ()), **settings)(raw)


# ------------------------------------------------------------------------------------ the table of the spec

ACCEPTED = [
    ("int", 12, 12),
    ("int", 12.0, 12),
    ("int", "12", 12),
    ("int", "１２", 12),
    ("int", "1,200", 1200),
    ("int", "1，200，000", 1_200_000),
    ("int", " 7 ", 7),
    ("int", "-5", -5),
    ("int", "−5", -5),
    ("int", 0.1 + 0.7 + 0.2, 1),
    ("decimal", "1,200.5", 1200.5),
    ("decimal", 0.1 + 0.2, 0.3),
    ("percent", "99.5%", 99.5),
    ("percent", "９９.５％", 99.5),
    ("percent", "99.5 %", 99.5),
    ("percent", 99.5, 99.5),
    ("percent", 0.995, 99.5),
    ("percent", "0.995", 99.5),
    ("percent", 1, 100.0),
    ("percent", 0, 0.0),
    ("percent", 0.29, 29.0),
    ("percent", 0.57, 57.0),
    ("percent", "0.5%", 0.5),
    ("percent", "1%", 1.0),
    ("percent", -0.5, -0.5),
    ("percent", "120%", 120.0),
    ("date", date(2026, 10, 8), date(2026, 10, 8)),
    ("date", datetime(2026, 10, 8, 14, 30), date(2026, 10, 8)),
    ("date", "2026-10-08", date(2026, 10, 8)),
    ("date", "2026/10/8", date(2026, 10, 8)),
    ("date", "2026.10.8", date(2026, 10, 8)),
    ("date", "2026年10月8日", date(2026, 10, 8)),
    ("date", "2026 年 10 月 8 日", date(2026, 10, 8)),
    ("date", "2026—10—08", date(2026, 10, 8)),
    ("date", "20261008", date(2026, 10, 8)),
    ("date", 20261008, date(2026, 10, 8)),
    ("date", 20261008.0, date(2026, 10, 8)),
    ("date", 46303.0, date(2026, 10, 8)),
    ("date", 46303.604, date(2026, 10, 8)),
    ("date", "46303", date(2026, 10, 8)),
    ("date", "9999-12-31", date(9999, 12, 31)),
    ("datetime", "2026-10-08 14:30", datetime(2026, 10, 8, 14, 30)),
    ("datetime", "2026-10-08 9:05", datetime(2026, 10, 8, 9, 5)),
    ("datetime", "2026-10-08 14：30：05", datetime(2026, 10, 8, 14, 30, 5)),
    ("datetime", "2026-10-08T14:30:05", datetime(2026, 10, 8, 14, 30, 5)),
    ("datetime", "2026年10月8日14时30分", datetime(2026, 10, 8, 14, 30)),
    ("datetime", "2026年10月8日 14时30分05秒", datetime(2026, 10, 8, 14, 30, 5)),
    ("datetime", "2026/10/8", datetime(2026, 10, 8)),
    ("datetime", date(2026, 10, 8), datetime(2026, 10, 8)),
    ("datetime", 46303.6041666667, datetime(2026, 10, 8, 14, 30)),
    ("datetime", datetime(2026, 10, 8, 14, 29, 59, 999_999), datetime(2026, 10, 8, 14, 30)),
    ("period", "2026-10", "2026-10"),
    ("period", "2026/10", "2026-10"),
    ("period", "2026.10", "2026-10"),
    ("period", "2026-9", "2026-09"),
    ("period", "202610", "2026-10"),
    ("period", 202610.0, "2026-10"),
    ("period", "2026年10月", "2026-10"),
    ("period", "2026年10月份", "2026-10"),
    ("period", "２０２６年１０月", "2026-10"),
    ("period", date(2026, 10, 1), "2026-10"),
    ("period", "2026-10-31", "2026-10"),
    ("period", 46303, "2026-10"),
    *[("bool", raw, True) for raw in ("是", "有", "Y", "y", "YES", "yes", "TRUE", "1", "√", "✓", 1, 1.0, True)],
    *[("bool", raw, False) for raw in ("否", "无", "N", "no", "FALSE", "0", "×", "✗", 0, 0.0, False)],
    ("enum", "二级", "二级"),
    ("enum", " 二 级\n", "二级"),
    ("enum_list", "防火墙、waf", "WAF、防火墙"),
    ("enum_list", "WAF，防火墙；IPS/VPN 接入", "WAF、防火墙、IPS、VPN接入"),
    ("enum_list", "IPS\r\nWAF\n", "WAF、IPS"),
    ("enum_list", "WAF、WAF", "WAF"),
    ("enum_list", "无", "无"),
    ("phone", "13812345678", "13812345678"),
    ("phone", 13812345678.0, "13812345678"),
    ("phone", "13812345678.0", "13812345678"),
    ("phone", "138-1234-5678", "13812345678"),
    ("phone", "+86 138 1234 5678", "13812345678"),
    ("phone", "+86-471-1234567", "04711234567"),
    ("phone", "0471-1234567", "04711234567"),
    ("phone", "（0471）12345678", "047112345678"),
    ("phone", "010-1234-5678", "01012345678"),
    ("phone", "0471-1234567-8", "04711234567-8"),
    ("phone", "0471-1234567转123", "04711234567-123"),
    ("ip", "203.0.113.5", "203.0.113.5"),
    ("ip", "２０３．０．１１３．５", "203.0.113.5"),
    ("ip", "2001:0DB8:0:0:0:0:0:1", "2001:db8::1"),
    ("ip", "203.0.113.0/24", "203.0.113.0/24"),
    ("ip", "203.0.113.5/24", "203.0.113.0/24"),
    ("ip", "203.0.113.5/32", "203.0.113.5"),
    ("ip", "2001:db8::/120", "2001:db8::/120"),
    ("ports", 443.0, "443"),
    ("ports", "443", "443"),
    ("ports", "443,80", "80,443"),
    ("ports", "80、443；8000~8010", "80,443,8000-8010"),
    ("ports", "80 / 443", "80,443"),
    ("ports", "80\n443", "80,443"),
    ("ports", "8000 － 8010", "8000-8010"),
    ("ports", "8000—8005, 8003-8010", "8000-8010"),
    ("ports", "80,81,82", "80-82"),
    ("ports", "0443，08080", "443,8080"),
    ("ports", "1-65535", "1-65535"),
    ("url", "WWW.Example.CN", "www.example.cn"),
    ("url", "HTTP://WWW.example.cn/Login", "http://www.example.cn/Login"),
    ("url", "https://www.example.cn:443/", "https://www.example.cn"),
    ("url", "https://www.example.cn:8443/a/", "https://www.example.cn:8443/a/"),
    ("url", "https://www.example.cn/a?u=http://b.cn", "https://www.example.cn/a?u=http://b.cn"),
    ("url", "www.example.cn/a", "www.example.cn/a"),
    ("url", "http：//www。example。cn", "http://www.example.cn"),
    ("url", "中文.中国", "xn--fiq228c.xn--fiqs8s"),
    ("url", "http://203.0.113.5:8080", "http://203.0.113.5:8080"),
    ("url", "http://[2001:DB8::1]/a", "http://[2001:db8::1]/a"),
    ("version", "1.2", "1.2"),
    ("version", 1.2, "1.2"),
    ("version", "v1.2.3", "1.2.3"),
    ("version", "Ｖ1.2.3", "1.2.3"),
    ("version", "1.2.3.4567", "1.2.3.4567"),
    ("version", "1.2.3-Beta", "1.2.3-beta"),
    ("code", "ims - 01", "IMS-01"),
    ("code", "nsw—05", "NSW-05"),
    ("code", 12.0, "12"),
    ("text", "  计费\n系统　一 ", "计费 系统 一"),
    ("text", "ＡＢＣ", "ABC"),
    ("text", 2026.1, "2026.1"),
    ("text", date(2026, 10, 8), "2026-10-08"),
]


@pytest.mark.parametrize(("column_type", "raw", "value"), ACCEPTED)
def test_spelling_is_read_as_its_value(column_type: Any, raw: Any, value: Any) -> None:
    reading = read(column_type, raw)
    assert (reading.value, type(reading.value)) == (value, type(value))
    assert reading.readable
    assert not reading.cleaned


REFUSED = [
    *[("int", raw) for raw in (12.5, "12.5", "1,2", "1,2000", "十二", "12个", True, "1e3", float("inf"), "٣")],
    *[("int", raw) for raw in ("9" * 30, 1e300)],
    *[("decimal", raw) for raw in ("1.2.3", "1,2.5", "nan", float("nan"))],
    *[("percent", raw) for raw in ("99.5%%", "百分之九十", "99,5", "%", "1/2")],
    *[("date", raw) for raw in ("2026-02-30", "26.10.8", "2026-13-01", "上周", "2026-10", "2026-10/08", 12.0)],
    *[("date", raw) for raw in (time(14, 30), timedelta(hours=30), "0026-10-08", 32000.0, 80000.0, "2026.10")],
    *[("datetime", raw) for raw in ("2026-10-08 24:00", "2026-10-08 14:60", "14:30", "2026-10-0814:30")],
    *[("period", raw) for raw in ("2026", "2026-13", "2026-0", "10月", "二〇二六年十月", 2026.1)],
    *[("bool", raw) for raw in ("对", "是的", "2", "没有", "T")],
    *[("enum", raw) for raw in ("2级", "二", "二级、三级", 2.0)],
    *[("enum_list", raw) for raw in ("WAF、其他", "WAF 防火墙", "、")],
    *[("phone", raw) for raw in ("12812345678", "1381234567", "138123456789", "无电话", 4711234567.0, "10086")],
    *[("phone", raw) for raw in ("0471-123456", "13812345678/13912345678", "00086138")],
    *[("ip", raw) for raw in ("192.168.001.001", "203.0.113.256", "203.0.113.1-9", "203.0.113.0/23", 203.011)],
    *[("ip", raw) for raw in ("fe80::1%eth0", "203.0.113.0/255.255.255.0", "203.0.113.1、203.0.113.2", "::/0")],
    *[
        ("ports", raw)
        for raw in (
            "0",
            "65536",
            "http",
            "443-80",
            "80-",
            "80.443",
            "TCP443",
            80443.0,
            ",",
            "1-2-3",
            "8,080",
            "22、4,080",
        )
    ],
    *[("url", raw) for raw in ("ftp://a.cn", "a b.cn", "localhost", "1.2.3", "http://", "http://u@a.cn", "a.cn:0")],
    *[("url", raw) for raw in ("http://a.cn:99999", "http://01.2.3.4", "-a.cn", "http://a.cn/,http://b.cn/", "网站")],
    *[("version", raw) for raw in ("最新版", "1.2.", "1..2", "beta", "2026-10-08", "1.2 正式")],
]


@pytest.mark.parametrize(("column_type", "raw"), REFUSED)
def test_what_the_type_does_not_allow_keeps_its_text_and_is_unreadable(column_type: Any, raw: Any) -> None:
    reading = read(column_type, raw)
    assert not reading.readable
    assert reading.value is None
    assert reading.text == clean_text(raw)[0]


# ------------------------------------------------------------------------------------------------- missing


@pytest.mark.parametrize("column_type", TYPES)
@pytest.mark.parametrize("raw", [None, "", "  ", "\n", "　", "/", "-", "—", "－", "–", "——", "／"])
def test_nothing_or_a_lone_dash_is_missing(column_type: Any, raw: Any) -> None:
    assert read(column_type, raw) == Reading(None, None, True, False)


@pytest.mark.parametrize("column_type", sorted(set(TYPES) - {"bool", "enum_list"}))
def test_none_in_words_is_missing(column_type: Any) -> None:
    assert read(column_type, " 无 ").text is None


def test_none_in_words_stays_where_it_says_something() -> None:
    assert read("text", "无", required_never=True).value == "无"
    assert read("enum_list", "无").value == "无"
    assert read("bool", "无").value is False


def test_none_in_words_is_missing_in_other_columns_that_are_not_required() -> None:
    assert read("date", "无", required_never=True).text is None
    assert reader("enum_list", codes=("WAF",), required_never=True)("无").text is None


# ---------------------------------------------------------------------------------------------------- text


@pytest.mark.parametrize("mark", ["\u202e", "\u200b", "\ufeff", "\x00", "\x1f", "\x85", "\u2066", "\ud800"])
@pytest.mark.parametrize("column_type", ["text", "enum", "date"])
def test_invisible_characters_are_removed_and_told(mark: Any, column_type: Any) -> None:
    clean = {"text": "计费系统", "enum": "二级", "date": "2026-10-08"}[column_type]
    spoiled = read(column_type, f"{clean[0]}{mark}{clean[1:]}")
    assert (spoiled.text, spoiled.readable, spoiled.cleaned) == (clean, True, True)


def test_a_cell_of_invisible_characters_alone_is_missing_and_told() -> None:
    assert read("text", "\u200b\u202e") == Reading(None, None, True, True)


@given(st.text(max_size=60))
@example("e\u200b\u0301")
@example("\u00b4a")
def test_cleaning_leaves_nothing_to_clean(raw: Any) -> None:
    text, _ = clean_text(raw)
    assert clean_text(text) == (text, False)
    assert not any(unicodedata.category(mark) in {"Cc", "Cf", "Cs"} for mark in text)
    assert "  " not in text
    assert text == text.strip()
    text.encode()


@pytest.mark.parametrize("marks", ["计", "\u0301\u0327", "\u0327\u0323\u0301", "ﷺ"])
def test_a_text_longer_than_a_spreadsheet_holds_is_cut(marks: Any) -> None:
    assert clean_text(marks * 40_000) == clean_text((marks * 40_000)[:32_767])


# --------------------------------------------------------------------------- every spelling of a known value


@st.composite
def spelled(draw: st.DrawFn, *ways: str) -> str:
    """Draw one of the spellings, perhaps in full-width characters, with white space around it."""
    way = draw(st.sampled_from(ways))
    way = draw(st.sampled_from([way, way.translate(FULL_WIDTH)]))
    return f"{draw(st.sampled_from(['', ' ', '　', chr(10), chr(160)]))}{way}{draw(st.sampled_from(['', ' ']))}"


def date_spellings(day: date) -> list[str]:
    return [
        f"{day:%Y-%m-%d}",
        f"{day.year}-{day.month}-{day.day}",
        f"{day.year}/{day.month}/{day.day}",
        f"{day.year}.{day.month:02}.{day.day}",
        f"{day.year}年{day.month}月{day.day}日",
        f"{day.year}年{day.month:02}月{day.day:02}日",
        f"{day:%Y%m%d}",
    ]


DAYS = st.dates(date(1990, 1, 1), date(2099, 12, 31))


@given(st.data(), st.integers(-(10**15), 10**15))
def test_any_spelling_of_an_integer(data: Any, number: Any) -> None:
    raw = data.draw(st.one_of(spelled(f"{number}", f"{number:,}", f"{number}.0"), st.just(float(number))))
    assert read("int", raw).value == number


@given(st.data(), st.decimals(0, 100, places=2))
def test_any_spelling_of_a_percentage(data: Any, points: Any) -> None:
    ways: list[st.SearchStrategy[object]] = [
        spelled(f"{points}%", f"{points} %", f"{points / 100}"),
        st.just(float(points) / 100),
        st.just(float(points / 100)),
    ]
    if points > 1:
        ways += [st.just(float(points)), spelled(f"{points}")]
    assert read("percent", data.draw(st.one_of(ways))).value == float(points)


@given(st.data(), DAYS, st.sampled_from([1900, 1904]))
def test_any_spelling_of_a_date(data: Any, day: Any, epoch: Any) -> None:
    serial = (day - DAY_ZERO[epoch]).days
    raw = data.draw(
        st.one_of(
            spelled(*date_spellings(day)),
            st.sampled_from([day, datetime.combine(day, time(7)), float(serial), serial, int(f"{day:%Y%m%d}")]),
        )
    )
    assert read("date", raw, epoch=epoch).value == day


@given(st.data(), DAYS, st.times(), st.sampled_from([1900, 1904]))
def test_any_spelling_of_a_moment(data: Any, day: Any, clock: Any, epoch: Any) -> None:
    moment = datetime.combine(day, clock.replace(microsecond=0))
    serial = (moment - datetime.combine(DAY_ZERO[epoch], time.min)) / timedelta(days=1)
    ways = [f"{written}{gap}{moment:%H:%M:%S}" for written in date_spellings(day) for gap in (" ", "T", "  ")]
    ways += [f"{written} {clock.hour}时{clock.minute}分{clock.second}秒" for written in date_spellings(day)]
    raw = data.draw(st.one_of(spelled(*ways), st.sampled_from([moment, serial])))
    assert read("datetime", raw, epoch=epoch).value == moment


@given(st.data(), DAYS)
def test_any_spelling_of_a_month(data: Any, day: Any) -> None:
    year, month = day.year, day.month
    ways = [f"{year}-{month:02}", f"{year}/{month}", f"{year}.{month:02}", f"{year}{month:02}"]
    ways += [f"{year}年{month}月", f"{year}年{month:02}月份", *date_spellings(day)]
    raw = data.draw(st.one_of(spelled(*ways), st.sampled_from([day, year * 100 + month])))
    assert read("period", raw).value == f"{year}-{month:02}"


@given(st.data(), st.lists(st.sampled_from(PROTECTION), min_size=1, unique=True))
def test_any_spelling_of_a_code_list(data: Any, codes: Any) -> None:
    between = data.draw(st.sampled_from(["、", ",", ";", "/", "\n", "\r\n", " ， ", "；"]))
    case = data.draw(st.sampled_from([str.lower, str.upper, str.swapcase]))
    assert read("enum_list", data.draw(spelled(case(between.join(codes))))).value == "、".join(
        code for code in PROTECTION if code in codes
    )


@given(st.data(), st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True))
def test_any_spelling_of_a_mobile_number(data: Any, digits: Any) -> None:
    grouped = f"{digits[:3]}{{0}}{digits[3:7]}{{0}}{digits[7:]}"
    ways = [digits, f"{digits}.0", *(grouped.format(gap) for gap in " -—")]
    ways += [f"{country}{gap}{digits}" for country in ("+86", "86", "0086") for gap in ("", " ", "-")]
    assert read("phone", data.draw(st.one_of(spelled(*ways), st.just(float(digits))))).value == digits


@given(
    st.data(),
    st.from_regex(r"0(?:10|2[0-9]|[3-9][0-9]{2})", fullmatch=True),
    st.from_regex(r"[2-8][0-9]{6,7}", fullmatch=True),
    st.from_regex(r"(?:[0-9]{1,6})?", fullmatch=True),
)
def test_any_spelling_of_a_landline_number(data: Any, area: Any, subscriber: Any, extension: Any) -> None:
    ways = [f"{area}-{subscriber}", f"({area}){subscriber}", f"{area} {subscriber}", f"{area}—{subscriber}"]
    ways += [
        f"+86-{area}-{subscriber}",
        f"+86 {area[1:]} {subscriber}",
        f"{area}-{subscriber[:-4]}-{subscriber[-4:]}",
    ]
    if extension:
        ways = [f"{way}{joint}{extension}" for way in ways for joint in ("-", "转", " 转 ")]
    kept = f"{area}{subscriber}-{extension}" if extension else f"{area}{subscriber}"
    assert read("phone", data.draw(spelled(*ways))).value == kept


@given(st.data(), st.ip_addresses())
def test_any_spelling_of_an_address(data: Any, address: Any) -> None:
    ways = [str(address), address.exploded, address.exploded.upper(), f"{address}/{address.max_prefixlen}"]
    assert read("ip", data.draw(spelled(*ways))).value == str(address)


@given(st.ip_addresses(), st.integers(0, 128))
def test_a_block_is_kept_as_its_network_unless_it_is_too_large(address: Any, length: Any) -> None:
    length = min(length, address.max_prefixlen)
    block = ipaddress.ip_network((address, length), strict=False)
    value = read("ip", f"{address}/{length}").value
    if block.num_addresses > 256:
        assert value is None
    else:
        assert value == (str(address) if block.num_addresses == 1 else str(block))


def expanded(kept: str) -> set[int]:
    ends = [(part.split("-")[0], part.split("-")[-1]) for part in kept.split(",")]
    return {port for first, last in ends for port in range(int(first), int(last) + 1)}


@given(st.data(), st.lists(st.tuples(st.integers(1, 300), st.integers(0, 20)), min_size=1, max_size=8))
def test_ports_keep_every_number_once_in_order(data: Any, spans: Any) -> None:
    parts = [
        str(first) if not more else f"{first}{data.draw(st.sampled_from('-~～—－'))}{first + more}"
        for first, more in spans
    ]
    raw = data.draw(spelled(data.draw(st.sampled_from([",", "、", ";", "/", " ", "\n", " ，"])).join(parts)))
    kept = read("ports", raw).value
    assert isinstance(kept, str)
    assert expanded(kept) == {port for first, more in spans for port in range(first, first + more + 1)}
    firsts = [int(part.split("-")[0]) for part in kept.split(",")]
    lasts = [int(part.split("-")[-1]) for part in kept.split(",")]
    assert all(last + 1 < first for last, first in zip(lasts, firsts[1:], strict=False))


HOSTS = st.from_regex(r"(?:[a-z0-9]{1,12}\.){1,3}(?:cn|com|example)", fullmatch=True)


@given(st.data(), HOSTS, st.sampled_from(["", ":8080"]), st.sampled_from(["", "/a", "/A/b.html?x=1", "/a/"]))
def test_the_same_host_port_and_path_are_the_same_address(data: Any, host: Any, port: Any, path: Any) -> None:
    scheme = data.draw(st.sampled_from(["", "http://", "https://", "HTTPS://"]))
    case = data.draw(st.sampled_from([str.upper, str.lower, str.title]))
    lone = "/" if not path and data.draw(st.booleans()) else ""
    value = read("url", f" {scheme}{case(host)}{port}{path}{lone}").value
    assert isinstance(value, str)
    assert url_key(value) == f"{host}{port}{path}"
    assert value.startswith(scheme.lower())
    assert read("url", value).value == value


def test_ports_and_paths_tell_addresses_apart() -> None:
    different = ["a.cn", "a.cn:8080", "a.cn/a", "a.cn/A", "a.cn/a/", "b.cn", "http://a.cn:443"]
    assert len({url_key(str(read("url", raw).value)) for raw in different}) == len(different)


@given(
    st.lists(st.integers(0, 9999), min_size=1, max_size=4),
    st.lists(st.integers(0, 9999), min_size=1, max_size=4),
)
def test_versions_compare_number_by_number(one: Any, other: Any) -> None:
    padded = [numbers + [0] * (4 - len(numbers)) for numbers in (one, other)]
    keys = [
        version_key(str(read("version", f"{mark}{'.'.join(map(str, numbers))}").value))
        for mark, numbers in (("v", one), ("", other))
    ]
    assert (keys[0] < keys[1], keys[0] == keys[1]) == (padded[0] < padded[1], padded[0] == padded[1])


def test_a_suffix_stands_below_its_release_and_is_numbered_too() -> None:
    ordered = ["1.1.9", "1.2-alpha", "1.2-beta2", "1.2-beta10", "1.2-rc.1", "1.2", "1.2.1-b", "1.2.1", "1.10"]
    shuffled = ordered[1::2] + ordered[::2]
    assert sorted(shuffled, key=version_key) == ordered


@given(st.data(), st.from_regex(r"[A-Z]{3}-[0-9]{2,4}", fullmatch=True))
def test_any_spelling_of_a_code(data: Any, code: Any) -> None:
    raw = data.draw(spelled(code, code.lower(), code.replace("-", " - "), code.replace("-", "–")))
    assert read("code", raw).value == code


# ---------------------------------------------------------------------------------------- arbitrary cells

CELLS = st.one_of(
    st.none(),
    st.text(st.characters(), max_size=40),
    st.text("0123456789.,-—~/:%年月日时分转+[]() vTXx无", max_size=24),
    st.floats(),
    st.integers(),
    st.booleans(),
    st.dates(),
    st.datetimes(),
    st.times(),
    st.timedeltas(),
)


@pytest.mark.parametrize("column_type", TYPES)
@given(raw=CELLS)
@example(raw=datetime.max)
@example(raw=date.min)
@example(raw="xn--a.cn")
@example(raw="\ud800.cn")
@example(raw="᠎.中国")
def test_no_cell_raises_and_every_reading_is_consistent(column_type: Any, raw: Any) -> None:
    reading = read(column_type, raw)
    assert reading.readable == (reading.value is not None or reading.text is None)
    # In a number cell of more than 15 digits the last ones are lost, and columns of characters take what is shown.
    is_shown = column_type in ("text", "code", "version", "ports", "phone", "url") and isinstance(raw, float)
    seen = general(raw) if is_shown and math.isfinite(raw) and abs(raw) >= 10**15 else raw
    assert reading.text is None or reading.text == clean_text(seen)[0]
    assert reading.text != ""
    assert as_text(reading.value, column_type).encode().decode().strip() == as_text(reading.value, column_type)


@pytest.mark.parametrize("column_type", sorted(set(TYPES) - {"text"}))
@given(raw=CELLS)
def test_a_value_written_out_reads_back_as_itself(column_type: Any, raw: Any) -> None:
    value = read(column_type, raw).value
    if value is not None:
        assert read(column_type, as_text(value, column_type)).value == value


@given(st.lists(st.sampled_from([1, 1.0, True, "1", 0, 0.0, False, "0", -0.0, "TRUE", date(2026, 10, 1), None])))
def test_what_was_read_before_does_not_change_a_reading(raws: Any) -> None:
    for column_type in ("int", "bool", "text", "date"):
        read_again = reader(column_type)
        assert [read_again(raw) for raw in raws] == [read(column_type, raw) for raw in raws]


def test_more_different_values_than_are_remembered_are_all_read() -> None:
    read_code = reader("code")
    raws = [f"nsw-{number}" for number in range(5_000)]
    assert [read_code(raw).value for raw in raws * 2] == [raw.upper() for raw in raws * 2]


def test_a_number_too_long_to_be_written_is_unreadable() -> None:
    assert not read("int", 10**5000).readable


def test_an_unknown_type_is_an_error_of_the_forms() -> None:
    with pytest.raises(KeyError):
        reader("colour")


@pytest.mark.parametrize(
    ("value", "column_type", "text"),
    [
        (None, "date", ""),
        (date(2026, 10, 8), "date", "2026-10-08"),
        (datetime(2026, 10, 8), "datetime", "2026-10-08 00:00"),
        (datetime(2026, 10, 8, 14, 30), "datetime", "2026-10-08 14:30"),
        (datetime(2026, 10, 8, 14, 30, 5), "datetime", "2026-10-08 14:30:05"),
        (True, "bool", "是"),
        (False, "bool", "否"),
        (99.5, "percent", "99.5%"),
        (100.0, "percent", "100%"),
        (1200, "int", "1200"),
        (0.5, "decimal", "0.5"),
        ("80,443", "ports", "80,443"),
    ],
)
def test_values_are_written_as_a_person_reads_them(value: Any, column_type: Any, text: Any) -> None:
    assert as_text(value, column_type) == text


@pytest.mark.parametrize("word", ["更正", " 更 正 ", "补报", "修订", "重报"])
def test_other_words_for_a_code_are_read_as_it(word: str) -> None:
    read = reader("enum", codes=("首报", "更正"), read_as=(("补报", "更正"), ("修订", "更正"), ("重报", "更正")))
    assert read(word).value == "更正"
    assert not read("再报").readable

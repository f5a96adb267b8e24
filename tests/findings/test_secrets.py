"""What must not stand in a text is found, and hidden, by the same patterns (GEN-07)."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expectations.secrets import IDENTITY_CHECKS, IDENTITY_WEIGHTS, hidden, kinds, may_hold


def identity(area: str, born: date, serial: str) -> str:
    body = f"{area}{born:%Y%m%d}{serial}"
    total = sum(int(d) * w for d, w in zip(body, IDENTITY_WEIGHTS, strict=True))
    return body + IDENTITY_CHECKS[total % 11]


DIGITS = st.text("0123456789", min_size=3, max_size=3)
NUMBERS = st.builds(
    identity, st.text("0123456789", min_size=6, max_size=6), st.dates(date(1930, 1, 1), date(2020, 1, 1)), DIGITS
)
MOBILES = st.from_regex(r"\A1[3-9][0-9]{9}\Z")
WORDS = st.text("机房设备管理员，。 abc:=-/()", max_size=12)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("11010519491231002X", ("identity",)),
        ("身份证11010519491231002x。", ("identity",)),
        ("110105194912310021", ()),  # another check character
        ("110105194913310020", ()),  # no thirteenth month
        ("13812345678", ("mobile",)),
        ("138123456789", ()),
        ("12812345678", ()),
        ("密码：admin", ("password",)),
        ("Password = x", ("password",)),
        ("PWD:1", ("password",)),
        ("密码：", ()),
        ("密码已更换", ()),
        ("-----BEGIN RSA PRIVATE KEY-----", ("private_key",)),
        ("-----BEGIN CERTIFICATE-----", ()),
        ("订单 20261008123456789", ()),
    ],
)
def test_a_secret_is_known_by_its_form(text: str, found: tuple[str, ...]) -> None:
    assert kinds(text) == found


@given(NUMBERS, WORDS, WORDS)
def test_an_identity_number_is_found_among_words_and_hidden(number: str, before: str, after: str) -> None:
    text = before + number + after
    assert "identity" in kinds(text)
    assert number not in hidden(text)
    assert "identity" not in kinds(hidden(text))


@given(MOBILES, WORDS, WORDS)
def test_a_mobile_number_is_found_among_words_and_hidden(number: str, before: str, after: str) -> None:
    text = before + number + after
    assert "mobile" in kinds(text)
    assert number not in hidden(text)


@given(st.sampled_from(["密码：", "口令:", "password=", "Passwd: ", "PWD ="]), st.from_regex(r"\A[!-~]{4,12}\Z"), WORDS)
def test_what_follows_a_password_is_hidden(heading: str, secret: str, before: str) -> None:
    text = before + heading + secret
    assert "password" in kinds(text)
    assert hidden(text).endswith("****")
    assert secret not in hidden(text).removeprefix(before)


def test_a_text_without_secrets_is_left_as_it_is() -> None:
    assert hidden("已更换管理口令，工单 GD-20261008-01") == "已更换管理口令，工单 GD-20261008-01"


@given(st.one_of(NUMBERS, MOBILES, st.sampled_from(["密码:x", "-----BEGIN PRIVATE KEY-----"])), WORDS, WORDS)
def test_every_text_with_a_secret_is_looked_into(secret: str, before: str, after: str) -> None:
    text = before + secret + after
    looked = pl.DataFrame({"text": [text, None]}).select(may_hold(pl.col("text"))).to_series()
    assert bool(kinds(text)) <= looked[0]
    assert looked[1] is False

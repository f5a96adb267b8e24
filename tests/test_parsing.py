"""A mail taken apart: what cannot be opened is taken for the form that its name hints at (system.md, Mail)."""

from __future__ import annotations

import io
import zipfile
from email.message import EmailMessage

import pytest

from assets.instance.limits import Limits
from assets.instance.settings import SealThresholds
from assets.intake.parsing import Parser, parse_mail
from expectations.catalogue import load_catalogue

PARSER = Parser(load_catalogue(), Limits(), SealThresholds(), "tests")


def zipped(name: str, content: bytes = b"x" * 500) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, content)
    return file.getvalue()


DAMAGED = zipped("附件3.xlsx").replace(b"x" * 500, b"y" * 500)  # its CRC tells


@pytest.mark.parametrize(
    ("name", "content", "forms", "told"),
    [
        ("附件2.zip", zipped("a.xlsx")[:-40], ["annex2"], [("ENV-03", "附件2.zip", "archive_damaged")]),
        ("报表.zip", DAMAGED, ["annex3"], [("ENV-03", "附件3.xlsx", "archive_damaged")]),
        ("报表.zip", zipped("a.xlsx")[:-40], [], [("ENV-03", "报表.zip", "archive_damaged")]),
        ("附件2.rar", b"Rar!\x1a\x07\x00", [], [("ENV-04", "附件2.rar", "archive_kind")]),
    ],
)
def test_an_archive_that_cannot_be_opened_is_taken_for_a_form(
    name: str, content: bytes, forms: list[str], told: list[tuple[str, str, str]]
) -> None:
    mail = EmailMessage()
    mail["From"] = "a@oa.example"
    mail.set_content("见附件")
    mail.add_attachment(content, "application", "octet-stream", filename=name)
    parsed = parse_mail("m" * 64, mail.as_bytes(), PARSER)
    assert [(key, form) for _, _, form, key in parsed.forms] == [(key, None) for key in forms]
    assert [(f.rule_id, f.file, f.reason) for _, f in parsed.faults] == told
    assert [about for about, _ in parsed.faults] == ([name for name, _, _, _ in parsed.forms] or [None])

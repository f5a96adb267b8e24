"""No name, phone or secret leaves but in its unit's own answer: every published file, Dagster's storage, what runs say.

outputs.md, published/. The sample, and a month made of what has slipped through before: headings written otherwise,
values longer than a message shows, numbers in names of files, in senders, in what is left in the inbox.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from pathlib import Path

import duckdb
import openpyxl
import polars as pl
import pytest

from expectations.catalogue import load_catalogue
from expectations.secrets import MOBILE, kinds
from tests.feedback.made_month import drop_mail, home
from tests.jobs import command_line
from tests.published_text import text_of
from tests.templates.filled_forms import FIRST_ROW, HEADINGS, cell, changed, cover_cell, filled_forms

CATALOGUE = load_catalogue()
LEAKY, OTHER = "LEAKY", "OTHER"
SECRETS = {
    LEAKY: (
        "欧阳震华", "慕容云海", "诸葛青山", "上官婉清", "13912345670", "13900001111", "13700002222", "13600005555", "1380000333344",
        "13500006666", "Qwer#7788", "Asdf@9900", "11010519491231002X", "13400008888",
    ),
    OTHER: ("司徒明月", "13300004444"),
    "": ("15900007777", "13800009999"),
}  # fmt: skip
LONG = "原值班电话已停用，请先联系综合办公室再转网络安全值班席位，夜间另拨应急指挥中心专线并说明单位与来意，以便及时转接处理，多谢 13912345670"


@dataclass(frozen=True)
class Ran:
    """A home in which runs were made, and all that they said."""

    root: Path
    said: str


def sixth(*arguments: str | Path) -> str:
    done = command_line.apart(*arguments)  # what the whole process says, its logs too
    return done.stdout + done.stderr


def leaky_annex2(book: openpyxl.Workbook) -> None:
    form = CATALOGUE.form("annex2")
    sheet, columns = book["暴露面资产新增"], CATALOGUE.sheets["exposed_assets"]
    phone = cell(sheet, columns, "owner_phone", FIRST_ROW)
    owner = cell(sheet, columns, "owner", FIRST_ROW)
    values = {
        phone: LONG,
        cell(sheet, columns, "owner_phone", FIRST_ROW + 1): "13900001111转",
        owner: "欧阳震华\u200b",
        cell(sheet, columns, "asset_name", FIRST_ROW): "门户（值班13700002222）",
        cell(sheet, columns, "remark", FIRST_ROW): "管理口令：Qwer#7788",
        cell(sheet, columns, "reason", FIRST_ROW): "身份证11010519491231002X已登记",
        cell(sheet, columns, "ports", FIRST_ROW): "见13400008888",
    }
    for place, heading in ((phone, "责任人电话（必填）"), (owner, "责任人 *")):
        sheet[f"{place.rstrip('0123456789')}{HEADINGS}"].value = heading
    for place, value in values.items():
        sheet[place].value = value
    cover = book[form.cover_title]
    cover[cover_cell(cover, form, "prepared_by")].value = "慕容云海"
    cover[cover_cell(cover, form, "phone")].value = "1380000333344"
    cover[cover_cell(cover, form, "manager")].value = "诸葛青山"


def leaky_annex3(book: openpyxl.Workbook) -> None:
    incidents, problems = CATALOGUE.sheets["incidents"], CATALOGUE.sheets["rectification"]
    sheet = book[incidents.title]
    sheet[cell(sheet, incidents, "description", FIRST_ROW)].value = "账号被盗，pwd=Asdf@9900，联系13500006666"
    sheet = book[problems.title]
    sheet[cell(sheet, problems, "problem", FIRST_ROW)].value = "弱口令 password: Asdf@9900"
    checks = CATALOGUE.sheets["self_check"]
    sheet = book[checks.title]
    sheet[cell(sheet, checks, "checked_by", FIRST_ROW)].value = "上官婉清"


def others_annex2(book: openpyxl.Workbook) -> None:
    columns = CATALOGUE.sheets["exposed_assets"]
    sheet = book[columns.title]
    sheet[cell(sheet, columns, "owner", FIRST_ROW)].value = "司徒明月"
    sheet[cell(sheet, columns, "owner_phone", FIRST_ROW)].value = "13300004444"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    month = home(tmp_path_factory.mktemp("leaky") / "home", [LEAKY, OTHER])
    for unit, annex2, annex3, name in (
        (LEAKY, leaky_annex2, leaky_annex3, "附件2 13600005555.xlsx"),
        (OTHER, others_annex2, lambda _: None, "附件2.xlsx"),
    ):
        forms = filled_forms(month.unit(unit), CATALOGUE, month.register, only=("annex2", "annex3"))
        attachments = [(name, changed(forms["annex2"], annex2)), ("附件3.xlsx", changed(forms["annex3"], annex3))]
        drop_mail(month, unit, attachments)
    stranger = EmailMessage(policy=policy.default)
    stranger["From"], stranger["Subject"] = "15900007777@mail.example", "月报 13500006666"
    stranger["Received"] = "from x by mx; Tue, 3 Nov 2026 09:00:00 +0800"
    stranger.set_content("你好")
    (month.root / "inbox/stranger.eml").write_bytes(stranger.as_bytes())
    (month.root / "inbox/通讯录13800009999.txt").write_text("x", encoding="utf-8")
    said = [
        sixth("run", "--home", month.root, "--period", "2026-10", "--as-of", as_of)
        for as_of in ("2026-11-04T00:30:00+08:00", "2026-11-06T00:30:00+08:00")
    ]
    return Ran(month.root, "".join(said))


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    ran = command_line.ran(tmp_path_factory)
    return Ran(ran.home, ran.said)


def outgoing(root: Path) -> Iterator[tuple[str, Path]]:
    """Every file that must tell nothing, with whose own answer it is, "" for all others."""
    for folder in ("published", "dagster"):
        for path in sorted((root / folder).rglob("*")):
            if path.is_file():
                at = path.relative_to(root).parts
                yield (at[3] if "feedback" in at else "nobody"), path


def personal(root: Path) -> dict[str, set[str]]:
    """By unit every name, phone and secret that its mails brought, as they were written and as they were read: a number
    stands in its cell as 13900001111 and is shown as 139-0000-1111.

    A name of two characters may stand in any text by chance.
    """
    found: dict[str, set[str]] = {}
    with duckdb.connect(str(root / "warehouse/sixth.duckdb"), read_only=True) as warehouse:
        for sheet in CATALOGUE.sheets.values():
            for column in sheet.columns:
                if not (column.pii or column.type == "text"):
                    continue
                for unit, text, read in warehouse.execute(
                    f"""
                    select s.unit_code, "{column.key}__text", cast("{column.key}" as varchar)
                    from staging.{sheet.key} inner join core.submissions as s using (form_id)
                    where "{column.key}__text" is not null
                    """
                ).fetchall():
                    words = {text, read or text} if column.pii else set(MOBILE.findall(text)) if kinds(text) else set()
                    found.setdefault(unit, set()).update(words)
        pii = {c.key for form in CATALOGUE.forms for c in form.cover if c.pii}
        for unit, cover in warehouse.execute("select unit_code, cover from core.submissions").fetchall():
            fields = [field for key, field in json.loads(cover).items() if key in pii and field["text"]]
            words = {word for field in fields for word in (field["text"], field.get("value") or field["text"])}
            found.setdefault(unit, set()).update(words)
    return {unit: {w.strip() for w in words if len(w.strip()) > 2} for unit, words in found.items()}


def leaks(root: Path, words_of: dict[str, set[str]]) -> list[str]:
    """The words that stand where they should not. Two units may name the same number, each in its own way, as
    +86 13900001111: it is the own one of both.
    """
    told = []
    for owner, path in outgoing(root):
        own = "\n".join(words_of.get(owner, ()))
        told += [f"{path.relative_to(root)}: {word}" for word in said(text_of(path), words_of) if word not in own]
    return told


def said(text: str, words_of: dict[str, set[str]]) -> list[str]:
    """Which of the words stand in a text, looked for all at once."""
    found: list[str] = pl.Series([text]).str.extract_many(sorted(set().union(*words_of.values())), overlapping=True)[0]
    return sorted(set(found))


def test_nothing_of_a_made_month_leaves(made: Ran) -> None:
    words = {unit: set(words) for unit, words in SECRETS.items()}
    assert leaks(made.root, words) == []
    assert said(made.said, words) == []


def test_the_made_month_brought_what_is_looked_for(made: Ran) -> None:
    answer = text_of(made.root / "published/2026-10/feedback" / LEAKY / "feedback.html")
    assert "13900001111" in said(answer, {LEAKY: {*SECRETS[LEAKY]}})
    findings = text_of(made.root / "published/2026-10/C/v1/data/findings.csv")
    assert {"责任人电话（必填）", "****", "GEN-02"} <= set(findings.replace('"', "").split(","))
    assert "GEN-07" in findings


def test_nothing_of_the_sample_leaves(sample: Ran) -> None:
    words = personal(sample.root)
    assert sum(map(len, words.values())) > 100
    assert leaks(sample.root, words) == []
    assert said(sample.said, words) == []

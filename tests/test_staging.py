"""Mails into the staging tables: what kills a reader costs one file, and a killed worker costs nothing."""

from __future__ import annotations

import io
import os
import random
import signal
import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pikepdf
import pytest
import xlsxwriter

from assets.instance.limits import Limits
from assets.instance.settings import SealThresholds
from assets.instance.warehouse import Warehouse, open_warehouse
from assets.intake.mail.archive import store
from assets.intake.mail.seen import Seen
from assets.intake.parsing import Parser, schemas
from assets.intake.staging import parse_new, prepare, put_receipts
from expectations.catalogue import Catalogue, load_catalogue
from tests.mail.made_mails import PDF, attached, mail, picture
from tests.workbooks.made_workbooks import xlsx
from tests.workbooks.tasks import children

Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


@pytest.fixture
def parser(catalogue: Catalogue) -> Parser:
    return Parser(catalogue, Limits(), SealThresholds(), "tests")


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with open_warehouse(tmp_path / "warehouse") as opened:
        yield opened


def form(catalogue: Catalogue, title: str, rows: int = 1) -> bytes:
    """A workbook of the one sheet of a form, with its headings and rows of nonsense."""
    buffer = io.BytesIO()
    sheet = next(s for f in catalogue.forms for s in f.sheets if s.title == title)
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        page = book.add_worksheet(title)
        for column, wanted in enumerate(sheet.columns):
            page.write(0, column, wanted.zh)
            for row in range(rows):
                page.write(row + 1, column, f"值{row}")
    return buffer.getvalue()


def endless_pdf() -> bytes:
    """A page that takes for ever to draw: forms that draw forms, 60 of them in each of 12 levels."""
    pdf = pikepdf.new()
    page = pdf.add_blank_page(page_size=(595, 842))
    drawn: pikepdf.Object | None = None
    for _ in range(12):
        made = pikepdf.Stream(pdf, b"0 0 9 9 re f" if drawn is None else b"/F Do " * 60)
        made.Type, made.Subtype = pikepdf.Name.XObject, pikepdf.Name.Form
        made.BBox = pikepdf.Array([0, 0, 595, 842])
        if drawn is not None:
            made.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(F=drawn))
        drawn = pdf.make_indirect(made)
    page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(F=drawn))
    page.Contents = pikepdf.Stream(pdf, b"/F Do")
    buffer = io.BytesIO()
    pdf.save(buffer)
    return buffer.getvalue()


def parsed(warehouse: Warehouse, parser: Parser, mails: Iterable[bytes], folder: Path) -> Rows:
    """The staging tables after parsing the mails, each in an order of its own."""
    sha256s = [store(raw, folder / "archive") for raw in mails]
    prepare(warehouse, parser)
    put_receipts(warehouse, [Seen(sha256, datetime.now(UTC), 0) for sha256 in sha256s])
    parse_new(warehouse, parser, folder / "archive", folder / "incoming")
    return tables(warehouse, parser)


def tables(warehouse: Warehouse, parser: Parser) -> Rows:
    return {name: warehouse.rows(f"select * from staging.{name} order by all") for name in schemas(parser.catalogue)}


@pytest.mark.slow  # workers end by their limits
def test_a_file_that_kills_its_reader_is_set_aside_and_the_rest_is_read(
    warehouse: Warehouse, parser: Parser, tmp_path: Path
) -> None:
    """The other files of its mail, and the other mails of its batch."""
    good = form(parser.catalogue, "暴露面资产新增")
    deadly = mail(attached("a.xlsx", good), attached("b.pdf", endless_pdf()), attached("c.png", picture()))
    innocent = [mail(attached(f"{number}.xlsx", form(parser.catalogue, "APP上线情况", number))) for number in range(5)]
    quick = replace(parser, limits=replace(parser.limits, file_seconds=2.0))
    rows = parsed(warehouse, quick, [deadly, *innocent], tmp_path)
    assert len(rows["mails"]) == 6
    assert len(rows["exposed_assets"]) == 1
    assert len(rows["app_launches"]) == sum(range(5))
    assert {(s["file"], s["state"], s["reason"]) for s in rows["scans"]} <= {
        ("c.png", "unsealed", "no_colour"),
        *(("b.pdf", "unreadable", reason) for reason in ("timeout", "memory", "crashed")),
    }
    assert len(rows["scans"]) == 2


@pytest.mark.slow  # workers end by their limits
def test_a_file_has_its_time_whatever_it_comes_with(warehouse: Warehouse, parser: Parser, tmp_path: Path) -> None:
    """No more where its neighbours leave some over, no less where there are many of them."""
    row = "".join(f'<c r="{letter}{{0}}"><v>{{0}}</v></c>' for letter in "ABCDEFGHIJKLMNOPQRST")
    slow = xlsx("".join(f'<row r="{number}">{row.format(number)}</row>' for number in range(1, 60_001)))
    small = [form(parser.catalogue, "APP上线情况", 300 + number) for number in range(12)]
    mails = [mail(attached("slow.xlsx", slow)), mail(*(attached(f"{n}.xlsx", book) for n, book in enumerate(small)))]
    quick = replace(parser, limits=replace(parser.limits, file_seconds=0.5))
    rows = parsed(warehouse, quick, mails, tmp_path)
    assert {(f["file"], f["reason"]) for f in rows["faults"] if f["rule_id"] == "ENV-03"} == {("slow.xlsx", "timeout")}
    assert len(rows["forms"]) == 12


def test_a_scan_named_as_a_forms_workbook_is_a_scan_and_says_that_the_form_is_missing(
    warehouse: Warehouse, parser: Parser, tmp_path: Path
) -> None:
    names = ("附件2.xlsx".encode(), "盖章.xlsx".encode(), "附件2.pdf".encode())
    mails = [mail(attached(name, PDF + bytes(number))) for number, name in enumerate(names)]
    rows = parsed(warehouse, parser, mails, tmp_path)
    assert sorted(scan["file"] for scan in rows["scans"]) == ["盖章.xlsx", "附件2.pdf", "附件2.xlsx"]
    [fault] = rows["faults"]
    assert (fault["rule_id"], fault["file"], fault["reason"]) == ("ENV-03", "附件2.xlsx", "not_workbook")
    assert [(row["form"], row["readable"]) for row in rows["forms"]] == [("annex2", False)]


@pytest.mark.slow  # workers end by their limits
def test_workers_killed_from_outside_cost_nothing(parser: Parser, tmp_path: Path) -> None:
    """Whatever they were at: becoming ready, reading, or between two batches."""
    mails = [mail(attached(f"{n}.xlsx", form(parser.catalogue, "APP上线情况", 150 + n))) for n in range(80)]
    with open_warehouse(tmp_path / "undisturbed") as warehouse:
        wanted = parsed(warehouse, parser, mails, tmp_path)
    killed: list[int] = []
    done = threading.Event()

    def kill_some() -> None:
        chance = random.Random(1)
        while len(killed) < 3 and not done.wait(chance.uniform(0.2, 0.6)):
            for worker in grandchildren()[:1]:
                os.kill(worker, signal.SIGKILL)
                killed.append(worker)

    killer = threading.Thread(target=kill_some)
    with open_warehouse(tmp_path / "disturbed") as warehouse:
        killer.start()
        try:
            found = parsed(warehouse, parser, mails, tmp_path)
        finally:
            done.set()
            killer.join()
    assert killed
    assert found == wanted


def grandchildren() -> list[int]:
    """The workers: children of the server that forks them, which is a child of this process."""
    return [pid for child in children(os.getpid()) for pid in children(child)]


def test_tables_that_lack_a_column_are_made_anew_and_their_mails_parsed_again(
    warehouse: Warehouse, parser: Parser
) -> None:
    prepare(warehouse, parser)
    warehouse.execute("insert into staging.mails (mail, parser) values ('m', 'tests')")
    prepare(warehouse, parser)
    assert warehouse.value("select count(*) from staging.mails") == 1
    warehouse.execute("alter table staging.forms drop column span")
    prepare(warehouse, parser)
    assert warehouse.value("select count(*) from staging.mails") == 0
    assert {r["column_name"] for r in warehouse.rows("describe staging.forms")} == set(
        schemas(parser.catalogue)["forms"]
    )

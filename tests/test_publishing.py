"""Which versions are made, of what, and that how they are written does not show in them (reports/publishing/publish.py)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import jsonschema
import polars as pl
import pytest

from assets.instance.register import load_register
from assets.month.digests import remember_tables
from assets.month.freshness import stale_months
from assets.month.gate import NotSettled
from assets.month.settle import settle_month
from assets.month.signing import SignOff
from assets.month.work import Work
from reports.model import Report
from reports.publishing import tables
from reports.publishing.manifest import verify
from reports.publishing.publish import Content, Drawn, draw_versions, publish, to_be_made
from reports.publishing.schemas import manifest_schema
from reports.publishing.versions import Edition, header_of
from tests.reports.settled_sample import EMPTY, LAST, SAMPLE, Sample, settled_sample

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sample]:
    with settled_sample(tmp_path_factory.mktemp("publishing")) as made:
        yield made


def gather(_: Sequence[str]) -> Content:
    return lambda header: Report(header, header.scope_name, "", (), (), ())


def render(reports: Iterable[tuple[str, Report]]) -> Iterator[tuple[str, dict[str, bytes]]]:
    for scope, report in reports:
        yield scope, {"report.html": repr(report.header.changes).encode()}


def published(work: Work, root: Path) -> list[Edition]:
    return publish(work, LAST, root, gather, render)


def settled(work: Work) -> None:
    for month in stale_months(work, EMPTY):
        settle_month(work, month)


def contents(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def test_how_many_units_are_read_at_once_does_not_show(
    sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published(sample.work, tmp_path / "at once")
    sample.warehouse.execute("drop table core.published")
    monkeypatch.setattr(tables, "BLOCK", 5)
    published(sample.work, tmp_path / "in blocks")
    at_once, in_blocks = (contents(tmp_path / folder) for folder in ("at once", "in blocks"))
    assert at_once.keys() == in_blocks.keys()
    csvs = {path for path in at_once if path.endswith(".csv")}
    assert len(csvs) == 11 * 5  # decisions.csv too
    assert {path for path in csvs if at_once[path] != in_blocks[path]} == set()
    for edition in published(sample.work, tmp_path / "in blocks"):
        assert verify(edition.folder).is_as_published
    sample.warehouse.execute("drop table core.published")


def test_versions_drawn_beforehand_are_taken_where_they_are_whole_and_due(sample: Sample, tmp_path: Path) -> None:
    published(sample.work, tmp_path / "plain")
    sample.warehouse.execute("drop table core.published")
    root, drawn_to = tmp_path / "published", tmp_path / "drawn"

    def drawn(work: Work, drawn_to: Path = drawn_to) -> dict[str, Drawn]:
        scopes = to_be_made(work, LAST, root)[1:]
        told = draw_versions(work, LAST, root, gather, render, "zh", lambda _: None, (), None, scopes, drawn_to)
        return {scope: Drawn(version, drawn_to / scope) for scope, version in told.items()}

    beforehand = drawn(sample.work)
    assert {one.version for one in beforehand.values()} == {"v1"}
    assert contents(root) == {}, "nothing is published by drawing"
    half, other, *taken = beforehand
    (drawn_to / half / "summary.json").write_text("{}", encoding="utf-8")
    beforehand[other] = Drawn("interim", drawn_to / other)
    publish(sample.work, LAST, root, gather, render, drawn=beforehand)
    assert contents(root) == contents(tmp_path / "plain")
    assert {p.name for p in drawn_to.iterdir()} == {half, other}
    assert len(taken) == 2
    # Asked for once more they are found to stand, and nothing of them is left lying about.
    sample.warehouse.execute("drop table core.published")
    again = drawn(sample.work, tmp_path / "drawn again")
    assert {one.version for one in again.values()} == {""}
    assert not any(e.made for e in publish(sample.work, LAST, root, gather, render, drawn=again))
    sample.warehouse.execute("drop table core.published")


def test_what_stands_is_looked_at_again_only_where_its_content_has_changed(
    sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert all(e.made and e.version == "v1" for e in published(sample.work, tmp_path))
    later = replace(sample.work, as_of=sample.work.as_of + timedelta(days=1))
    with monkeypatch.context() as patched:
        patched.setattr(
            "reports.publishing.publish.read_tables", lambda *_: pytest.fail("read although nothing has changed")
        )
        assert not any(e.made for e in published(later, tmp_path))
    unit = sample.warehouse.value(
        "select min(unit_code) from marts.unit_results where period = $p and state = 'complete'", {"p": LAST}
    )
    change = "update marts.unit_results set score = score + $by where unit_code = $u and period = $p"
    sample.warehouse.execute(change, {"u": unit, "p": LAST, "by": 1})
    remember_tables(sample.warehouse, LAST)  # as settling does: else the gate would know it for tampered with
    made = {e.scope: e.version for e in published(later, tmp_path) if e.made}
    sample.warehouse.execute(change, {"u": unit, "p": LAST, "by": -1})
    remember_tables(sample.warehouse, LAST)
    above = {
        r["scope"]
        for r in sample.warehouse.rows(
            "select scope from core.scope_units where period = $p and unit_code = $u", {"p": LAST, "u": unit}
        )
    }
    assert made == dict.fromkeys(above, "v2")
    sample.warehouse.execute("drop table core.published")


def test_a_version_tells_who_has_not_signed_and_a_signature_makes_no_other(sample: Sample, tmp_path: Path) -> None:
    asked = [SignOff("EX-15-01", "青川盟"), SignOff("EX-16-01", "临江市", "王某", sample.work.as_of)]

    def made(work: Work, signing: Sequence[SignOff]) -> dict[str, str]:
        editions = publish(work, LAST, tmp_path, gather, render, signing=signing)
        return {e.scope: e.version for e in editions if e.made}

    open_still = replace(sample.work, as_of=sample.work.deadline.cutoff(LAST) - timedelta(days=1))
    assert set(made(open_still, asked).values()) == {"interim"}
    assert made(open_still, asked) == {}
    signed = [replace(s, signed_by="李某", signed_at=open_still.as_of) for s in asked]
    assert set(made(open_still, signed)) == {"EX", "EX-15", "EX-15-01", "EX-16", "EX-16-01"}  # an interim page tells it
    assert set(made(sample.work, asked).values()) == {"v1"}
    told = {}
    for scope in ("EX", "EX-15", "EX-16-01"):
        manifest = json.loads((tmp_path / LAST / scope / "v1" / "manifest.json").read_text(encoding="utf-8"))
        told[scope] = [(s["scope"], s["signed_by"]) for s in manifest["signatures"]]
        jsonschema.validate(manifest, manifest_schema())
    assert told == {
        "EX": [("EX-15-01", None), ("EX-16-01", "王某")],
        "EX-15": [("EX-15-01", None)],
        "EX-16-01": [("EX-16-01", "王某")],
    }
    summary = tmp_path / LAST / "EX" / "v1" / "summary.json"
    collected = json.loads(summary.read_text(encoding="utf-8")) | {"collected": {"imap": "ok", "folder": "ok"}}
    summary.write_text(json.dumps(collected), encoding="utf-8")
    header = header_of(tmp_path / LAST / "EX" / "v1", "集团", "0")
    assert header.unsigned == ("青川盟",)
    assert "按未签认发布，尚待其签认：青川盟。" in sample.reports(LAST, unsigned=header.unsigned)["EX"].provisional
    assert made(replace(sample.work, as_of=sample.work.as_of + timedelta(days=1)), signed) == {}
    sample.warehouse.execute("drop table core.published")


def test_other_rules_of_what_is_personal_reach_what_stands(sample: Sample, tmp_path: Path) -> None:
    published(sample.work, tmp_path)
    catalogue = sample.catalogue
    sheet = catalogue.sheets["exposed_assets"]
    columns = tuple(replace(c, pii="name") if c.key == "asset_name" else c for c in sheet.columns)
    forms = tuple(
        replace(f, sheets=tuple(replace(s, columns=columns) if s.key == sheet.key else s for s in f.sheets))
        for f in catalogue.forms
    )
    stricter = replace(catalogue, forms=forms, digest="stricter")
    later = replace(sample.work, catalogue=stricter, as_of=sample.work.as_of + timedelta(days=1))
    with pytest.raises(NotSettled):
        published(later, tmp_path)
    settled(later)
    carrier = {e.scope: e for e in published(later, tmp_path)}["EX"]
    assert carrier.version == "v2"
    names = pl.read_csv(carrier.folder / "data/exposed_assets.csv")["asset_name"]
    assert names.str.ends_with("**").all()
    settled(sample.work)
    sample.warehouse.execute("drop table core.published")


def test_what_is_forgotten_of_earlier_versions_is_found_in_their_files(sample: Sample, tmp_path: Path) -> None:
    published(sample.work, tmp_path)
    sample.warehouse.execute("drop table core.published")
    later = replace(sample.work, as_of=sample.work.as_of + timedelta(days=1))
    assert not any(e.made for e in published(later, tmp_path))
    assert not list(tmp_path.rglob(".building*"))
    sample.warehouse.execute("drop table core.published")


def test_a_scope_without_units_has_a_report_of_nothing(tmp_path: Path) -> None:
    register = tmp_path / "register"
    register.mkdir()
    for name in ("networks.csv", "calendar.yaml"):
        (register / name).write_bytes((SAMPLE / "register" / name).read_bytes())
    lines = (SAMPLE / "register/units.csv").read_text(encoding="utf-8").splitlines()
    (register / "units.csv").write_text(
        "\n".join([*lines, "EX-99,无单位分公司,EX,province,,,,2026-01,"]) + "\n", encoding="utf-8"
    )
    with settled_sample(tmp_path, load_register(register)) as sample:
        editions = {e.scope: e for e in published(sample.work, tmp_path / "published")}
        figures = json.loads((editions["EX-99"].folder / "summary.json").read_text(encoding="utf-8"))
        assert figures["units"]["expected"] == 0
        assert verify(editions["EX-99"].folder).is_as_published

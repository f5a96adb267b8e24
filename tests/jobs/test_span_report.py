"""Half-yearly and yearly reports on the sample: figures put together from the months, versions, same bytes, refusals."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Mapping
from datetime import UTC, date, datetime
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import docx
import duckdb
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.instance import periods
from assets.instance.home import SCHEMA, Home
from assets.instance.periods import Deadline
from reports.publishing.changes import flatten
from tests.feedback.made_month import home as made_home
from tests.jobs.command_line import sample_home, sixth
from tests.jobs.expected import table
from tests.jobs.test_sample import DATA, SCOPES, manifests

pytestmark = pytest.mark.usefixtures("page_alone")  # of months; a report of several draws all that it has
AS_OF = "2026-11-11T00:00:00+08:00"
CLOSED = "2027-01-06T00:30:00+08:00"
# Figures that are no sums: units and forms are each counted once, rates and medians are taken anew over all rows.
NO_SUM = ("units.", "forms.")
AT_THE_END = (
    "rectification.open", "rectification.overdue", "rectification.open_by_severity.", "incidents.unresolved",
    "agreements.",
)  # fmt: skip

halves = st.builds(lambda y, h: f"{y}H{h}", st.integers(2000, 2099), st.integers(1, 2))
years = st.integers(2000, 2099).map(str)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with its months settled and the interim report of the half-year."""
    made = sample_home(tmp_path_factory, tmp_path_factory.mktemp("span") / "home")
    register = made / "register/units.csv"  # a unit that closes during the half-year
    told = register.read_text(encoding="utf-8")
    closed = told.replace("2025-01,2026-08", "2025-01,2026-09")
    assert closed != told
    register.write_text(closed, encoding="utf-8")
    calendar = made / "register/calendar.yaml"  # and months before the first run of which there is no mail
    told = calendar.read_text(encoding="utf-8")
    earlier = told.replace("first_period: 2026-09", "first_period: 2026-07")
    assert earlier != told
    calendar.write_text(earlier, encoding="utf-8")
    reader = "EX,张总,head@oa.example,html;duties:market,always\n"
    (made / "register/recipients.csv").write_text(f"scope,name,mailbox,forms,when\n{reader}", encoding="utf-8")
    sixth("run", "--home", made, "--period", "2026-10", "--as-of", AS_OF)
    report(made, "--half", "2026H2")
    return made


def report(home: Path, *span: str, as_of: str = AS_OF, check: int | None = 0) -> str:
    done = sixth("report", "--home", home, *span, "--as-of", as_of, check=check)
    return done.stdout + done.stderr


def months_of(home: Path, scope: str) -> dict[str, dict[str, Any]]:
    """The figures of every month of the half-year on record, flat."""
    with duckdb.connect(str(home / "warehouse/sixth.duckdb"), read_only=True) as warehouse:
        rows = warehouse.execute(
            "select period, summary from marts.summaries where scope = $scope order by period", {"scope": scope}
        ).fetchall()
    return {period: dict(flatten(json.loads(summary))) for period, summary in rows}


def figures_of(folder: Path) -> dict[str, Any]:
    return dict(flatten(json.loads((folder / "summary.json").read_text(encoding="utf-8"))))


def is_sum(path: str, value: Any) -> bool:
    return isinstance(value, int) and not path.startswith((*NO_SUM, *AT_THE_END)) and "median" not in path


# ------------------------------------------------------------------------------------------------------------- figures
@pytest.mark.parametrize("scope", SCOPES)
def test_counts_of_the_half_are_the_sums_of_its_months(home: Path, scope: str) -> None:
    months = months_of(home, scope)
    assert list(months) == ["2026-09", "2026-10"]
    got = {p: v for p, v in figures_of(home / "published/2026H2" / scope / "interim").items() if is_sum(p, v)}
    assert {
        "self_check.expected_answers",
        "exposed_assets.by_type.网络设备",
        "indicators.IND-01.numerator",
    } & got.keys()
    assert got == {path: sum(month.get(path) or 0 for month in months.values()) for path in got}
    assert got["self_check.expected_answers"] > 0


@pytest.mark.parametrize("scope", SCOPES)
def test_what_stands_at_the_end_is_that_of_the_last_month(home: Path, scope: str) -> None:
    last = months_of(home, scope)["2026-10"]
    got = figures_of(home / "published/2026H2" / scope / "interim")
    standing = {path: value for path, value in got.items() if path.startswith(AT_THE_END)}
    assert standing == {path: last[path] for path in standing}
    assert any(standing.values())


def test_rates_are_taken_over_the_rows_of_all_months(home: Path) -> None:
    got = figures_of(home / "published/2026H2/EX/interim")
    met, partly, not_met = (got[f"self_check.by_result.{r}"] for r in ("符合", "部分符合", "不符合"))
    assert got["self_check.pass_rate"] == round(100 * met / (met + partly + not_met) + 1e-9, 2)
    rate = 100 * got["indicators.IND-01.numerator"] / got["indicators.IND-01.denominator"]
    assert got["indicators.IND-01.rate"] == round(rate + 1e-9, 2)


def test_a_unit_is_complete_where_every_month_is_and_missing_where_every_month_is(home: Path) -> None:
    with duckdb.connect(str(home / "warehouse/sixth.duckdb"), read_only=True) as warehouse:
        rows = warehouse.execute("select unit_code, state, score from marts.unit_results").fetchall()
    states: dict[str, list[str]] = {}
    scores: dict[str, list[float]] = {}
    for unit, state, score in rows:
        states.setdefault(unit, []).append(state)
        scores.setdefault(unit, []).append(score)
    units = {row["unit_code"]: row for row in table(home / "published/2026H2/EX/interim", "units")}
    assert units.keys() == states.keys()
    assert {unit for unit, row in units.items() if row["state"] == "missing"} == {
        unit for unit, found in states.items() if set(found) == {"missing"}
    }
    assert {unit for unit, row in units.items() if row["state"] == "complete"} == {
        unit for unit, found in states.items() if set(found) == {"complete"}
    }
    for unit, row in units.items():
        assert float(row["score"]) == pytest.approx(sum(scores[unit]) / len(scores[unit]), abs=0.0051)


def test_a_unit_closed_during_the_half_keeps_its_part_in_it(home: Path) -> None:
    months = {p: m["units.expected"] for p, m in months_of(home, "EX").items()}
    assert months == {"2026-09": 25, "2026-10": 24}
    assert figures_of(home / "published/2026H2/EX/interim")["units.expected"] == 25


def test_the_rows_of_the_half_are_those_of_its_months(home: Path) -> None:
    with duckdb.connect(str(home / "warehouse/sixth.duckdb"), read_only=True) as warehouse:
        for name in ("exposed_assets", "self_check", "incidents"):
            rows = pl.read_parquet(home / f"published/2026H2/EX/interim/data/{name}.parquet")
            wanted = warehouse.execute(f"select mail, row from marts.{name} order by all").fetchall()
            assert sorted(rows.select("mail", "row").rows()) == wanted
            assert rows["period"].unique().to_list() == ["2026H2"]


# -------------------------------------------------------------------------------------------------------------- folders
@pytest.mark.parametrize("scope", SCOPES)
def test_a_version_holds_every_file_and_verifies(home: Path, scope: str) -> None:
    folder = home / "published/2026H2" / scope / "interim"
    assert {p.name for p in folder.iterdir()} == {"report.html", "summary.json", "manifest.json", "data"}
    assert {p.name for p in (folder / "data").iterdir()} == DATA
    assert "as it was published" in sixth("verify", folder).stdout


def test_other_forms_of_an_interim_report_of_the_half_are_made_when_they_are_pulled(home: Path, tmp_path: Path) -> None:
    """The half was said to have been worked on since, and `sixth run --period 2026H2` to be of help."""
    for form, start in (("xlsx", b"PK"), ("docx", b"PK")):
        pulled = tmp_path / f"half.{form}"
        sixth("pull", "--home", home, "--period", "2026H2", "--scope", "EX-16", "--format", form, "--out", pulled)
        assert pulled.read_bytes().startswith(start)


def test_the_report_names_the_half_and_its_inspection_and_speaks_of_no_month(home: Path) -> None:
    page = (home / "published/2026H2/EX/interim/report.html").read_text(encoding="utf-8")
    assert "网络安全半年报（2026年下半年）" in page
    listed = table(home / "published/2026H2/EX/interim", "rectification")
    found = {r["issue_no"] for r in listed if r["source"] == "半年检查" and r["counted"] == "true"}
    assert found
    places = [page.index(f'<section id="section-{key}"') for key in ("inspection", "incidents")]
    section = page[places[0] : places[1]]
    assert all(issue in section for issue in found)
    assert "本月" not in section


def test_the_same_home_and_clock_give_the_same_bytes(home: Path, tmp_path: Path) -> None:
    shutil.copytree(home, tmp_path / "home")
    before = manifests(tmp_path / "home")
    report(tmp_path / "home", "--half", "2026H2")
    assert manifests(tmp_path / "home") == before


def test_a_report_of_the_half_leaves_the_months_as_they_are(home: Path, tmp_path: Path) -> None:
    shutil.copytree(home, tmp_path / "home")
    before = manifests(tmp_path / "home")
    sixth("run", "--home", tmp_path / "home", "--period", "2026-10", "--as-of", AS_OF)
    assert manifests(tmp_path / "home") == before
    with duckdb.connect(str(tmp_path / "home/warehouse/sixth.duckdb"), read_only=True) as warehouse:
        for name in ("core.units", "marts.problems", "marts.exposed_assets", "marts.summaries", "core.settled"):
            found = {p for (p,) in warehouse.execute(f"select distinct period from {name}").fetchall()}
            assert found <= {"2026-09", "2026-10"}


def test_versions_of_a_half_are_made_as_those_of_a_month(home: Path, tmp_path: Path) -> None:
    made = tmp_path / "home"
    shutil.copytree(home, made)
    assert "readers  1 sent" in report(made, "--half", "2026H2", as_of=CLOSED)
    folder = made / "published/2026H2/EX"
    summary: Mapping[str, Any] = json.loads((folder / "v1/summary.json").read_text(encoding="utf-8"))
    assert (summary["kind"], summary["cutoff"]) == ("deadline", "2027-01-06T00:00:00+08:00")
    assert json.loads((folder / "latest.json").read_text(encoding="utf-8"))["version"] == "v1"
    before = manifests(made)
    report(made, "--half", "2026H2", as_of="2027-01-07T00:00:00+08:00")
    assert manifests(made) == before
    assert not (folder / "v2").exists()
    (mail,) = (made / "outbox").glob("2026H2_report-*.eml")  # once, and the whole report alone
    read = message_from_bytes(mail.read_bytes(), policy=default)
    assert read["Subject"] == "【网络安全月报】示例通信集团网络安全半年报（2026年下半年）：截止报告（v1）"
    parts = {part.get_filename(): part.get_payload(decode=True) for part in read.iter_attachments()}  # type: ignore[attr-defined]
    assert parts == {"2026H2-EX-v1.html": (folder / "v1/report.html").read_bytes()}


def test_a_year_holds_all_its_months(home: Path, tmp_path: Path) -> None:
    shutil.copytree(home, tmp_path / "home")
    report(tmp_path / "home", "--year", "2026")
    published = tmp_path / "home/published"
    half, year = (figures_of(published / span / "EX/interim") for span in ("2026H2", "2026"))
    head = ("period", "scope", "version", "kind", "as_of", "cutoff", "collected.imap", "collected.folder")
    assert {k: v for k, v in year.items() if k not in head} == {k: v for k, v in half.items() if k not in head}
    assert "网络安全年报（2026年）" in (published / "2026/EX/interim/report.html").read_text(encoding="utf-8")


def test_what_is_carried_into_a_half_leads_to_the_months_before_and_stands_beside_the_half_before(
    home: Path, tmp_path: Path
) -> None:
    made = tmp_path / "home"
    shutil.copytree(home, made)
    report(made, "--half", "2027H1", as_of="2027-02-01T00:30:00+08:00")
    folder = made / "published/2027H1/EX/interim"
    with duckdb.connect(str(made / "warehouse/sixth.duckdb"), read_only=True) as warehouse:
        problems = warehouse.execute(
            "select unit_code, issue_no, reported_in from marts.problems where period = '2027-01' and is_open"
        ).fetchall()
        agreements = warehouse.execute(
            "select unit_code, agreement_no, reported_in from marts.agreement_register where period = '2027-01'"
        ).fetchall()
    assert problems
    assert sorted((r["unit_code"], r["issue_no"], r["carried_from"]) for r in table(folder, "rectification")) == sorted(
        problems
    )
    listed = [(r["unit_code"], r["agreement_no"], r["reported_in"]) for r in table(folder, "agreements")]
    assert sorted(listed) == sorted(agreements)
    before = figures_of(made / "published/2026H2/EX/interim")
    assert f"未报单位由 {before['units.missing']} 升至 24" in (folder / "report.html").read_text(encoding="utf-8")


# ------------------------------------------------------------------------------------------------------------- refusals
@pytest.mark.parametrize(
    ("span", "why"),
    [
        (("--half", "2027H1"), "no month of 2027H1 on record is over yet"),
        (("--half", "2026H1"), "2026H1 lies before 2026-07"),
        (("--year", "2025"), "2025 lies before 2026-07"),
        (("--half", "2026"), "is not a half-year"),
        (("--half", "2026H3"), "is not a half-year"),
        (("--year", "2026H2"), "is not a year"),
        (("--half", "2026H2", "--year", "2026"), "name either a half-year"),
        ((), "name either a half-year"),
    ],
)
def test_a_span_that_cannot_be_reported_is_refused(home: Path, span: tuple[str, ...], why: str) -> None:
    assert why in report(home, *span, check=2)
    assert {p.name for p in (home / "published").iterdir()} == {"2026-10", "2026H2"}


# -------------------------------------------------------------------------------------------------------------- periods
@given(halves | years)
def test_a_span_is_bounded_by_its_months(span: str) -> None:
    months = periods.months_of(span)
    assert periods.is_span(span)
    assert not periods.is_period(span)
    assert list(months) == list(periods.between(months[0], months[-1]))
    assert periods.first_day(span) == periods.first_day(months[0])
    assert periods.last_day(span) == periods.last_day(months[-1])
    assert Deadline().cutoff(span) == Deadline().cutoff(months[-1])
    assert periods.months_of(periods.preceding(span))[-1] == periods.preceding(months[0])
    assert len(periods.preceding(span)) == len(span)


def test_a_span_is_cut_off_where_the_calendar_says_its_last_month_is() -> None:
    deadline = Deadline(exceptions={"2026-12": date(2027, 1, 8)})
    assert deadline.cutoff("2026H2") == deadline.cutoff("2026") == deadline.cutoff("2026-12")
    assert deadline.cutoff("2026H2").astimezone(UTC) == datetime(2027, 1, 7, 16, tzinfo=UTC)


def test_a_home_of_older_software_has_its_half_year(home: Path, tmp_path: Path) -> None:
    """Its mails are parsed again first: `report` failed inside on a column that staging did not have."""
    made = tmp_path / "home"
    shutil.copytree(home, made)
    with duckdb.connect(str(made / "warehouse/sixth.duckdb")) as warehouse:
        warehouse.execute("alter table staging.forms drop column content")
    before = manifests(made)
    assert "2026H2 interim report" in report(made, "--half", "2026H2")
    assert manifests(made) == before


# ------------------------------------------------------------------------------------------------- documents to sign
def test_documents_are_made_of_what_is_published_and_of_nothing_else(home: Path, tmp_path: Path) -> None:
    """Of the half-year its inspection; of a month that was worked on since, none until it is published anew."""

    def document(kind: str, period: str, *more: str, check: int | None = 0) -> Any:
        return sixth(
            "document", kind, "--period", period, "--out", tmp_path, "--home", home, *more, check=check
        )  # fmt: skip

    before = manifests(home)
    text = text_of(Path(document("inspection", "2026H2").stdout.strip()))
    listed = table(home / "published/2026H2/EX/interim", "rectification")
    found = [r for r in listed if r["source"] == "半年检查" and r["counted"] == "true"]
    assert f"检查发现问题 {len(found)} 个" in text
    assert "2026年下半年" in text
    summary = json.loads((home / "published/2026-10/EX/v1/summary.json").read_text(encoding="utf-8"))
    ranked = text_of(Path(document("assessment", "2026-10").stdout.strip()))
    assert f"按时完整报送的 {summary['units']['complete_on_time']} 家" in ranked
    refused = document("inspection", "2026-10", check=2)
    assert "of a half-year" in refused.stderr
    assert "--list" in document("praise", "2026-10", check=2).stderr
    assert manifests(home) == before
    written = home / "published/2026-10/EX/v1/summary.json"
    kept = written.read_bytes()
    written.write_text(json.dumps(summary | {"units": {**summary["units"], "missing": 99}}), encoding="utf-8")
    try:
        assert "has been worked on since" in document("assessment", "2026-10", check=2).stderr
    finally:
        written.write_bytes(kept)


def text_of(path: Path) -> str:
    return "\n".join(paragraph.text for paragraph in docx.Document(str(path)).paragraphs)


# ------------------------------------------------------------------------------------------------------------- readers
def test_the_deadline_report_goes_to_its_readers_with_the_cut_of_a_duty(home: Path) -> None:
    (mail,) = (home / "outbox").glob("2026-10_report-v1_EX_*.eml")
    read = message_from_bytes(mail.read_bytes(), policy=default)
    parts = {part.get_filename(): part.get_payload(decode=True) for part in read.iter_attachments()}  # type: ignore[attr-defined]
    assert sorted(parts) == ["2026-10-EX-v1-market.docx", "2026-10-EX-v1.html"]
    assert parts["2026-10-EX-v1.html"] == (home / "published/2026-10/EX/v1/report.html").read_bytes()
    cut = docx.Document(io.BytesIO(parts["2026-10-EX-v1-market.docx"]))
    assert "由市场部牵头的有检查项" in "\n".join(paragraph.text for paragraph in cut.paragraphs)


def test_a_file_of_readers_that_cannot_be_stops_the_run(home: Path, tmp_path: Path) -> None:
    shutil.copytree(home / "register", tmp_path / "home/register")
    (tmp_path / "home/register/recipients.csv").write_text("scope,name,mailbox,forms,when\nEX,张总,x,html,always\n")
    done = sixth("run", "--home", tmp_path / "home", "--period", "2026-10", "--as-of", AS_OF, check=2)
    assert "recipients.csv line 2: mailbox 'x' is no address" in done.stderr
    assert not (tmp_path / "home/published").exists()


def test_a_home_whose_register_was_made_by_hand_is_not_taken_for_one_of_an_earlier_release(tmp_path: Path) -> None:
    """The clock was booked before the home was marked."""
    made = made_home(tmp_path / "home", ["D-001"])
    half = ("report", "--half", "2026H2", "--as-of", "2026-12-01T09:00:00+08:00")
    assert "earlier Sixth" not in sixth(*half, "--home", made.root, check=None).stderr
    assert Home(made.root).schema == SCHEMA

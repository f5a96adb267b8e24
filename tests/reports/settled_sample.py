"""The sample of the package, settled as a run settles it: what the tests of the report's content look at.

Belongs here: making the warehouse and the headers. Does not: asserting.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from filelock import FileLock

from assets.instance.limits import Limits
from assets.instance.periods import Deadline
from assets.instance.register import Register, load_register
from assets.instance.settings import SealThresholds
from assets.instance.warehouse import Warehouse, open_warehouse
from assets.intake import staging
from assets.intake.mail.seen import mails, open_sightings
from assets.intake.mail.sources import collect_folder
from assets.intake.parsing import Parser
from assets.month.freshness import index_mails, stale_months
from assets.month.settle import prepare, settle_month
from assets.month.work import Work
from expectations.catalogue import Catalogue, load_catalogue
from reports.model import Header, Report
from reports.report.first_page import gather

SAMPLE = Path(__file__).parents[2] / "pipelines" / "sample"
WEIGHTS = {"timeliness": 20.0, "data_quality": 20.0, "self_check": 30.0, "rectification": 20.0, "indicators": 10.0}
EMPTY = "2026-11"  # no mail of the sample speaks of it
LAST = "2026-10"


class Sample:
    """The settled warehouse, with what a report is gathered by."""

    def __init__(self, warehouse: Warehouse, catalogue: Catalogue, work: Work) -> None:
        self.warehouse, self.catalogue, self.work = warehouse, catalogue, work

    def headers(self, period: str, lang: str = "zh", **over: Any) -> dict[str, Header]:
        """Headers of the deadline report of every scope."""
        parameters = self.work.parameters(period)
        scopes = self.warehouse.rows(
            "select unit_code, unit_name from core.units where period = $period and level <> 'unit' order by position",
            parameters,
        )
        values: dict[str, Any] = {
            "period": period,
            "version": "v1",
            "kind": "deadline",
            "as_of": parameters["cutoff"] + timedelta(minutes=30),
            "cutoff": parameters["cutoff"],
            "software": "0.0.0",
            "lang": lang,
            **over,
        }
        return {s["unit_code"]: Header(scope=s["unit_code"], scope_name=s["unit_name"], **values) for s in scopes}

    def reports(self, period: str, lang: str = "zh", **over: Any) -> dict[str, Report]:
        """The reports of every scope."""
        parameters = self.work.parameters(period)
        headers = self.headers(period, lang, **over)
        report = gather(self.warehouse, self.catalogue, parameters, list(headers))
        return {scope: report(header) for scope, header in headers.items()}

    def summary(self, period: str, scope: str) -> dict[str, Any]:
        """The figures of a scope, as summary.json has them."""
        text = self.warehouse.value(
            "select summary from marts.summaries where period = $period and scope = $scope",
            {"period": period, "scope": scope},
        )
        figures: dict[str, Any] = json.loads(text)
        return figures


@contextmanager
def settled_sample(root: Path, register: Register | None = None) -> Iterator[Sample]:
    """All months of the sample, and one after them in which nobody reported.

    With the sample's own register it is settled once for all processes of a test run, and each has a copy.
    """
    if register is None:
        shared = root.parents["PYTEST_XDIST_WORKER" in os.environ] / "settled-sample"
        with FileLock(f"{shared}.lock"):
            if not shared.exists():
                making = shared.with_name("settling-sample")
                shutil.rmtree(making, ignore_errors=True)
                with _settled(making, load_register(SAMPLE / "register")):
                    pass
                making.rename(shared)
        shutil.copytree(shared, root, dirs_exist_ok=True)
    with _settled(root, register or load_register(SAMPLE / "register")) as sample:
        yield sample


@contextmanager
def _settled(root: Path, register: Register) -> Iterator[Sample]:
    """The sample in a folder, settled where it is not yet."""
    catalogue = load_catalogue()
    root.mkdir(parents=True, exist_ok=True)
    sightings = open_sightings(root / "sightings.sqlite")
    collect_folder(SAMPLE / "inbox", root / "archive", sightings, settle_seconds=0)
    with open_warehouse(root / "warehouse") as warehouse:
        parser = Parser(catalogue, Limits(), SealThresholds(), "tests")
        staging.prepare(warehouse, parser)
        staging.put_receipts(warehouse, mails(sightings))
        staging.parse_new(warehouse, parser, root / "archive", root / "incoming")
        work = Work(
            warehouse=warehouse,
            catalogue=catalogue,
            register=register,
            deadline=Deadline(),
            form_versions=frozenset({catalogue.form_version}),
            score_weights=WEIGHTS,
            as_of=datetime(2026, 12, 7, 0, 30, tzinfo=Deadline().zone),
            software="tests",
            parsed_by="tests",
        )
        prepare(work)
        index_mails(work)
        for month in stale_months(work, EMPTY):
            settle_month(work, month)
        yield Sample(warehouse, catalogue, work)
    sightings.close()

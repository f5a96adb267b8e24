"""Figures of the operation for Prometheus: in a file after each run, and as the portal's /metrics.

Belongs here: which figures there are, and where they stand. Does not: who may see them (app.py), what operators are
mailed of (reports/notices/operators.py). Nothing here names a person, a mailbox or a unit: all are counts of the
carrier.

All that is told is read from what runs leave: published summaries, the portal's snapshots, the ledger, and what the
last run took, which it writes down beside the file.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest, write_to_textfile
from prometheus_client.core import GaugeMetricFamily
from sqlalchemy import Engine, func, select

from assets.instance.closed_months import register_of
from assets.instance.home import Home
from assets.instance.periods import is_period
from assets.instance.software import installed_version
from assets.ledger.models import Alert, Notice
from reports.portal.shape import ANY
from reports.publishing.versions import latest_version

TEXTFILE = "sixth.prom"
LAST_RUN = "last_run.json"
MONTHS = 3  # the latest of which figures are told


class Figures:
    """A collector of prometheus-client: what holds of a home at a moment."""

    def __init__(self, home: Home, ledger: Engine, now: datetime) -> None:
        self.home, self.ledger, self.now = home, ledger, now

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Every figure with its help text."""
        yield _gauge("sixth_software", "The software, by its version.", "version", {installed_version(): 1})
        yield from self._of_months()
        yield from self._of_the_ledger()
        yield from self._of_the_last_run()

    def _of_months(self) -> Iterator[GaugeMetricFamily]:
        mails = GaugeMetricFamily("sixth_mails", "Mails of a month, by what became of them.", labels=("period", "kind"))
        units = GaugeMetricFamily("sixth_units", "Units of a month, by state.", labels=("period", "state"))
        findings = GaugeMetricFamily("sixth_findings", "Findings that count, by rule.", labels=("period", "rule"))
        as_of = GaugeMetricFamily(
            "sixth_report_timestamp_seconds", "As of when the carrier's report that stands is.", labels=("period",)
        )
        age = GaugeMetricFamily("sixth_report_age_seconds", "How long ago that was when asked.", labels=("period",))
        for period, summary in self._summaries():
            for kind in ("received", "held", "duplicates"):
                mails.add_metric((period, kind), summary["mails"][kind])
            for state, count in summary["units"].items():
                units.add_metric((period, state), count)
            for rule, count in self._rules(period).items():
                findings.add_metric((period, rule), count)
            moment = datetime.fromisoformat(summary["as_of"])
            as_of.add_metric((period,), moment.timestamp())
            age.add_metric((period,), (self.now - moment).total_seconds())
        yield from (mails, units, findings, as_of, age)

    def _summaries(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """The carrier's summary of the latest months that have a report, the oldest first."""
        register = register_of(self.home)
        months = sorted(folder.name for folder in self.home.published.glob("*/") if is_period(folder.name))
        for period in months[-MONTHS:]:
            folder = self.home.published / period / register.tree(period).carrier
            version = latest_version(folder)
            if version is not None:
                yield period, json.loads((folder / version / "summary.json").read_text(encoding="utf-8"))

    def _rules(self, period: str) -> dict[str, int]:
        """How many findings of each rule count in a month, of all units; none where it has no snapshot yet."""
        file = self.home.portal / f"{period}.sqlite"
        if not file.exists():
            return {}
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro&immutable=1", uri=True)) as db:
            rows = db.execute(
                """
                select rule_id, sum(n)
                from counts
                where sheet_key = ? and place = (select min(place) from nodes)
                group by rule_id
                order by rule_id
                """,
                (ANY,),
            )
            return dict(rows.fetchall())

    def _of_the_ledger(self) -> Iterator[GaugeMetricFamily]:
        with self.ledger.connect() as connection:
            notices = connection.execute(select(Notice.state, func.count()).group_by(Notice.state)).all()
            waiting = connection.execute(select(func.count()).where(Alert.state == "queued")).scalar_one()
        by_state = dict.fromkeys(("queued", "failed"), 0.0)
        by_state.update((state, count) for state, count in notices)
        yield _gauge("sixth_notices", "Notices of the ledger; queued ones are still to go out.", "state", by_state)
        alerts = GaugeMetricFamily("sixth_operator_mails_waiting", "Mails to operators that are still to go out.")
        alerts.add_metric((), waiting)
        yield alerts

    def _of_the_last_run(self) -> Iterator[GaugeMetricFamily]:
        try:
            told = json.loads((folder_of(self.home) / LAST_RUN).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return
        ended = GaugeMetricFamily("sixth_last_run_timestamp_seconds", "When the last run that went through ended.")
        ended.add_metric((), told["ended"])
        yield ended
        yield _gauge("sixth_stage_seconds", "How long each stage of that run took.", "stage", told["seconds"])


def _gauge(name: str, text: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=(label,))
    for value, number in values.items():
        family.add_metric((value,), number)
    return family


def folder_of(home: Home) -> Path:
    """Where node_exporter's textfile collector finds the file."""
    return home.root / "metrics"


def text_of(home: Home, ledger: Engine, now: datetime) -> bytes:
    """The figures as they stand at a moment (aware), in Prometheus's text format."""
    return generate_latest(_registry(home, ledger, now))


def seconds_of_the_last_run(home: Home) -> dict[str, float]:
    """What each stage of the last whole run took; none before the first."""
    file = folder_of(home) / LAST_RUN
    seconds: dict[str, float] = json.loads(file.read_text(encoding="utf-8"))["seconds"] if file.is_file() else {}
    return seconds


def write_metrics(home: Home, ledger: Engine, now: datetime, seconds: Mapping[str, float]) -> Path:
    """Write down what a run took, in seconds a stage, and the file of all figures; both whole or not at all."""
    folder = folder_of(home)
    folder.mkdir(exist_ok=True)
    building = folder / f".{LAST_RUN}.{os.getpid()}"
    building.write_text(json.dumps({"ended": now.timestamp(), "seconds": dict(seconds)}) + "\n", encoding="utf-8")
    building.replace(folder / LAST_RUN)
    write_to_textfile(str(folder / TEXTFILE), _registry(home, ledger, now))
    return folder / TEXTFILE


def _registry(home: Home, ledger: Engine, now: datetime) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(Figures(home, ledger, now))
    return registry

"""The Dagster definitions: the graph in one direction, described and partitioned; the nightly schedule."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from assets.instance.clock import AS_OF
from assets.instance.home import Home
from pipelines.definitions import build_defs
from pipelines.new_home import make_home

ZONE = ZoneInfo("Asia/Shanghai")


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> dg.Definitions:
    home = Home(tmp_path_factory.mktemp("definitions") / "home")
    make_home(home, sample=True)
    return build_defs(home, as_of=datetime(2026, 11, 6, 0, 30, tzinfo=ZONE))


def test_every_asset_is_described_partitioned_and_rests_on_the_one_before(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    chain = [
        "archived_mails", "parsed_mails", "earlier_months", "submissions", "form_findings", "counted_rows", "findings",
        "marts", "earlier_reports", "published_reports", "unit_feedback", "sent_notices", "data_docs",
    ]  # fmt: skip
    further = {"data_docs": {"marts"}}  # what it is made from; it waits for what is sent as well
    assert {key.to_user_string() for key in graph.get_all_asset_keys()} == set(chain)
    for before, name in zip([None, *chain], chain, strict=False):
        node = graph.get(dg.AssetKey(name))
        assert node.description
        assert node.partitions_def is not None
        assert {k.to_user_string() for k in node.parent_keys} == {
            *([before] if before else []),
            *further.get(name, ()),
        }


def test_the_latest_partition_is_the_month_whose_window_is_open(definitions: dg.Definitions) -> None:
    node = definitions.resolve_asset_graph().get(dg.AssetKey("marts"))
    assert node.partitions_def is not None
    keys = node.partitions_def.get_partition_keys()
    assert keys[0] == "2026-08"
    assert "2026-10" in keys


def test_every_night_runs_the_open_period_once(definitions: dg.Definitions) -> None:
    schedule = definitions.resolve_schedule_def("nightly")
    night = datetime(2026, 11, 6, 2, 0, tzinfo=ZONE)
    with dg.DagsterInstance.ephemeral() as instance:
        repository = definitions.get_repository_def()
        context = dg.build_schedule_context(
            instance=instance, scheduled_execution_time=night, repository_def=repository
        )
        request = schedule.evaluate_tick(context).run_requests
    assert request is not None
    assert [(r.run_key, r.partition_key) for r in request] == [("2026-11-06:2026-10", "2026-10")]
    assert request[0].tags[AS_OF] == "2026-11-06T02:00:00+08:00"

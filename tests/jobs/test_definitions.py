"""The Dagster definitions: the graph in one direction, described and partitioned; the nightly schedule."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from assets.instance.clock import AS_OF
from assets.instance.home import Home
from assets.instance.warehouse import SQL
from expectations.catalogue import load_catalogue
from pipelines.definitions import build_defs
from pipelines.new_home import make_home

ZONE = ZoneInfo("Asia/Shanghai")


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> dg.Definitions:
    home = Home(tmp_path_factory.mktemp("definitions") / "home")
    make_home(home, sample=True)
    return build_defs(home, as_of=datetime(2026, 11, 6, 0, 30, tzinfo=ZONE))


OF_NO_MONTH = {"archived_mails", "parsed_mails", "indexed_mails", "data_docs", "metrics"}


def parents(definitions: dg.Definitions, name: str) -> set[str]:
    node = definitions.resolve_asset_graph().get(dg.AssetKey(name.split("/")))
    return {k.to_user_string() for k in node.parent_keys}


def test_every_asset_is_described_and_says_which_code_makes_it(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        node, name = graph.get(key), key.to_user_string()
        assert node.description, name
        assert node.code_version, name
        assert node.pools == {"warehouse"}, name
        of_no_month = name in OF_NO_MONTH or name.startswith("staging/")
        assert (node.partitions_def is None) == of_no_month, name
        assert node.parent_keys or name == "archived_mails", name


def test_every_sheet_every_mart_and_every_published_table_is_an_asset(definitions: dg.Definitions) -> None:
    names = {key.to_user_string() for key in definitions.resolve_asset_graph().get_all_asset_keys()}
    sheets = load_catalogue().sheets
    assert {f"staging/{s}" for s in sheets} | {f"marts/{p.stem}" for p in (SQL / "marts").glob("*.sql")} <= names
    assert {f"published/{p.stem}" for p in (SQL / "published").glob("*.sql")} == {
        n for n in names if n.startswith("published/")
    }


def test_assets_rest_on_what_their_sql_reads(definitions: dg.Definitions) -> None:
    assert parents(definitions, "marts/exposed_assets") == {"staging/exposed_assets", "submissions", "form_findings"}
    assert parents(definitions, "marts/problems") == {"marts/rectification", "marts/problems"}
    assert parents(definitions, "published/app_launches") == {"marts/app_launches", "submissions"}
    assert {f"marts/{s}" for s in load_catalogue().sheets} < parents(definitions, "marts/unit_results")
    assert "marts/summaries" in parents(definitions, "published_reports")


def test_what_is_carried_over_rests_on_the_month_before(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    for name in ("problems", "agreement_register"):
        key = dg.AssetKey(["marts", name])
        node = graph.get(key)
        assert node.partitions_def is not None
        mapping = node.partition_mappings[key]
        before = mapping.get_upstream_mapped_partitions_result_for_partitions(
            downstream_partitions_subset=node.partitions_def.subset_with_partition_keys(["2026-10"]),
            downstream_partitions_def=node.partitions_def,
            upstream_partitions_def=node.partitions_def,
        )
        assert before.partitions_subset.get_partition_keys() == ["2026-09"]


def test_the_latest_partition_is_the_month_whose_window_is_open(definitions: dg.Definitions) -> None:
    node = definitions.resolve_asset_graph().get(dg.AssetKey("submissions"))
    assert node.partitions_def is not None
    keys = node.partitions_def.get_partition_keys()
    assert keys[0] == "2026-09"
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
    assert AS_OF not in request[0].tags  # its clock is that of the moment at which it begins


@pytest.mark.parametrize("workers", [0, 2])
def test_shards_are_worked_on_before_mails_are_parsed(tmp_path: Path, workers: int) -> None:
    home = Home(tmp_path / "home")
    make_home(home, sample=True)
    with (home.register / "settings.yaml").open("a", encoding="utf-8") as settings:
        settings.write(f"\nshards: {{most_units: 10, workers: {workers}}}\n")
    made = build_defs(home, as_of=datetime(2026, 11, 6, 0, 30, tzinfo=ZONE))
    assert parents(made, "shards") == {"archived_mails"}
    assert parents(made, "parsed_mails") == {"archived_mails", "shards"}
    assert {node.name for node in made.resolve_job_def("month").graph.nodes} >= {"shards", "parsed_mails"}
    elsewhere = {job.name for job in made.resolve_all_job_defs()} & {"shard"}
    sensors = {sensor.name for sensor in made.sensors or ()} & {"shards_given"}
    assert (bool(elsewhere), bool(sensors)) == (workers > 0, workers > 0)
    if workers:
        of_a_shard = {node.name for node in made.resolve_job_def("shard").graph.nodes}
        assert of_a_shard == {"worked_shards", "drawn_shards"}

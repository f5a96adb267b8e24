"""Logs as lines of JSON: what they are of, and nothing personal in them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.instance.home import Home
from assets.instance.logs import LONGEST, dagster_logger, of_run, set_up_logs, without_persons
from pipelines.definitions import build_defs


@pytest.fixture
def home(tmp_path: Path) -> Home:
    (tmp_path / "register").mkdir()
    (tmp_path / "register/settings.yaml").write_text("logs: json\n", encoding="utf-8")
    return Home(tmp_path)


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    """Those of the tests are put back."""
    root = logging.getLogger()
    handlers = [*root.handlers]
    yield
    root.handlers[:] = handlers


def lines(said: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in said.splitlines()]


def test_a_line_says_which_run_month_unit_and_mail_it_is_of(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(home)
    log = logging.getLogger("sixth.test")
    with of_run("r1", "2026-10"):
        log.warning("marking died", extra={"unit": "EX-15-01-001", "mail": "ab" * 32})
    log.warning("afterwards")
    within, after = lines(capsys.readouterr().err)
    assert {k: within[k] for k in ("level", "logger", "run", "period", "unit", "mail", "text")} == {
        "level": "WARNING", "logger": "sixth.test", "run": "r1", "period": "2026-10", "unit": "EX-15-01-001",
        "mail": "ab" * 32, "text": "marking died",
    }  # fmt: skip
    assert within["at"][10] == "T"
    assert "run" not in after


def test_nothing_personal_is_in_a_line_nor_in_its_error(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(home)
    try:
        raise ValueError("of zhang.san@oa.example, call 13912345678")
    except ValueError:
        logging.getLogger("sixth.test").exception("mail from li.si@oa.example, 密码：hunter2")
    said = capsys.readouterr().err
    (line,) = lines(said)
    assert "ValueError" in line["error"]
    for secret in ("zhang.san", "li.si", "13912345678", "hunter2"):
        assert secret not in said
    assert "@oa.example" in line["text"]


def test_without_the_setting_logs_stay_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "register").mkdir()
    before = [*logging.getLogger().handlers]
    set_up_logs(Home(tmp_path))
    assert logging.getLogger().handlers == before


@dg.op
def works() -> None:
    pass


@dg.op(ins={"before": dg.In(dg.Nothing)})
def fails() -> None:
    raise ValueError("of zhang.san@oa.example")


def test_dagster_tells_begin_end_and_failure_of_each_step(capsys: pytest.CaptureFixture[str]) -> None:
    @dg.job(logger_defs={"console": dagster_logger()})
    def month() -> None:
        fails(works())

    config = {"loggers": {"console": {}}}
    result = month.execute_in_process(config, raise_on_error=False, tags={"dagster/partition": "2026-10"})
    said = capsys.readouterr().err
    told = lines(said)
    assert {(t["run"], t["period"]) for t in told} == {(result.run_id, "2026-10")}
    of_steps = [(t["event"], t["step"]) for t in told if t["event"].startswith("STEP")]
    assert of_steps == [
        ("STEP_START", "works"), ("STEP_SUCCESS", "works"), ("STEP_START", "fails"), ("STEP_FAILURE", "fails"),
    ]  # fmt: skip
    assert "ValueError" in next(t["error"] for t in told if t["event"] == "STEP_FAILURE")
    assert "zhang.san" not in said


@pytest.mark.parametrize(("logs", "config"), [("json", {"loggers": {"console": {}}}), ("text", {})])
def test_runs_that_dagster_launches_have_the_logger_that_the_setting_asks_for(
    tmp_path: Path, logs: str, config: dict[str, Any]
) -> None:
    (tmp_path / "register").mkdir()
    (tmp_path / "register/settings.yaml").write_text(f"logs: {logs}\n", encoding="utf-8")
    job = build_defs(Home(tmp_path)).resolve_job_def("month")
    assert ("Lines of JSON" in (job.loggers["console"].description or "")) == (logs == "json")
    assert job.partitioned_config is not None
    assert job.partitioned_config.get_run_config_for_partition_key("2026-02") == config


@pytest.mark.parametrize(
    ("personal", "told"),
    [("11010519491231002X", "1949"), ("13812345678", "138"), ("wang.xiaoyan@oa.example", "wang")],
)
def test_what_is_cut_off_in_the_middle_is_left_out_whole(personal: str, told: str) -> None:
    """A number that was cut was no longer known as one, and stood there but for its last digit."""
    for shown in range(1, len(personal) + 1):
        text = "字" * (LONGEST - shown - 1) + " " + personal + " 之后"
        assert told not in without_persons(text)
    assert without_persons("字" * LONGEST + "字") == "字" * LONGEST

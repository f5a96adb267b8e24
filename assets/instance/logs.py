"""Logs for programs: a line of JSON each, by the setting `logs`; with run, period, unit and mail, and nothing personal.

Belongs here: the form of a line, and setting it up for a process. Does not: what is logged (whoever does the work), the
logs of Dagster's own services.

A line has `at` (local, with its offset), `level`, `logger` and `text`, and where they are known `run`, `period`,
`step`, `event` (Dagster's), `unit`, `mail` and `error`. Texts have their secrets hidden as in all that is published; of
a mail address the domain stays.
"""

from __future__ import annotations

import json
import logging
import re
import string
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from assets.instance.home import Home
from assets.instance.settings import SettingsError, load_settings
from expectations.secrets import HIDDEN, hidden

if TYPE_CHECKING:
    from dagster import LoggerDefinition

LONGEST = 4_000  # characters of a text or of an error
NAMED = ("unit", "mail")  # what a call may say of itself: extra={"unit": ...}
EVENTS = frozenset(
    {
        "PIPELINE_START", "PIPELINE_SUCCESS", "PIPELINE_FAILURE", "PIPELINE_CANCELED", "STEP_START", "STEP_SUCCESS",
        "STEP_FAILURE", "STEP_UP_FOR_RETRY", "ASSET_CHECK_EVALUATION",
    }
)  # fmt: skip
"""The events of Dagster that are worth a line; of the others there are some twenty a step."""
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@(?=[A-Za-z0-9.-]+)")
_IN_A_WORD = string.ascii_letters + string.digits + string.punctuation
_now: dict[str, str] = {}  # of the run that this process works on


def without_persons(text: str) -> str:
    """A text with secrets, numbers of persons and the local parts of addresses hidden, and cut to a length."""
    if len(text) > LONGEST:
        text = text[:LONGEST].rstrip(_IN_A_WORD)  # a number or an address that is cut is not known as one
    return _ADDRESS.sub(f"{HIDDEN}@", hidden(text))


class JsonLines(logging.Formatter):
    """A record as a line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        told: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            **_now,
        }
        error = self.formatException(record.exc_info) if record.exc_info else ""
        text = record.getMessage()
        if meta := getattr(record, "dagster_meta", None):
            event = meta["dagster_event"]
            told |= {"run": meta["run_id"], "period": meta["job_tags"].get("dagster/partition", "")}
            told |= {"step": meta["step_key"], "event": event.event_type_value if event else ""}
            text = meta["orig_message"]
            failure = getattr(event.event_specific_data, "error", None) if event and event.is_failure else None
            error = failure.to_string() if failure else error
        told |= {name: getattr(record, name, "") for name in NAMED}
        told |= {"text": without_persons(text), "error": without_persons(error)}
        return json.dumps({name: value for name, value in told.items() if value}, ensure_ascii=False)


def is_worth_a_line(record: logging.LogRecord) -> bool:
    """Whether a record of Dagster's is, or one of ours."""
    meta = getattr(record, "dagster_meta", None)
    if meta is None or record.levelno >= logging.WARNING:
        return True
    event = meta["dagster_event"]
    return event is not None and event.event_type_value in EVENTS


def are_json(home: Home) -> bool:
    """Whether a home's setting asks for lines of JSON; not where its settings cannot be read, which runs tell."""
    try:
        return load_settings(home.register / "settings.yaml").logs == "json"
    except SettingsError:
        return False


def set_up_logs(home: Home) -> None:
    """Let what this process logs be lines of JSON on standard error from here on, where the home's setting says so."""
    if not are_json(home):
        return
    root = logging.getLogger()
    level = min((handler.level for handler in root.handlers), default=logging.WARNING) or logging.WARNING
    root.handlers[:] = [_handler(level)]


def _handler(level: int) -> logging.Handler:
    handler = logging.StreamHandler(sys.stderr)
    handler.setLevel(level)
    handler.setFormatter(JsonLines())
    handler.addFilter(is_worth_a_line)
    return handler


@contextmanager
def of_run(run: str, period: str) -> Iterator[None]:
    """Let every line that this process logs within say which run and which month it is of."""
    _now.update(run=run, period=period)
    try:
        yield
    finally:
        _now.clear()


def dagster_logger() -> LoggerDefinition:
    """What Dagster prints of a run, in the same lines: a logger by the name `console`."""
    import dagster as dg  # noqa: PLC0415 - a second, and the command line does without

    @dg.logger(
        description="Lines of JSON on standard error.",
        config_schema={"log_level": dg.Field(str, is_required=False, default_value="DEBUG")},
    )
    def console(context: dg.InitLoggerContext) -> logging.Logger:
        """Lines of JSON on standard error."""
        made = logging.Logger("dagster", logging.DEBUG)
        level = str(context.logger_config["log_level"])
        made.addHandler(_handler(logging.getLevelNamesMapping()[level]))
        return made

    return console

"""What stewards may decide, asked of a desk whose last run is told, without a run (system.md, Decisions)."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from assets.instance.home import Home
from assets.ledger.decisions import AlreadyDecided, DecisionError, in_force
from pipelines.decisions import Desk, Steward
from tests.feedback import made_month

MAIL = "ab" * 32
RECEIVED = datetime(2026, 11, 3, 9, tzinfo=ZoneInfo("Asia/Shanghai"))


def at(hour: int, over: str = "") -> Steward:
    return Steward("王敏", "已电话核实，是该单位的邮件", RECEIVED.replace(hour=hour), over)


class DeskOfOneMail(Desk):
    """The desk of a home whose last run left one mail, held or some unit's."""

    held, unit = True, ""

    def _rows(self, sql: str, **parameters: Any) -> list[dict[str, Any]]:
        if "core.mails" in sql:
            return [{"period": "2026-10", "received_at": RECEIVED, "held": self.held, "unit_code": self.unit}]
        if "select mail from staging.mails" in sql:
            return [{"mail": MAIL}]
        if "select subject" in sql:
            return [{"subject": "十月报送"}]
        assert "staging.forms" in sql, sql
        return []


@pytest.fixture
def desk(tmp_path: Path) -> DeskOfOneMail:
    home = Home(made_month.home(tmp_path / "home", ["A", "B"]).root)
    home.prepare()
    return DeskOfOneMail(home)


def test_a_mail_given_to_the_wrong_unit_is_given_to_another_over_the_first_decision(desk: DeskOfOneMail) -> None:
    """Also when a run has booked it: it was refused as not held, and the decision in force was not named."""
    (first,) = desk.write(desk.assign(MAIL[:12], "A", at(10)))
    desk.held, desk.unit = False, "A"  # the run in between
    with pytest.raises(AlreadyDecided, match=first.key):
        desk.write(desk.assign(MAIL[:12], "B", at(11)))
    (second,) = desk.write(desk.assign(MAIL[:12], "B", at(11, over=first.key)))
    assert [(d.key, d.unit_code) for d in in_force(desk.decisions(), at(12).at)] == [(second.key, "B")]
    desk.unit = "B"
    desk.write(desk.take_back(second.key, at(13)))
    assert in_force(desk.decisions(), at(14).at) == []


def test_a_mail_of_a_units_own_mailbox_is_nobodys_to_give(desk: DeskOfOneMail) -> None:
    desk.held, desk.unit = False, "A"
    with pytest.raises(DecisionError, match="is not held: it is A's"):
        desk.assign(MAIL[:12], "B", at(10))

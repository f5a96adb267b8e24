"""Templates filled in right go through intake and every rule without a finding.

Belongs here: the way from template to rows. Does not: how a template looks (test_blank_forms.py).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from assets.instance.warehouse import Warehouse
from tests.feedback.made_month import Home, drop_mail, findings, home, settled
from tests.templates.filled_forms import filled_forms
from tests.templates.libreoffice import through_libreoffice

pytestmark = pytest.mark.slow

UNITS = ("FULL", "NIL", "SAVED")


def send(of: Home, unit: str, forms: dict[str, bytes]) -> None:
    drop_mail(of, unit, [(f"{name}.xlsx", content) for name, content in forms.items()])


def told(unit: str, warehouse: Warehouse) -> list[tuple[object, ...]]:
    return [(f["rule_id"], f["sheet"], f["cell"], f["value"]) for f in findings(warehouse, unit)]


def test_a_template_filled_in_right_leaves_no_finding(tmp_path: Path) -> None:
    made = home(tmp_path, UNITS)
    send(made, "FULL", filled_forms(made.unit("FULL"), made.catalogue, made.register, 1))
    send(made, "NIL", filled_forms(made.unit("NIL"), made.catalogue, made.register, 2, nil=True))
    with settled(made) as work:
        assert told("FULL", work.warehouse) == []
        assert told("NIL", work.warehouse) == []
        results = work.warehouse.rows("select * from marts.unit_results where period = '2026-10'")
        full, nil = (next(r for r in results if r["unit_code"] == u) for u in ("FULL", "NIL"))
        assert (full["state"], nil["state"]) == ("complete", "complete")
        assert full["rows_counted"] == full["rows_received"] > 60
        assert full["score"] == 100


@pytest.mark.outside
def test_a_template_that_libreoffice_saved_leaves_no_finding(tmp_path: Path) -> None:
    made = home(tmp_path / "home", UNITS)
    forms = filled_forms(made.unit("SAVED"), made.catalogue, made.register, 3)
    send(made, "SAVED", through_libreoffice(forms, tmp_path / "office"))
    with settled(made) as work:
        assert told("SAVED", work.warehouse) == []

"""The signed page held against the return through the stages of a run: read off a scan, compared, told (SIG-05)."""

from __future__ import annotations

from email.message import EmailMessage
from pathlib import Path

import numpy as np
import pytest
import segno
from PIL import Image

from assets.instance.home import Home
from expectations.signature import SignatureCode, written
from tests.field.settling import INPUTS, PERIOD, drop, field_home, opened, result, rules, settled
from tests.scans.made_scans import as_jpeg, made_page

pytestmark = pytest.mark.slow  # whole months
UNIT = "EX-15-01-001"
RETURN = INPUTS / "15-inbox-not-eml" / "ok.eml"


def signed(*codes: SignatureCode, seed: int = 4) -> bytes:
    """A sealed page with codes on it, as an office scanner gives it at 150 dpi."""
    page = made_page("normal", seed)
    for number, code in enumerate(codes):
        matrix = np.array(
            [list(row) for row in segno.make(written(code), error="m", boost_error=False).matrix], np.uint8
        )
        picture = Image.fromarray(255 * (1 - matrix)).resize((150, 150), Image.Resampling.NEAREST)
        left = 60 + 230 * number
        page.paste("white", (left, 40, left + 190, 230))
        page.paste(picture, (left + 20, 60))
    return as_jpeg(page.rotate(1.3, fillcolor="white"), quality=60)


def send(home: Home, scan: bytes, *, day: int = 3, forms: bool = True) -> None:
    """The return of the field trial with another scan, received on a day of November."""
    mail = opened(RETURN)
    parts = [part for part in mail.iter_attachments() if forms and part.get_filename("").endswith(".xlsx")]
    sent = EmailMessage()
    for name in ("From", "To", "Subject"):
        sent[name] = str(mail[name])
    sent["Received"] = f"from oa by mx; Tue, {day} Nov 2026 09:00:00 +0800"
    sent.set_content("请查收")
    for part in parts:
        sent.add_attachment(part.get_content(), "application", "octet-stream", filename=part.get_filename())
    sent.add_attachment(scan, "image", "jpeg", filename=f"扫描件{day}.jpg")
    drop(home, f"{day}.eml", sent.as_bytes())


@pytest.fixture(scope="module")
def totals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, ...]]:
    """The totals of the return's forms, as the reader counts them."""
    with settled(field_home(tmp_path_factory.mktemp("totals") / "home", RETURN)) as warehouse:
        rows = warehouse.rows("select form, totals from core.submissions where status = 'effective'")
    return {row["form"]: tuple(row["totals"]) for row in rows}


def code(form: str, totals: tuple[int, ...], *, unit: str = UNIT, period: str = PERIOD) -> SignatureCode:
    return SignatureCode("2026.1", form, unit, period, totals)


def test_the_reader_counts_what_the_page_says(totals: dict[str, tuple[int, ...]]) -> None:
    assert set(totals) == {"annex2", "annex3"}
    assert sum(totals["annex3"][:4]) > 0


def test_a_page_signed_for_this_return_is_fine(tmp_path: Path, totals: dict[str, tuple[int, ...]]) -> None:
    home = field_home(tmp_path / "home")
    send(home, signed(code("annex2", totals["annex2"]), code("annex3", totals["annex3"])))
    with settled(home) as warehouse:
        assert warehouse.value("select count(*) from core.signed_pages") == 2
        assert rules(warehouse, UNIT, of="SIG") == []
        assert result(warehouse, UNIT)["state"] == "complete"


def test_a_page_signed_for_another_return_leaves_the_unit_incomplete_until_the_right_one_comes(
    tmp_path: Path, totals: dict[str, tuple[int, ...]]
) -> None:
    home = field_home(tmp_path / "home")
    assets, apps = totals["annex2"]
    send(home, signed(code("annex2", (assets + 1, apps)), code("annex3", totals["annex3"])))
    with settled(home) as warehouse:
        (told,) = rules(warehouse, UNIT, of="SIG")
        assert told[:2] == ("SIG-05", "扫描件3.jpg")
        assert f"{UNIT} {PERIOD} {assets}、{apps}" in told[2]
        unit = result(warehouse, UNIT)
        assert (unit["state"], unit["scan"]) == ("incomplete", "sealed")
    send(home, signed(code("annex2", totals["annex2"]), seed=5), day=5, forms=False)
    with settled(home) as warehouse:
        assert rules(warehouse, UNIT, of="SIG") == []
        unit = result(warehouse, UNIT)
        assert unit["state"] == "complete"
        assert unit["first_complete_at"].astimezone().day == 5


@pytest.mark.parametrize("other", [{"period": "2026-09"}, {"unit": "EX-15-01-002"}])
def test_a_page_of_another_month_or_unit_is_told(
    tmp_path: Path, totals: dict[str, tuple[int, ...]], other: dict[str, str]
) -> None:
    home = field_home(tmp_path / "home")
    send(home, signed(code("annex2", totals["annex2"], **other)))
    with settled(home) as warehouse:
        assert [rule for rule, _, _ in rules(warehouse, UNIT, of="SIG")] == ["SIG-05"]

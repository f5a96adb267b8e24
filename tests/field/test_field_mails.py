"""What people's mails did to Sixth in the field trial: whose, when, which file counts, what machines write.

Each input is one that failed at 05a7d03 (samples/field); beside it another one of its kind.
"""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from assets.instance.limits import Limits
from assets.instance.register import RegisterError, load_register
from assets.instance.settings import SealThresholds
from assets.intake.scans.scan import read_scan
from tests.field.settling import INPUTS, drop, field_home, opened, result, rules, settled

pytestmark = pytest.mark.slow  # whole months
SHANGHAI = ZoneInfo("Asia/Shanghai")


def test_02_our_marked_copy_sent_back_does_not_undo_the_correction(tmp_path: Path) -> None:
    """ "收到" answered on our letter with its workbooks still attached, after the correction."""
    mails = sorted((INPUTS / "02-stale-marked-copy").glob("*.eml"))
    with settled(field_home(tmp_path / "home", *mails)) as warehouse:
        unit = result(warehouse, "EX-15-01-002")
        effective = warehouse.rows("select form, received_at, status from core.submissions where status = 'effective'")
        told = rules(warehouse, "EX-15-01-002", of="ENV")
    assert (unit["rows_received"], unit["rows_counted"], unit["state"]) == (80, 80, "complete")
    when = {r["form"]: r["received_at"].astimezone(SHANGHAI) for r in effective}
    assert when == {
        "annex2": datetime(2026, 11, 4, 9, tzinfo=SHANGHAI),  # the correction
        "annex3": datetime(2026, 11, 3, 10, tzinfo=SHANGHAI),
    }
    assert [rule for rule, _, _ in told] == ["ENV-11", "ENV-11"]
    assert "2026-11-03 10:00" in told[0][2]


def test_02_a_marked_copy_that_was_mended_is_a_return(tmp_path: Path) -> None:
    mails = sorted((INPUTS / "02-stale-marked-copy").glob("[24].eml"))
    with settled(field_home(tmp_path / "home", *mails)) as warehouse:
        assert result(warehouse, "EX-15-01-002")["rows_counted"] == 80
        assert rules(warehouse, "EX-15-01-002", of="ENV") == []


def test_02_a_marked_copy_sent_by_the_unit_itself_is_a_return_where_another_could_not_send_it(tmp_path: Path) -> None:
    """Returned for its sender (CVR-02), it comes as the answer asks: from the unit's own mailbox, nothing else to mend."""
    folder = INPUTS / "02-stale-marked-copy"
    home = field_home(tmp_path / "home", folder / "5.eml")
    raw = (folder / "2.eml").read_bytes()
    assert raw.count(b"s02@oa.example") == 1
    drop(home, "2.eml", raw.replace(b"s02@oa.example", b"s03@oa.example"))
    with settled(home) as warehouse:
        assert rules(warehouse, "EX-15-01-002", of="ENV") == []
        assert result(warehouse, "EX-15-01-002")["rows_received"] == 80


def test_06_two_files_of_one_form_are_told(tmp_path: Path) -> None:
    with settled(field_home(tmp_path / "home", INPUTS / "06-same-form-twice" / "mail.eml")) as warehouse:
        (told,) = rules(warehouse, "EX-15-01-001", of="ENV-08")
        counting = warehouse.value("select file from core.submissions where form = 'annex2' and status = 'effective'")
    assert (told[1], counting) == ("附件2 最终版.xlsx", "附件2.xlsx")
    assert "附件2 最终版.xlsx" in told[2]


def test_06_the_same_file_twice_is_one(tmp_path: Path) -> None:
    mail = opened(INPUTS / "06-same-form-twice" / "mail.eml")
    books = [part for part in mail.iter_attachments() if part.get_filename("").startswith("附件2")]
    books[1].set_payload(books[0].get_payload())
    home = field_home(tmp_path / "home")
    drop(home, "twice.eml", mail.as_bytes())
    with settled(home) as warehouse:
        assert rules(warehouse, "EX-15-01-001", of="ENV-08") == []


@pytest.mark.parametrize(
    ("zone", "trusted"),
    [
        ("CST", True),  # as in the input
        ("+0800 (CST)", True),
        ("XYZ", False),  # nobody knows it: the Date header, which says so (ENV-05)
    ],
)
def test_07_cst_is_chinas_own_time(tmp_path: Path, zone: str, trusted: bool) -> None:
    raw = (INPUTS / "07-received-cst" / "mail.eml").read_bytes()
    assert raw.count(b" CST") == 1
    home = field_home(tmp_path / "home")
    drop(home, "mail.eml", raw.replace(b" CST", f" {zone}".encode()))
    with settled(home) as warehouse:
        unit = result(warehouse, "EX-15-01-001")
        assert (unit["state"], unit["on_time"]) == ("complete", True)
        assert [rule for rule, _, _ in rules(warehouse, "EX-15-01-001", of="ENV")] == ([] if trusted else ["ENV-05"])


def test_10_mailboxes_joined_by_a_full_width_semicolon_are_two(tmp_path: Path) -> None:
    shutil.copytree(INPUTS / "register", tmp_path / "register")
    shutil.copy(INPUTS / "10-register-mailboxes" / "units.csv", tmp_path / "register" / "units.csv")
    unit = load_register(tmp_path / "register").tree("2026-10").by_code["EX-15-01-001"]
    assert unit.mailboxes == ("s01@oa.example", "s01b@oa.example")


def test_10_mailboxes_joined_by_anything_else_stop_the_run(tmp_path: Path) -> None:
    shutil.copytree(INPUTS / "register", tmp_path / "register")
    units = tmp_path / "register" / "units.csv"
    text = units.read_text(encoding="utf-8-sig")
    units.write_text(text.replace("s01@oa.example", "s01@oa.example|s01b@oa.example"), encoding="utf-8")
    with pytest.raises(RegisterError, match=r"units.csv line 5: mailbox"):
        load_register(tmp_path / "register")


@pytest.mark.parametrize(
    ("mail", "file", "others"),
    [
        ("forms_in_cloud.eml", "附件2 青川盟旗县分公司.xlsx", set()),
        ("scan_in_cloud.eml", "签字盖章扫描件.pdf", {"SIG-01"}),
    ],
)
def test_11_a_link_in_place_of_a_file_is_told(tmp_path: Path, mail: str, file: str, others: set[str]) -> None:
    with settled(field_home(tmp_path / "home", INPUTS / "11-cloud-attachment" / mail)) as warehouse:
        told = rules(warehouse, "EX-15-01-001")
    assert [(rule, name) for rule, name, _ in told if rule.startswith("ENV")] == [("ENV-04", file)]
    assert "链接" in next(message for rule, _, message in told if rule == "ENV-04")
    assert others <= {rule for rule, _, _ in told}


def test_18_a_bounce_is_told_of_the_unit_that_it_did_not_reach(tmp_path: Path) -> None:
    mails = sorted((INPUTS / "18-machine-mail").glob("*.eml"))
    with settled(field_home(tmp_path / "home", *mails)) as warehouse:
        assert warehouse.value("select count(*) from core.mails where held") == 0
        told = rules(warehouse, "EX-15-01-001", of="ENV-10")
        assert len(told) == 1
        assert "s01@oa.example" in told[0][2]
        assert rules(warehouse, "") == []


def test_19_paper_of_a3_says_how_large_its_seal_is() -> None:
    content = (INPUTS / "19-a3-seal-38mm" / "a3_pdf.pdf").read_bytes()
    assert read_scan(content, "a3.pdf", Limits(), SealThresholds()).state == "sealed"

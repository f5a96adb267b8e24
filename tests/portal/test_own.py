"""A unit's pages: its own month alone; files checked without a trace, and sent as mails that the portal has signed."""

from __future__ import annotations

import hashlib
import io
import re
import stat
import zipfile
from datetime import UTC, date, datetime
from email import message_from_bytes
from email.policy import default
from html import unescape
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import pytest

from assets.instance.home import Home
from assets.instance.limits import Limits
from assets.instance.settings import SealThresholds
from assets.intake.mail.archive import store
from assets.intake.mail.message import parse_message
from assets.intake.parsing import Parser, parse_mail
from assets.ledger import audit, people
from reports.blank.book import Before
from reports.blank.forms import known_before
from reports.portal import own_routes, uploads
from reports.portal.app import UPLOAD_BYTES
from reports.portal.reading import opened
from reports.portal.shared import Portal
from reports.portal.snapshot import carried_json, carried_of
from reports.portal.uploads import File, NotChecked, check, key_of, mail_of, named, put_into_inbox, sent_by
from tests.portal.made_portal import OTHER_UNIT, UNIT, Browser, home_of, portal_of, secret
from tests.reports.settled_sample import LAST, Sample

NOW = datetime(2026, 11, 5, 12, 0, tzinfo=UTC)
SAMPLE_MAIL = Path(__file__).parents[2] / "pipelines" / "sample" / "inbox" / LAST / "000003.eml"


def workbooks() -> list[File]:
    """What a unit of the sample sent."""
    message = message_from_bytes(SAMPLE_MAIL.read_bytes(), policy=default)
    return [File(part.get_filename() or "", part.get_payload(decode=True)) for part in message.iter_attachments()]


def upload(browser: Browser, path: str, files: list[File], unit: str = UNIT, **options: Any) -> Any:
    sent = [("files", (file.name, file.content, "application/octet-stream")) for file in files]
    return browser.client.post(path, data={"csrf": browser.token(), "unit": unit}, files=sent, **options)


def test_a_unit_sees_its_own_month_and_no_other(portal: Portal) -> None:
    browser = Browser(portal, "unit")
    nothing = browser.get("/nowhere").content
    for period in (LAST, "2026-09"):
        page = browser.get(f"/own?period={period}").text
        assert "青川盟第3旗县分公司" in page
        assert OTHER_UNIT not in page
    for path in (
        f"/own?unit={OTHER_UNIT}",
        "/own?period=2020-01",
        f"/own/{LAST}/{OTHER_UNIT}/feedback.html",
        f"/own/{LAST}/{UNIT}/../x",
    ):
        answer = browser.get(path)
        assert (answer.status_code, answer.content) == (404, nothing), path
    assert upload(browser, own_routes.SEND, [File("附件2.xlsx", b"x")], unit=OTHER_UNIT).status_code == 404
    assert list(portal.home.inbox.glob("*")) == []


def test_what_to_mend_is_told_as_in_the_unit_s_answer(portal: Portal) -> None:
    page = Browser(portal, "other_unit").get(f"/own?period={LAST}").text
    assert "先改这" in page
    assert "正确示例" in page
    english = Browser(portal, "other_unit").get(f"/own?period={LAST}&lang=en").text
    assert "Mend th" in english


def test_what_to_check_is_told_as_well_as_where(portal: Portal) -> None:
    with opened(portal.home.portal, LAST, ["EX-15-01-CHA"]) as month:
        told = [r[0] for r in month.db.execute("select message from findings where rule_id = 'KPI-04' and counts")]
    assert len(told) == 2
    now = datetime.now(UTC)
    people.add_user(portal.ledger, "cha", "", secret(), "tests", now)
    people.grant(portal.ledger, "cha", "unit", "EX-15-01-CHA", "tests", now)
    page = Browser(portal, "cha").get(f"/own?period={LAST}").text
    for message in told:  # of two at the same place each says which it is
        assert message in unescape(page)
    assert unescape(page).count("请补填后重新报送附件3。本月没有发生的") == 1


def test_answers_are_handed_out(portal: Portal) -> None:
    folder = portal.home.published / LAST / "feedback" / UNIT
    folder.mkdir(parents=True)
    (folder / "附件2 标注.xlsx").write_bytes(b"marked")
    (folder / ".digest").write_text("x", encoding="utf-8")
    browser = Browser(portal, "unit")
    assert "附件2 标注.xlsx" in browser.get(f"/own?period={LAST}").text
    answer = browser.get(f"/own/{LAST}/{UNIT}/附件2 标注.xlsx")
    assert answer.content == b"marked"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert browser.get(f"/own/{LAST}/{UNIT}/.digest").status_code == 404
    assert Browser(portal, "other_unit").get(f"/own/{LAST}/{UNIT}/附件2 标注.xlsx").status_code == 404


def test_a_return_becomes_a_mail_of_the_unit_s_mailbox_received_now(portal: Portal) -> None:
    browser = Browser(portal, "unit")
    files = workbooks()
    answer = upload(browser, own_routes.SEND, files)
    assert answer.status_code == 303
    (mail,) = portal.home.inbox.glob("*")
    raw = mail.read_bytes()
    sha256 = hashlib.sha256(raw).hexdigest()
    assert answer.headers["location"] == f"/own?unit={UNIT}&sent={sha256[:12]}"
    parsed = parse_message(raw, Limits())
    assert parsed.sender == "county01003@oa.example"
    assert parsed.received_at is not None
    assert abs((parsed.received_at - datetime.now(UTC)).total_seconds()) < 60
    assert [a.name for a in parsed.attachments if a.kind in ("workbook", "scan")] == [f.name for f in files]
    assert sent_by(portal.home, raw) == "unit"
    line = audit.latest(portal.reader, 1)[0]
    assert (line.who, line.act, line.what.split()[:2]) == ("unit", "upload", [UNIT, sha256])
    page = browser.get(answer.headers["location"]).text
    assert sha256[:12] in page
    assert "等待处理" in page
    assert "等待处理" in browser.get("/own?period=2026-09").text
    mail.unlink()
    assert store(raw, portal.home.archive) == sha256  # as a run does it
    for period in (LAST, "2026-09"):
        assert "等待处理" not in browser.get(f"/own?period={period}").text


def test_a_unit_sends_before_its_first_month_and_by_the_register_of_now(tmp_path: Path) -> None:
    home = home_of(tmp_path)
    with portal_of(home) as portal:
        browser = Browser(portal, "unit")
        page = browser.get("/own").text
        assert f"/own/blank?unit={UNIT}" in page
        assert "青川盟第3旗县分公司" in page
        for other in (f"/own?unit={OTHER_UNIT}", f"/own?period={LAST}"):
            assert browser.get(other).status_code == 404, other
        units = home.register / "units.csv"
        text = units.read_text(encoding="utf-8")
        units.write_text(text.replace("county01003@", "moved01003@"), encoding="utf-8")
        sent = upload(browser, own_routes.SEND, [File("附件2.xlsx", b"x")])
        assert sent.status_code == 303
        assert "已收到" in browser.get(sent.headers["location"]).text
        (mail,) = home.inbox.glob("*.eml")
        assert message_from_bytes(mail.read_bytes(), policy=default)["From"] == "moved01003@oa.example"


def test_what_the_portal_did_not_sign_it_does_not_own(tmp_path: Path) -> None:
    home, other = Home(tmp_path / "home"), Home(tmp_path / "other")
    told: dict[str, Any] = {
        "mailbox": "u@oa.example",
        "to": "",
        "subject": "月报",
        "text": "附件",
        "address": "10.0.0.1",
        "now": NOW,
    }
    raw = mail_of(home, [File("附件2.xlsx", b"x")], by="王 unit", **told)
    assert sent_by(home, raw) == "王 unit"
    assert stat.S_IMODE((home.portal / "key").stat().st_mode) == 0o600
    assert key_of(home) == key_of(home)
    for forged in (
        raw.replace("附件2".encode(), b"x") if "附件2".encode() in raw else raw + b"x",
        raw[1:],
        mail_of(other, [], by="王 unit", **told),
        raw.replace(b"u@oa.example", b"v@oa.example"),
        raw.partition(b"\r\n")[2],
        b"",
        b"X-Sixth-Upload: \xff\xff x\r\n\r\n",
    ):
        assert sent_by(home, forged) is None
    name, _, signature = raw.partition(b"\r\n")[0].split(b": ")[1].partition(b" ")
    somebody = raw.replace(name, b"YWRtaW4=", 1)
    assert signature in somebody
    assert sent_by(home, somebody) is None
    assert put_into_inbox(home, raw, NOW) == hashlib.sha256(raw).hexdigest()
    assert [p.suffix for p in home.inbox.iterdir()] == [".eml"]


def test_what_is_no_return_is_not_taken(portal: Portal) -> None:
    browser = Browser(portal, "unit")
    for path in (own_routes.CHECK, own_routes.SEND):
        assert upload(browser, path, []).status_code == 422
        assert upload(browser, path, [File("virus.exe", b"MZ")]).status_code == 422
        assert browser.client.post(path, data={"csrf": "x", "unit": UNIT}).status_code == 403
        assert upload(browser, path, [File("附件2.xlsx", b"0" * (UPLOAD_BYTES + 1))]).status_code == 413
    many = [File(f"附件{n}.xlsx", b"x") for n in range(portal.most_files + 1)]
    assert upload(browser, own_routes.SEND, many).status_code == 400
    assert list(portal.home.inbox.glob("*")) == []
    (path_like,) = [uploads.named("../../etc/附件2.xlsx")]
    assert path_like == "附件2.xlsx"


def test_what_cannot_be_read_or_is_too_large_is_told_in_words(portal: Portal) -> None:
    browser = Browser(portal, "unit")
    many = upload(browser, own_routes.CHECK, [File(f"{n}.xlsx", b"x") for n in range(11)])
    assert (many.status_code, "一次最多 10 个文件" in many.text) == (400, True)
    broken = browser.client.post(
        own_routes.CHECK, content=b"--x", headers={"content-type": "multipart/form-data; boundary=x"}
    )
    assert broken.status_code == 403
    fields = {"csrf": browser.token(), "finding": ["0" * 12] * 5001}
    steward = Browser(portal, "steward").client.post("/worklist", data=fields)
    assert (steward.status_code, "内容太多" in steward.text) == (400, True)
    large = upload(browser, own_routes.SEND, [File("附件2.xlsx", b"x" * UPLOAD_BYTES)])
    assert (large.status_code, "最多 30 MB" in large.text) == (413, True)
    assert large.headers["content-type"].startswith("text/html")
    form = {"content-type": "application/x-www-form-urlencoded"}
    chunked = browser.client.post("/worklist", content=iter([b"x" * 300_000]), headers=form)  # no length told before
    assert (chunked.status_code, 'role="alert"' in chunked.text) == (413, True)


def test_a_name_is_no_longer_than_a_file_system_takes() -> None:
    for name in ("长" * 400 + ".xlsx", "长" * 400, "😀" * 150 + ".zip"):
        assert len(named(name).encode()) <= 240, name
        assert named(name)[:50] == name[:50]
    assert named("长" * 400 + ".xlsx").endswith("长.xlsx")
    for name in ("附件2 青川盟.xlsx", "附件2.青川盟十月份最终确认版本"):
        assert named(name) == name


def test_a_check_says_what_sixth_check_says_and_keeps_nothing(
    portal: Portal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forkserver.ensure_running()  # whose socket later tests need, and the folder of this one goes
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    browser = Browser(portal, "unit")
    answer = upload(browser, own_routes.CHECK, [file for file in workbooks() if "附件2" in file.name])
    assert answer.status_code == 200
    assert "附件2" in answer.text
    assert 'id="result"' in answer.text
    assert [p for p in tmp_path.rglob("*") if p.is_file() and "upload" in str(p)] == []
    assert list(portal.home.inbox.glob("*")) == []
    line = audit.latest(portal.reader, 1)[0]
    assert (line.act, line.what.split()[0]) == ("check", UNIT)


def test_a_bomb_ends_the_check_and_not_the_portal(portal: Portal) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("[Content_Types].xml", b"<Types/>")
        bomb.writestr("xl/workbook.xml", b" " * 300_000_000)
    verdict = check(portal.home, [File("附件2.xlsx", packed.getvalue())], UNIT, LAST, "zh")
    assert verdict.is_rejected
    assert "附件2.xlsx" in verdict.text


def test_one_check_at_a_time_and_who_waits_too_long_is_told_so(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "WAIT_SECONDS", 0.01)
    uploads._checking.acquire()
    try:
        with pytest.raises(NotChecked):
            check(portal.home, [], UNIT, LAST, "zh")
        assert upload(Browser(portal, "unit"), own_routes.CHECK, [File("附件2.xlsx", b"x")]).status_code == 503
    finally:
        uploads._checking.release()


def lines_to_say(page: str) -> list[str]:
    return re.findall(r'name="say-(\w+)"', page)


def test_what_is_said_on_the_page_is_read_as_what_is_said_in_a_workbook(portal: Portal, sample: Sample) -> None:
    browser = Browser(portal, "unit")
    first, second, *_ = lines_to_say(browser.get(f"/own?period={LAST}").text)
    form = {"period": LAST, "unit": UNIT}
    words = ("外包单位代管，已与其核实设备清单", "端口只对内网开放，见防火墙策略 12 号")
    for status, over in (
        (422, {}),
        (422, {f"say-{first}": "核实无误"}),
        (422, {"say-0123456789abcdef": words[0]}),
        (404, {"period": "2026-08", f"say-{first}": words[0]}),
        (404, {"unit": OTHER_UNIT, f"say-{first}": words[0]}),
    ):
        assert browser.post(own_routes.EXPLAIN, form | over).status_code == status, over
    assert list(portal.home.inbox.glob("*")) == []
    answer = browser.post(own_routes.EXPLAIN, form | {f"say-{first}": words[0], f"say-{second}": f"  {words[1]} "})
    assert answer.status_code == 303
    assert "已收到 2 条情况说明" in browser.get(answer.headers["location"]).text
    (mail,) = portal.home.inbox.glob("*")
    raw = mail.read_bytes()
    mail.unlink()
    assert sent_by(portal.home, raw) == "unit"
    parser = Parser(sample.catalogue, Limits(), SealThresholds(), "tests")
    parsed = parse_mail(hashlib.sha256(raw).hexdigest(), raw, parser)
    assert (parsed.forms, parsed.faults) == ([], [])
    read = [e for _, e in parsed.explanations]
    assert {e.finding_id: e.text for e in read if e.finding_id in (first, second)} == dict(
        zip((first, second), words, strict=True)
    )
    kept = sample.warehouse.rows(
        "select finding_id, subject, rule_id, sheet_key, row, column_key from core.findings where period = $p",
        {"p": LAST},
    )
    of = {r.pop("finding_id"): r for r in kept}
    for e in read:  # what a run goes by
        told = {n: getattr(e, n) for n in ("subject", "rule_id", "sheet_key", "row", "column_key")}
        assert told == of[e.finding_id]


def test_blank_forms_have_what_is_still_open_and_nobody_s_name(portal: Portal, sample: Sample) -> None:
    assert Browser(portal, "other_unit").get(f"{own_routes.BLANK}?unit={UNIT}").status_code == 404
    known = Before(
        problems=[{"issue_no": "W1", "found_on": date(2026, 10, 3), "description": "口令 password: Abc12345!"}],
        incidents=[{"occurred_at": datetime(2026, 10, 4, 8, tzinfo=UTC)}],
    )
    carried = carried_of(carried_json(known))
    assert carried.problems[0]["found_on"] == date(2026, 10, 3)
    assert carried.incidents == known.incidents
    assert "Abc12345" not in str(carried)
    (unit,) = sample.warehouse.rows(
        "select unit_code, count(*) as n from marts.problems where period = $p and is_open group by 1 order by 2 desc, 1"
        " limit 1",
        {"p": LAST},
    )
    with opened(portal.home.portal, LAST, [unit["unit_code"]]) as month:
        node = month.one("node", unit_code=unit["unit_code"])
        assert node is not None
        row = month.one("carried", place=node["place"])
        assert row is not None
        before = carried_of(row["known"])
    assert len(before.problems) == unit["n"] > 0
    known = known_before(sample.warehouse, "2026-11")[unit["unit_code"]]
    for kind in ("problems", "incidents", "agreements"):
        assert list(getattr(before, kind)) == list(getattr(known, kind)), kind
    assert (before.cover, before.checked_by) == ({}, "")


def test_blank_forms_are_of_the_month_whose_returns_come_in_now(portal: Portal) -> None:
    answer = Browser(portal, "unit").get(f"{own_routes.BLANK}?unit={UNIT}")
    names = zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
    assert len(names) == 3
    assert all("青川盟第3旗县分公司" in name for name in names)

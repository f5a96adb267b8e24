"""Reports on their way to their readers: who gets which version, with what, once, over a real SMTP server."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from assets.instance.recipients import FORMS, Recipient, load_recipients, without_cuts
from assets.instance.register import Register, RegisterError
from assets.instance.settings import NoticeSettings
from assets.ledger import queue
from assets.ledger.opening import open_ledger
from reports.notices.delivering import deliver_reports
from reports.notices.encrypted_zip import encrypted_zip
from reports.notices.letters import report
from reports.notices.sending import Row
from tests.notices.made_units import PERIOD, SENDER, mailroom, register, when
from tests.notices.smtp_server import Post, smtp_server

pytestmark = pytest.mark.slow

HEAD = "scope,name,mailbox,forms,when"
LEADS = ("network", "market")
MADE = when("2026-11-06T00:30")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Engine]:
    with open_ledger(tmp_path / "warehouse") as opened:
        yield opened


@pytest.fixture
def units(tmp_path: Path) -> Register:
    return register(tmp_path / "register", ["U1,甲局,u1@oa.example"])


def readers(of: Register, folder: Path, *lines: str) -> tuple[Recipient, ...]:
    (folder / "recipients.csv").write_text("\n".join([HEAD, *lines]), encoding="utf-8")
    return load_recipients(folder, of, LEADS)


def publish(
    published: Path,
    scope: str,
    version: str,
    *,
    at: Any = MADE,
    size: int = 10,
    effective: Sequence[str] = ("annex2", "annex3"),
) -> None:
    """A version folder with what a mail is made of; `effective`: the forms of which units have some."""
    folder = published / scope / version
    folder.mkdir(parents=True)
    for form in FORMS:
        (folder / f"report.{form}").write_bytes(f"{form} {scope} {version}".encode().ljust(size))
    summary = {
        "period": PERIOD, "scope": scope, "version": version, "kind": "deadline" if version == "v1" else "supplement",
        "as_of": at.isoformat(), "units": {"expected": 1234, "complete_on_time": 7, "missing": 2, "returned": 0},
        "forms": {form: {"effective": 7 if form in effective else 0} for form in ("annex2", "annex3")},
        "exposed_assets": {"high_vulns": 3}, "self_check": {"pass_rate": 89.5},
        "rectification": {"open": 0, "overdue": 0}, "incidents": {"rows_counted": 9, "by_level": {"高": 1, "低": 3}},
    }  # fmt: skip
    (folder / "summary.json").write_text(json.dumps(summary), encoding="utf-8")


def outcomes(rows: list[Row]) -> dict[str, str]:
    return {row.recipient: row.outcome for row in rows}


def attached(mail: EmailMessage) -> dict[str, bytes]:
    return {str(part.get_filename()): part.get_payload(decode=True) for part in mail.iter_attachments()}  # type: ignore[misc]


def text_of(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def no_cut(scope: str, lead: str) -> bytes | None:
    return None


# ------------------------------------------------------------------------------------------------------------ the file
@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("X,领导,head@oa.example,html,always", "line 2: scope 'X' is no node"),
        ("U1,领导,head@oa.example,html,always", "line 2: scope 'U1' is no node"),
        ("C,,head@oa.example,html,always", "line 2: name must be filled"),
        ("C,领导,head,html,always", "line 2: mailbox 'head' is no address"),
        ("C,领导,a@oa.example;b@oa.example,html,always", "line 2: mailbox 'a@oa.example;b@oa.example' is no address"),
        ("C,领导,head@oa.example,,always", "line 2: forms names nothing"),
        ("C,领导,head@oa.example,html;doc,always", "line 2: forms names 'doc'; there are html, docx, xlsx, pdf, duties:network"),
        ("C,领导,head@oa.example,duties:finance,always", "line 2: forms names 'duties:finance'"),
        ("C,领导,head@oa.example,html,daily", "line 2: when 'daily' is none of deadline, supplements, always"),
        ("C,一,head@oa.example,html,always\nC,二,HEAD@oa.example,pdf,always", "line 3: head@oa.example already gets .* by line 2"),
    ],
)  # fmt: skip
def test_what_the_file_cannot_mean_is_told_with_its_line(tmp_path: Path, units: Register, line: str, told: str) -> None:
    with pytest.raises(RegisterError, match=told) as error:
        readers(units, tmp_path, line)
    assert str(error.value).startswith("recipients.csv")


def test_a_file_without_a_column_is_refused(tmp_path: Path, units: Register) -> None:
    (tmp_path / "recipients.csv").write_text("scope,mailbox\nC,head@oa.example", encoding="utf-8")
    with pytest.raises(RegisterError, match="line 1: the heading row lacks name, forms, when"):
        load_recipients(tmp_path, units, LEADS)


def test_without_the_file_nobody_is_mailed(tmp_path: Path, units: Register) -> None:
    assert load_recipients(tmp_path, units, LEADS) == ()


# ----------------------------------------------------------------------------------------------------------- who, when
def test_each_version_goes_to_its_readers_once(tmp_path: Path, units: Register, ledger: Engine) -> None:
    to = readers(
        units, tmp_path, "C,张总,head@oa.example,docx；html,always", "C-1-1,李总,branch@oa.example,html,deadline",
        "C,王工,later@oa.example,html,supplements",
    )  # fmt: skip
    published, post = tmp_path / "published", Post()
    publish(published, "C", "v1")
    publish(published, "C-1-1", "v1")
    with smtp_server(post) as smtp:
        room = mailroom(tmp_path, units, "2026-11-06T02:00", smtp=smtp)
        assert outcomes(deliver_reports(room, ledger, PERIOD, to, published, no_cut)) == {
            "head@oa.example": "sent", "branch@oa.example": "sent",
        }  # fmt: skip
        assert set(outcomes(deliver_reports(room, ledger, PERIOD, to, published, no_cut)).values()) == {"before"}
        publish(published, "C", "v2")
        publish(published, "C-1-1", "v2")
        assert outcomes(deliver_reports(room, ledger, PERIOD, to, published, no_cut)) == {
            "head@oa.example": "sent", "later@oa.example": "sent",
        }  # fmt: skip
    assert sorted(address for address, _ in post.taken) == [
        "branch@oa.example", "head@oa.example", "head@oa.example", "later@oa.example",
    ]  # fmt: skip
    assert {n.kind for n in queue.notices(ledger, PERIOD, ("report",))} == {"report"}
    first = next(mail for mail in post.mails if mail["To"].addresses[0].addr_spec == "head@oa.example")
    assert first["To"].addresses[0].display_name == "张总"
    assert first["Subject"] == "【网络安全月报】2026年10月集团 截止报告（v1）"
    assert attached(first) == {
        f"{PERIOD}-C-v1.docx": b"docx C v1 ", f"{PERIOD}-C-v1.html": b"html C v1 ",
    }  # fmt: skip
    text = text_of(first)
    assert text.startswith("张总：")
    assert "应报单位：1,234" in text
    assert "89.5%" in text
    assert "报告见附件。" in text
    assert "与上一版相比" not in text
    assert any("与上一版相比的变化及其原因" in text_of(mail) for mail in post.mails)


def test_a_mail_that_a_server_does_not_take_goes_out_in_the_next_run(
    tmp_path: Path, units: Register, ledger: Engine
) -> None:
    to = readers(units, tmp_path, "C,张总,head@oa.example,html,always")
    published = tmp_path / "published"
    publish(published, "C", "v1")
    post = Post(refuse={"head@oa.example": "451 4.3.0 try later"})
    with smtp_server(post) as smtp:
        room = mailroom(tmp_path, units, "2026-11-06T02:00", smtp=smtp)
        assert outcomes(deliver_reports(room, ledger, PERIOD, to, published, no_cut)) == {"head@oa.example": "queued"}
        publish(published, "C", "v2")  # the newest goes out instead, as the earlier one is no longer due
        post.refuse.clear()
        assert outcomes(deliver_reports(room, ledger, PERIOD, to, published, no_cut)) == {"head@oa.example": "sent"}
    assert [next(iter(attached(mail))) for mail in post.mails] == [f"{PERIOD}-C-v2.html"]
    assert [n.state for n in queue.notices(ledger, PERIOD, ("report",))] == ["withdrawn", "sent"]


def test_reports_of_long_ago_and_interim_ones_are_not_mailed(tmp_path: Path, units: Register, ledger: Engine) -> None:
    to = readers(units, tmp_path, "C,张总,head@oa.example,html,always", "C-1,李总,b@oa.example,html,always")
    published = tmp_path / "published"
    publish(published, "C", "v1", at=MADE - timedelta(days=40))
    publish(published, "C-1", "interim")
    room = mailroom(tmp_path, units, "2026-11-06T02:00")
    assert deliver_reports(room, ledger, PERIOD, to, published, no_cut) == []


# ----------------------------------------------------------------------------------------------------- what goes with it
def sent(
    tmp_path: Path, units: Register, ledger: Engine, size: int = 10, forms: str = "html", **settings: Any
) -> EmailMessage:
    to = readers(units, tmp_path, f"C,张总,head@oa.example,{forms},always")
    publish(tmp_path / "published", "C", "v1", size=size)
    post = Post()
    with smtp_server(post) as smtp:
        room = mailroom(tmp_path, units, "2026-11-06T02:00", smtp=smtp, settings=settings)
        rows = deliver_reports(
            room, ledger, PERIOD, to, tmp_path / "published", lambda scope, lead: f"{scope} {lead}".encode()
        )
    assert outcomes(rows) == {"head@oa.example": "sent"}
    return post.mails[0]


def test_what_is_too_large_is_left_out_and_the_link_told(tmp_path: Path, units: Register, ledger: Engine) -> None:
    link = "https://portal.example/{period}/{scope}/{version}/"
    mail = sent(tmp_path, units, ledger, size=2000, attachment_bytes=1000, report_link=link)
    assert attached(mail) == {}
    assert "报告太大，没有随信附上。" in text_of(mail)
    assert "查看报告：https://portal.example/2026-10/C/v1/" in text_of(mail)


def test_without_a_link_it_says_whom_to_ask(tmp_path: Path, units: Register, ledger: Engine) -> None:
    mail = sent(tmp_path, units, ledger, size=2000, attachment_bytes=1000)
    assert "请向网络部索取。" in text_of(mail)


@pytest.mark.parametrize(
    ("period", "lang", "subject", "heading"),
    [
        (PERIOD, "zh", "【网络安全月报】2026年10月集团 截止报告（v1）", "集团网络安全月报（2026年10月）"),
        ("2026H2", "zh", "【网络安全月报】集团网络安全半年报（2026年下半年）：截止报告（v1）", "集团网络安全半年报（2026年下半年）"),
        ("2026", "zh", "【网络安全月报】集团网络安全年报（2026年）：截止报告（v1）", "集团网络安全年报（2026年）"),
        (
            "2026H1", "en",
            "[Network-security return] Half-yearly network-security report of 集团, first half of 2026: Deadline report (v1)",
            "Half-yearly network-security report of 集团, first half of 2026",
        ),
    ],
)  # fmt: skip
def test_the_mail_says_of_which_period_it_is(
    tmp_path: Path, units: Register, period: str, lang: str, subject: str, heading: str
) -> None:
    publish(tmp_path, "C", "v1")
    summary = json.loads((tmp_path / "C/v1/summary.json").read_text(encoding="utf-8"))
    occasion = replace(mailroom(tmp_path, units, "2026-11-06T02:00").occasion(PERIOD), period=period, lang=lang)
    letter = report("张总", "集团", summary, occasion, link="", attached=True, too_large=False, encrypted=False)
    assert letter.subject == subject
    assert heading in letter.text
    assert heading in letter.html


def test_a_half_year_has_no_cuts(tmp_path: Path, units: Register) -> None:
    to = readers(
        units, tmp_path, "C,张总,a@oa.example,docx;duties:market,always", "C,李总,b@oa.example,duties:market,always"
    )
    assert [(r.mailbox, r.forms) for r in without_cuts(to)] == [("a@oa.example", ("docx",))]


def test_figures_are_told_as_the_first_page_has_them(tmp_path: Path, units: Register) -> None:
    """Of what no effective form speaks of a 0 was told, and incidents with every row that speaks of one."""
    room = mailroom(tmp_path, units, "2026-11-06T02:00")

    def figures(version: str, lang: str = "zh", **of: Any) -> dict[str, str]:
        publish(tmp_path, "C", version, **of)
        summary = json.loads((tmp_path / "C" / version / "summary.json").read_text(encoding="utf-8"))
        occasion = replace(room.occasion(PERIOD), lang=lang)
        letter = report("张总", "集团", summary, occasion, link="", attached=True, too_large=False, encrypted=False)
        return dict(re.findall(r"^  - (.+?)[：:] ?(.+)$", letter.text, re.MULTILINE))

    told = figures("v1")
    assert (told["未修复高危漏洞"], told["自查符合率"], told["逾期问题"], told["安全事件"]) == ("3", "89.5%", "0", "4")
    assert not any("计入事件行数" in name for name in told)
    assert figures("v2", "en")["Security incidents"] == "4"
    told = figures("v3", effective=["annex2"])
    assert (told["未修复高危漏洞"], told["自查符合率"], told["逾期问题"], told["安全事件"]) == ("3", "–", "–", "–")


def test_who_leads_a_duty_gets_its_cut(tmp_path: Path, units: Register, ledger: Engine) -> None:
    mail = sent(tmp_path, units, ledger, forms="duties:market")
    assert attached(mail) == {f"{PERIOD}-C-v1-market.docx": b"C market"}


def test_attachments_are_encrypted_where_the_settings_want_it(
    tmp_path: Path, units: Register, ledger: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPORT_ZIP", "geheim-77")
    mail = sent(tmp_path, units, ledger, zip_password_env="REPORT_ZIP")
    ((name, content),) = attached(mail).items()
    assert name == f"{PERIOD}-C-v1.zip"
    assert content == encrypted_zip([(f"{PERIOD}-C-v1.html", b"html C v1 ")], "geheim-77")
    assert b"html C v1" not in content
    assert "密码另行告知" in text_of(mail)


def test_who_wants_the_link_alone_gets_nothing_attached(tmp_path: Path, units: Register, ledger: Engine) -> None:
    publish(tmp_path / "published", "C", "v1")
    settings = {"report_link": "https://portal.example/{scope}", "zip_password_env": "REPORT_ZIP"}
    room = mailroom(tmp_path, units, "2026-11-06T02:00", settings=settings)
    to = (Recipient("C", "张总", "head@oa.example", (), "always", 0),)
    assert outcomes(deliver_reports(room, ledger, PERIOD, to, tmp_path / "published", no_cut)).keys() == {
        "head@oa.example"
    }
    (file,) = room.outbox.glob("*.eml")
    mail = message_from_bytes(file.read_bytes(), policy=default)
    assert list(mail.iter_attachments()) == []
    assert "https://portal.example/C" in text_of(mail)


def test_without_its_password_nothing_goes_out_open(
    tmp_path: Path, units: Register, ledger: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REPORT_ZIP", raising=False)
    to = readers(units, tmp_path, "C,张总,head@oa.example,html,always")
    publish(tmp_path / "published", "C", "v1")
    room = mailroom(tmp_path, units, "2026-11-06T02:00", settings={"zip_password_env": "REPORT_ZIP"})
    (row,) = deliver_reports(room, ledger, PERIOD, to, tmp_path / "published", no_cut)
    assert row.outcome == "queued"
    assert "REPORT_ZIP" in row.detail
    assert not list(room.outbox.glob("*.eml"))


def test_a_link_names_what_there_is_alone() -> None:
    with pytest.raises(TypeError, match="report_link"):
        NoticeSettings(sender=SENDER, report_link="https://portal.example/{unit}")

"""register/settings.yaml: what it says of intake takes effect, and what it cannot mean stops the run."""

from __future__ import annotations

from datetime import datetime
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from assets.instance.home import Home
from assets.instance.limits import KINDS, Limits
from assets.instance.session import open_session
from assets.instance.settings import Settings, SettingsError, load_settings
from assets.intake import staging
from assets.intake.collecting import collect
from assets.intake.parsing import parser_of
from assets.month.freshness import stale_months
from assets.month.settle import indexed_work, settle_month, work_of
from pipelines.new_home import make_home
from tests.feedback.made_month import PERIOD, ZONE, drop_mail
from tests.feedback.made_month import home as made_home
from tests.templates.filled_forms import filled_forms

UNIT = "D-001"


def written(folder: Path, text: str) -> Path:
    path = folder / "settings.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_without_settings_everything_is_as_its_part_says(tmp_path: Path) -> None:
    assert load_settings(tmp_path / "settings.yaml") == Settings()
    assert Settings().limits == Limits()
    assert Settings().limits.accepted == KINDS


def test_a_setting_replaces_its_default_and_no_other(tmp_path: Path) -> None:
    settings = load_settings(written(tmp_path, "limits: {scan_pages: 3}"))
    assert settings.limits == Limits(scan_pages=3)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("limits: {attachment_byte: 5}", "attachment_byte: no such setting"),
        ("limits: {attachments: many}", "attachments: 'many' is not of kind int"),
        ("limits: {attachments: true}", "attachments: True is not of kind int"),
        ("limits: {attachments: 0}", "attachments: must be above 0"),
        ("limits: {file_seconds: -1}", "file_seconds: must be above 0"),
        ("limits: {accepted: [xlsx, exe]}", "accepted: must be some of xlsx"),
        ("limits: {accepted: xlsx}", "accepted: must be some of xlsx"),
        ("limits: 5", "must be settings as name: value"),
        ("form_versions: '2026.1'", "form_versions: no such setting, or not of its kind"),
        ("accepted: [xlsx]", "accepted: no such setting"),
        ("limits: {attachments: 5", "cannot be read"),
    ],
)
def test_what_settings_cannot_mean_is_told(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(SettingsError, match=r"settings\.yaml") as error:
        load_settings(written(tmp_path, text))
    assert told in str(error.value)


def rules_of(home: Home) -> set[tuple[str, str, str]]:
    """Rule, file and expectation of the findings of the month, collected, parsed and settled as a run does."""
    with open_session(home, datetime(2026, 11, 5, 0, 30, tzinfo=ZONE)) as session:
        collect(session)
        staging.parse_new(session.warehouse, session.once(parser_of), home.archive, home.warehouse / "incoming")
        for month in stale_months(session.once(indexed_work), PERIOD):
            settle_month(session.once(work_of), month)
        rows = session.warehouse.rows("select rule_id, file, message from core.all_findings where status = 'open'")
    return {(row["rule_id"], row["file"], row["message"]) for row in rows}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with the mail of one unit that has both forms."""
    home = Home(tmp_path / "home")
    make_home(home, sample=False)
    for file in home.register.iterdir():
        file.unlink()
    home.register.rmdir()
    made = made_home(home.root, [UNIT])
    forms = filled_forms(made.unit(UNIT), made.catalogue, made.register)
    drop_mail(made, UNIT, [("附件2.xlsx", forms["annex2"]), ("附件3.xlsx", forms["annex3"])])
    return home


def test_settings_of_intake_take_effect_and_so_does_taking_them_back(home: Home) -> None:
    """Mails that were parsed with other limits are parsed again."""
    plain = rules_of(home)
    assert not {rule for rule, _, _ in plain} & {"ENV-03", "ENV-04", "WBK-05", "WBK-06", "SIG-01"}

    size = _size_of(home, "附件3.xlsx") - 1
    text = f"limits: {{accepted: [xlsx, pdf], table_rows: 1, workbook_bytes: {size}}}\nform_versions: ['2031.1']\n"
    assert size > _size_of(home, "附件2.xlsx")
    written(home.register, text)
    told = rules_of(home)
    assert {(rule, file) for rule, file, _ in told} >= {
        ("ENV-03", "附件3.xlsx"),
        ("ENV-04", "扫描件.jpg"),
        ("WBK-05", "附件2.xlsx"),
        ("WBK-06", "附件2.xlsx"),
        ("SIG-01", ""),
    }
    assert any(rule == "WBK-06" and "2031.1" in message for rule, _, message in told)

    (home.register / "settings.yaml").unlink()
    assert rules_of(home) == plain


def test_a_limit_alone_takes_effect(home: Home) -> None:
    """Mails that are parsed again have other rows, so that what rests on them is worked out again."""
    plain = rules_of(home)
    written(home.register, "limits: {table_rows: 1}")
    assert {rule for rule, _, _ in rules_of(home) - plain} == {"WBK-05"}


def _size_of(home: Home, attachment: str) -> int:
    (mail,) = home.inbox.glob("*.eml")
    parts = message_from_bytes(mail.read_bytes(), policy=default).iter_attachments()
    (size,) = (len(part.get_content()) for part in parts if part.get_filename() == attachment)
    return size

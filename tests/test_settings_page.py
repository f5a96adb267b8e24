"""docs/settings.md says what the settings' dataclasses say, and every example on it can be used."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import yaml

from assets.instance.settings import Settings, load_settings
from assets.instance.settings_page import PAGE, settings_page

NEEDED = {"imap": {"host": "h", "user": "u"}, "smtp": {"host": "h"}}


def examples() -> list[str]:
    """The last cell of every row of a table."""
    rows = [line for line in settings_page().splitlines() if line.startswith("| `")]
    return [row.removesuffix("` |").rpartition("| `")[2] for row in rows]


def test_the_page_is_what_is_generated() -> None:
    told = "run: python -m assets.instance.settings_page"
    assert PAGE.read_text(encoding="utf-8") == settings_page(), told


def test_every_setting_has_its_row() -> None:
    named = {
        (section, key)
        for section, line in (next(iter(yaml.safe_load(text).items())) for text in examples())
        for key in (line if isinstance(line, dict) else [""])
    }
    whole = load_settings_of({**NEEDED})
    for field in dataclasses.fields(Settings):
        value = getattr(whole, field.name)
        of = [f.name for f in dataclasses.fields(value)] if dataclasses.is_dataclass(value) else [""]
        assert {(field.name, key) for key in of} <= named


def load_settings_of(sections: dict[str, dict[str, str]], folder: Path = Path("/nowhere")) -> Settings:
    if not folder.exists():
        from assets.instance.settings import ImapSettings, SmtpSettings

        return Settings(imap=ImapSettings(**sections["imap"]), smtp=SmtpSettings(**sections["smtp"]))
    file = folder / "settings.yaml"
    file.write_text(yaml.safe_dump(sections, allow_unicode=True), encoding="utf-8")
    return load_settings(file)


@pytest.mark.parametrize("text", examples())
def test_every_example_is_a_setting(tmp_path: Path, text: str) -> None:
    ((section, line),) = yaml.safe_load(text).items()
    if not isinstance(line, dict):
        assert load_settings_of({section: line}, tmp_path)
        return
    loaded = getattr(load_settings_of({section: NEEDED.get(section, {}) | line}, tmp_path), section)
    ((key, value),) = line.items()
    assert getattr(loaded, key) == value or list(getattr(loaded, key)) == value

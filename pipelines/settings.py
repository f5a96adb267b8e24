"""Settings of an instance: register/settings.yaml over the defaults of the parts that they are for.

Every section is the dataclass of the part that it sets, and every name in it a field of that: a name that is not
there, or a value of another kind, stops the run before anything is read.
"""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass, field
from datetime import time
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml

from assets.delivery import SmtpSettings
from assets.limits import Limits
from assets.mail.sources import ImapSettings
from assets.notices import NoticeSettings
from assets.periods import Deadline
from assets.register import Register
from assets.scans.thresholds import SealThresholds
from expectations.catalogue import Catalogue

T = TypeVar("T")


class SettingsError(Exception):
    """settings.yaml cannot be used; the message names the section and the setting."""

    exit_status = 2


@dataclass(frozen=True, slots=True)
class ScoreWeights:
    """Points of the five parts of the score (system.md, Score)."""

    timeliness: float = 20
    data_quality: float = 20
    self_check: float = 30
    rectification: float = 20
    indicators: float = 10


@dataclass(frozen=True, slots=True)
class Cutoff:
    """`deadline_day` and `deadline_time` (local) in the month after the period, and the zone of all local times."""

    deadline_day: int = 6
    deadline_time: str = "00:00"
    timezone: str = "Asia/Shanghai"


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings. `form_versions` are the accepted ones; empty: the version of forms.yaml alone.

    Without `smtp` mails to units are put into outbox/; without `feedback` no workbooks are marked and nothing is
    mailed. `ledger_url` names a PostgreSQL; empty: SQLite in the home.
    """

    cutoff: Cutoff = field(default_factory=Cutoff)
    limits: Limits = field(default_factory=Limits)
    seal: SealThresholds = field(default_factory=SealThresholds)
    score: ScoreWeights = field(default_factory=ScoreWeights)
    imap: ImapSettings | None = None
    smtp: SmtpSettings | None = None
    notices: NoticeSettings = field(default_factory=NoticeSettings)
    ledger_url: str = ""
    feedback: bool = True
    form_versions: tuple[str, ...] = ()
    settle_seconds: float = 2.0

    def deadline(self, register: Register) -> Deadline:
        """When returns are due, with the calendar's exceptions."""
        return Deadline(
            timezone=self.cutoff.timezone,
            day=self.cutoff.deadline_day,
            at=time.fromisoformat(self.cutoff.deadline_time),
            exceptions=register.cutoffs,
        )

    def accepted_versions(self, catalogue: Catalogue) -> frozenset[str]:
        """The form versions that are accepted (WBK-06)."""
        return frozenset(self.form_versions or (catalogue.form_version,))

    def parser_fingerprint(self, catalogue: Catalogue, software: str) -> str:
        """Names what the parsing of a mail rests on beside its bytes: forms, limits, seal thresholds, software."""
        parts = [catalogue.forms_digest, repr(self.limits), repr(self.seal), software]
        return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]


_SECTIONS: dict[str, type] = {
    "cutoff": Cutoff,
    "limits": Limits,
    "seal": SealThresholds,
    "score": ScoreWeights,
    "imap": ImapSettings,
    "smtp": SmtpSettings,
    "notices": NoticeSettings,
}


def load_settings(path: Path) -> Settings:
    """Read settings.yaml; the defaults where there is none. Raises SettingsError."""
    if not path.exists():
        return Settings()
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f"{path.name}: cannot be read: {error}") from error
    if not isinstance(raw, dict):
        raise SettingsError(f"{path.name}: must be sections with settings in them")
    values: dict[str, Any] = {}
    for name, value in raw.items():
        if name in _SECTIONS:
            values[name] = _section(_SECTIONS[name], value, f"{path.name}: {name}")
        elif name == "form_versions" and isinstance(value, list):
            values[name] = tuple(str(v) for v in value)
        elif isinstance(value, {"ledger_url": str, "feedback": bool}.get(name, ())):
            values[name] = value
        elif name == "settle_seconds" and isinstance(value, int | float):
            values[name] = float(value)
        else:
            raise SettingsError(f"{path.name}: {name}: no such setting, or not of its kind")
    settings = Settings(**values)
    _check(settings, path.name)
    return settings


def _section(kind: type[T], raw: Any, where: str) -> T:
    if not isinstance(raw, dict):
        raise SettingsError(f"{where}: must be settings as name: value")
    fields = {f.name: f for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for name, value in raw.items():
        if name not in fields:
            raise SettingsError(f"{where}: {name}: no such setting; there are {', '.join(fields)}")
        wanted = str(fields[name].type)
        allowed = {"int": (int,), "float": (int, float), "str": (str,)}.get(wanted, (object,))
        if not isinstance(value, allowed) or (isinstance(value, bool) and wanted != "bool"):
            raise SettingsError(f"{where}: {name}: {value!r} is not of kind {wanted}")
    try:
        return kind(**raw)
    except TypeError as error:
        raise SettingsError(f"{where}: {error}") from error


def _check(settings: Settings, file: str) -> None:
    cutoff = settings.cutoff
    if not 1 <= cutoff.deadline_day <= 28:
        raise SettingsError(f"{file}: cutoff: deadline_day must lie between 1 and 28")
    try:
        time.fromisoformat(cutoff.deadline_time)
        ZoneInfo(cutoff.timezone)
    except (ValueError, ZoneInfoNotFoundError) as error:
        raise SettingsError(f"{file}: cutoff: {error}") from error

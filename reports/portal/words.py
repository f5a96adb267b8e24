"""The portal's words: texts.yaml in one language, filled in.

Belongs here: choosing and filling a text, and how a page writes moments and numbers. Does not: the texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from assets.ledger.models import DECISIONS
from expectations.catalogue import Catalogue
from expectations.language import language, read_texts
from reports.text.sentences import words

TEXTS = Path(__file__).parent / "texts.yaml"


@cache
def texts() -> Mapping[str, Mapping[str, Any]]:
    """All of texts.yaml."""
    content: Mapping[str, Mapping[str, Any]] = read_texts(TEXTS)
    return content


class Words:
    """What pages say in one language. Moments are shown in the zone of the settings."""

    def __init__(self, lang: str, catalogue: Catalogue, zone: ZoneInfo) -> None:
        self.lang, self.catalogue, self.zone = lang, catalogue, zone
        self.language = language(lang)

    def say(self, key: str, /, **values: Any) -> str:
        """The text of `key`, filled in; an English one may be {one, other}, chosen by `n`. KeyError where none is."""
        text = texts()[key][self.lang]
        if isinstance(text, dict):
            text = text["one" if values["n"] == 1 else "other"]
        return str(text).format(**{k: f"{v:,}" if isinstance(v, int) else v for k, v in values.items()})

    def did(self, act: str) -> str:
        """An act of the audit log; as it stands there where it has no words."""
        key = f"kind.{act}" if act in DECISIONS else f"did.{act}"
        return self.say(key) if key in texts() else act

    def acts(self) -> list[tuple[str, str]]:
        """The acts of the audit log to choose from: each as it stands there, and in words."""
        told = [key.removeprefix("did.") for key in texts() if key.startswith("did.")]
        return [("", self.say("status.all")), *((act, self.did(act)) for act in (*told, *DECISIONS))]

    def name(self, group: str, key: str) -> str:
        """What the glossary calls something; the key itself where it does not know it."""
        found = self.catalogue.texts["glossary"][group].get(key)
        return str(found[self.lang]) if found else key

    def sheet(self, key: str) -> str:
        """A sheet's title; in another language than the forms' what the glossary calls it."""
        return self.catalogue.sheets[key].title if self.language.speaks_catalogue else self.name("sheets", key)

    def column(self, sheet: str, key: str) -> str:
        """A column's heading; in another language than the forms' what the glossary calls it."""
        told = self.catalogue.sheets[sheet].column(key).zh
        return told if self.language.speaks_catalogue else self.name("columns", f"{sheet}.{key}")

    def rule(self, rule_id: str) -> str:
        """A rule's title."""
        return self.catalogue.rules[rule_id].title[self.lang]

    def moment(self, value: datetime | str | None) -> str:
        """A moment to the minute, in full; "" where there is none."""
        return f"{self._local(value):%Y-%m-%d %H:%M}" if value else ""

    def short(self, value: datetime | str | None) -> str:
        """A moment to the minute without its year."""
        return f"{self._local(value):%m-%d %H:%M}" if value else ""

    def _local(self, value: datetime | str) -> datetime:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        return moment.astimezone(self.zone)

    def age(self, since: datetime | str | None, until: datetime | None) -> str:
        """How many days lie between two moments, by the calendar; "" where none does, or one of them is not known."""
        days = (self._local(until).date() - self._local(since).date()).days if since and until else 0
        return self.say("age", n=days) if days > 0 else ""

    def month(self, period: str) -> str:
        """A month, half-year or year, as 2026年10月."""
        return words(self.lang).period(period)

    def size(self, count: int) -> str:
        """A number of bytes for people."""
        return f"{count / 1024:,.0f} KB" if count < 10 * 1024 * 1024 else f"{count / 1024 / 1024:,.1f} MB"

"""Settings of an instance: register/settings.yaml over the defaults of the parts that they are for.

Every section is the dataclass of the part that it sets, and every name in it a field of that: a name that is not
there, or a value of another kind, stops the run before anything is read.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, time
from pathlib import Path
from typing import Any, Literal, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml

from assets.instance.limits import Limits
from assets.instance.periods import Deadline
from assets.instance.register import Register
from assets.instance.software import code_digest
from assets.instance.store import check_url
from expectations.catalogue import Catalogue
from expectations.language import load

T = TypeVar("T")
LOOK_SECONDS = 20.0  # at a server by one who only looks: a sensor that takes a minute is cut off
PARSED_BY = ("assets/intake", "expectations/catalogue.py")  # the code that an edit of parses mails again


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
    """`deadline_day` and `deadline_time` (local) in the month after the period, and the zone of all local times.

    While the mailbox cannot be reached, the deadline report waits until `publish_anyway_at` (local), then goes out
    provisional.
    """

    deadline_day: int = 6
    deadline_time: str = "00:00"
    publish_anyway_at: str = "06:00"
    timezone: str = "Asia/Shanghai"


# An address as RFC 5321 takes it without SMTPUTF8, neither quoted nor a literal.
ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")


def is_address(text: str) -> bool:
    """Whether a mail can be sent to it: a plain ASCII address, in which no header or command can hide."""
    return ADDRESS.fullmatch(text) is not None and ".." not in text


@dataclass(frozen=True, slots=True)
class SealThresholds:
    """Settings (section `seal`) of the seal detector; how they were chosen is told in README.md."""

    score: float = 0.65  # least score of a seal, 0..1
    radius_min_mm: float = 13.5  # half of the smallest seal; round logos are smaller
    radius_max_mm: float = 34.0  # of the largest, also where half a page was scanned as if it were whole
    solid_mm: float = 12.0  # a red area thicker than this is no stroke: banner, disc, desk
    closed: float = 0.12  # share of the ring that may be missing in one piece
    characters: float = 0.30  # least share of ink inside the ring
    roughness: float = 0.02  # how far the rim may stray from an ellipse, in radii
    squareness: float = 0.04  # how far the rim may swing four times a turn, in radii
    ink_min: int = 5  # least redness of faded ink, white paper being 200
    ink_pixels: int = 60  # fewer red pixels than this are no seal
    colour_difference: int = 6  # a pixel whose channels differ by more (of 255) is coloured
    colour_share: float = 0.001  # share of coloured pixels below which a page is grey
    page_px: int = 310  # working width of the page's short side, 37 dpi on A4


def _check_date(setting: str, value: object) -> None:
    if value is not None and type(value) is not date:
        raise TypeError(f"{setting}: {value!r} is no date as 2027-01-31")


@dataclass(frozen=True, slots=True)
class ImapSettings:
    """A mailbox. The password is in the environment variable `password_env` or, if that is "", alone in the
    file `password_file`. `tls` is from the start, by STARTTLS, or none (loopback); `ca_file` names a
    certificate authority of the house's own. After a lost connection: `retries` attempts in a row, the
    first after `retry_seconds`, then twice as long each. `password_until`, a date, is when the password ends: operators
    are told before.
    """

    host: str
    user: str
    mailbox: str = "INBOX"
    port: int = 993
    tls: Literal["tls", "starttls", "none"] = "tls"
    ca_file: str = ""
    password_env: str = ""
    password_file: str = ""
    timeout_seconds: float = 60.0
    retries: int = 5
    retry_seconds: float = 2.0
    password_until: date | None = None

    def __post_init__(self) -> None:
        """Raise TypeError where `password_until` is no date."""
        _check_date("password_until", self.password_until)


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """A mail server. The password is in the environment variable `password_env` or, if that is "", alone in the
    file `password_file`; without a `user` there is no login. `tls` is from the start, by STARTTLS, or none
    (loopback); `ca_file` names a certificate authority of the house's own. `mails_per_minute` 0: as fast as it takes
    them, over so many `connections` at once, no more than the server takes of one client (of mails under way on as
    many, a killed run does not know whether they went out, and sends them again). `password_until`, a date, is when
    the password ends: operators are told before.
    """

    host: str
    port: int = 465
    tls: Literal["tls", "starttls", "none"] = "tls"
    user: str = ""
    password_env: str = ""
    password_file: str = ""
    ca_file: str = ""
    timeout_seconds: float = 60.0
    mails_per_minute: float = 0.0
    connections: int = 1
    password_until: date | None = None

    def __post_init__(self) -> None:
        """Raise TypeError where `tls` is none of the three ways, or `password_until` no date."""
        _check_date("password_until", self.password_until)
        if self.connections < 1:
            raise TypeError(f"connections: {self.connections} is not 1 or more")
        if self.tls not in ("tls", "starttls", "none"):
            raise TypeError(f"tls: {self.tls!r} is none of tls, starttls, none")


Server = TypeVar("Server", ImapSettings, SmtpSettings)


def briefly(server: Server) -> Server:
    """The same server, waited for no longer than one who only looks may take."""
    return dataclasses.replace(server, timeout_seconds=min(server.timeout_seconds, LOOK_SECONDS))


@dataclass(frozen=True, slots=True)
class NoticeSettings:
    """How units are written to. `sender` is the From address, best the mailbox that is collected: an answer to it is
    a return; where it is another one, `reply_to` names the collected one. `contact` is told in every mail.

    `reminder_days`: so many days before that of the cut-off; `overdue_days`: so many after it. Mails older than
    `receipt_days` are not answered: a new ledger on an old home would write to everyone. A mailbox that was refused
    for good in `refusals_allowed` runs is given up. Marked workbooks of more than `attachment_bytes` in all stay
    behind.

    `report_link`: where readers find a report, as https://portal.example/{period}/{scope}/{version}/; every mail with
    one tells it. `zip_password_env`: what is attached to such a mail comes in a ZIP under the password in that variable
    of the environment.
    """

    sender: str = ""
    sender_name: str = ""
    reply_to: str = ""
    contact: str = ""
    reminder_days: Sequence[int] = (3, 1)
    overdue_days: int = 1
    receipt_days: int = 31
    refusals_allowed: int = 3
    attachment_bytes: int = 15 * 1024 * 1024
    report_link: str = ""
    zip_password_env: str = ""

    def __post_init__(self) -> None:
        """Raise TypeError where an address is none, or days are none."""
        for setting, address in (("sender", self.sender), ("reply_to", self.reply_to)):
            if address and not is_address(address):
                raise TypeError(f"{setting}: {address!r} is no address")
        try:
            self.report_link.format(period="", scope="", version="")
        except (LookupError, ValueError):
            raise TypeError("report_link: may name {period}, {scope} and {version} alone") from None
        if isinstance(self.reminder_days, str) or not all(isinstance(d, int) and d > 0 for d in self.reminder_days):
            raise TypeError("reminder_days: must be days before the cut-off, as [3, 1]")


@dataclass(frozen=True, slots=True)
class OperatorSettings:
    """Who looks after the system, and what they are mailed of: a run that failed; a deadline report that is not out at
    `publish_anyway_at`; a mailbox that does not answer for `mailbox_minutes`; no mail at all for `silent_hours` in the
    days before a cut-off; less than `least_free_gib` left on the disk; a certificate or a password that ends within
    `warn_days`; every day the mails that wait for a steward. Without `mailboxes` nobody is told.
    """

    mailboxes: Sequence[str] = ()
    mailbox_minutes: float = 60.0
    silent_hours: float = 24.0
    least_free_gib: float = 5.0
    warn_days: int = 14

    def __post_init__(self) -> None:
        """Raise TypeError where a mailbox is no address."""
        if isinstance(self.mailboxes, str) or not all(isinstance(m, str) and is_address(m) for m in self.mailboxes):
            raise TypeError("mailboxes: must be addresses, as [ops@oa.example]")


SAFE_ADDRESS = re.compile(r"https://[^\s/?#@]+(/[^\s?#]*)?|http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?(/[^\s?#]*)?")


@dataclass(frozen=True, slots=True)
class PortalSettings:
    """Single sign-on of the portal (OpenID Connect), beside passwords: docs/security.md. `issuer` is the provider's
    address as it writes it itself (https), `client_id` what it knows the portal by; the secret is in the environment
    variable `client_secret_env`. What it says of a person under `claim` is the name that `sixth user add` gave them:
    nobody gets an account by it. `button` is what the button says; `ca_file` names a certificate authority of the
    house's own.
    """

    issuer: str = ""
    client_id: str = ""
    client_secret_env: str = ""
    claim: str = "preferred_username"
    button: str = ""
    ca_file: str = ""

    def __post_init__(self) -> None:
        """Raise TypeError where the provider cannot be asked safely."""
        if self.issuer and not SAFE_ADDRESS.fullmatch(self.issuer):
            raise TypeError("issuer: must be as https://login.example/realms/house")


@dataclass(frozen=True, slots=True)
class Shards:
    """Where one machine is not enough (docs/scale.md): mails are worked on in shards, one a province, or several of
    equal size where it has more than `most_units` reporting units; 0: the run does everything itself. `workers`: so
    many processes of workers on other machines are at shards at a time, for which a run waits `wait_minutes` and then
    does itself what is missing; 0: it does one after another. `by_store`: workers see nothing of the home's folder, and
    have their shards from the store.
    """

    most_units: int = 0
    workers: int = 0
    wait_minutes: float = 60.0
    by_store: bool = False

    def __post_init__(self) -> None:
        """Raise TypeError where there can be no such shards."""
        if self.most_units < 0 or self.workers < 0:
            raise TypeError("most_units and workers: must be a number, or 0")
        if self.workers and not self.most_units:
            raise TypeError("workers: without most_units there are no shards for them")
        if type(self.by_store) is not bool or (self.by_store and not self.workers):
            raise TypeError("by_store: must be true or false, and there must be workers that are handed shards")


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings. `form_versions` are the accepted ones; empty: the version of forms.yaml alone. A return with fewer
    than `coverage_percent` of its answers, or of its indicators, is incomplete (CHK-09, KPI-05).

    Without `smtp` mails to units are put into outbox/; without `feedback` no workbooks are marked and nothing is
    mailed. `approved_effects`: waivers of rules with these effects (return, incomplete) need a second person's
    approval. `signing_levels` (city, province): offices of these levels look over and sign their units' months on the
    portal; a report tells which had not when it was published. `vault`: readers may ask on the portal for rows with
    names and phone numbers, which a run then keeps beside the snapshots. `documents`: kinds (`sixth document --list`)
    that are made beside every published report, ready to sign.
    `ledger_url` names a PostgreSQL, as does `dagster_url` another database for Dagster's storage; empty: SQLite in the
    home. `store`, as s3://bucket/folder or file:///folder, has a copy of what a backup has in it, which every run
    brings up to date (docs/scale.md); credentials are the environment's.
    `watch_minutes`: new mails start a run by day as well, at most one in so many minutes; 0: they wait for the night.
    `logs`: text for people, or lines of JSON for programs.
    """

    cutoff: Cutoff = field(default_factory=Cutoff)
    limits: Limits = field(default_factory=Limits)
    seal: SealThresholds = field(default_factory=SealThresholds)
    score: ScoreWeights = field(default_factory=ScoreWeights)
    imap: ImapSettings | None = None
    smtp: SmtpSettings | None = None
    notices: NoticeSettings = field(default_factory=NoticeSettings)
    operators: OperatorSettings = field(default_factory=OperatorSettings)
    portal: PortalSettings = field(default_factory=PortalSettings)
    shards: Shards = field(default_factory=Shards)
    ledger_url: str = ""
    dagster_url: str = ""
    store: str = ""
    feedback: bool = True
    form_versions: tuple[str, ...] = ()
    approved_effects: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    signing_levels: tuple[str, ...] = ()
    vault: bool = False
    settle_seconds: float = 2.0
    coverage_percent: float = 80.0
    watch_minutes: float = 10.0
    logs: Literal["text", "json"] = "text"

    @property
    def handed_by(self) -> str:
        """The store that workers have their shards from; "" where they see the home's folder."""
        return self.store if self.shards.by_store else ""

    @property
    def zone(self) -> ZoneInfo:
        """The zone of all local times."""
        return ZoneInfo(self.cutoff.timezone)

    @property
    def mailbox(self) -> str:
        """The address that units send their returns to, "" where no setting says it."""
        known = (self.notices.reply_to, self.notices.sender, self.imap.user if self.imap else "")
        return next((address for address in known if "@" in address), "")

    def deadline(self, register: Register) -> Deadline:
        """When returns are due, with the calendar's exceptions."""
        return Deadline(
            timezone=self.cutoff.timezone,
            day=self.cutoff.deadline_day,
            at=time.fromisoformat(self.cutoff.deadline_time),
            exceptions=register.cutoffs,
            anyway=time.fromisoformat(self.cutoff.publish_anyway_at),
        )

    def accepted_versions(self, catalogue: Catalogue) -> frozenset[str]:
        """The form versions that are accepted in every month (WBK-06); none where the forms say it month by month."""
        if self.form_versions or not catalogue.versions:
            return frozenset(self.form_versions or (catalogue.form_version,))
        return frozenset()

    def parser_fingerprint(self, catalogue: Catalogue) -> str:
        """Names what the parsing of a mail rests on beside its bytes: forms, limits, seal thresholds, code."""
        parts = [catalogue.forms_digest, repr(self.limits), repr(self.seal), code_digest(*PARSED_BY)]
        return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]


_SECTIONS: dict[str, type] = {
    "cutoff": Cutoff,
    "limits": Limits,
    "seal": SealThresholds,
    "score": ScoreWeights,
    "imap": ImapSettings,
    "smtp": SmtpSettings,
    "notices": NoticeSettings,
    "operators": OperatorSettings,
    "portal": PortalSettings,
    "shards": Shards,
}


_PLAIN: dict[str, type] = {"ledger_url": str, "dagster_url": str, "store": str, "feedback": bool, "vault": bool}
# Settings that are lists of codes, and what each may be; which documents there are is known where they are made.
_CODES: dict[str, Callable[[Any], bool]] = {
    "approved_effects": {"return", "incomplete"}.__contains__,
    "documents": lambda code: isinstance(code, str),
    "signing_levels": {"city", "province"}.__contains__,
}
# Settings that are one of some words.
_CHOICES: dict[str, tuple[str, ...]] = {"logs": ("text", "json")}


def load_settings(path: Path) -> Settings:
    """Read settings.yaml; the defaults where there is none. Raises SettingsError."""
    if not path.exists():
        return Settings()
    try:
        raw = load(path.read_bytes()) or {}
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
        elif name in _CODES and isinstance(value, list) and all(_CODES[name](code) for code in value):
            values[name] = tuple(value)
        elif isinstance(value, _PLAIN.get(name, ())) or value in _CHOICES.get(name, ()):
            values[name] = value
        elif name in ("settle_seconds", "coverage_percent", "watch_minutes") and type(value) in (int, float):
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
    if settings.dagster_url and settings.dagster_url == settings.ledger_url:
        raise SettingsError(f"{file}: dagster_url and ledger_url must be two databases: both have tables of one name")
    if settings.shards.by_store and not settings.store:
        raise SettingsError(f"{file}: shards: by_store: there is no setting store to hand shards over by")
    if settings.store:
        try:
            check_url(settings.store)
        except ValueError as error:  # not repeated: it may have a password in it
            raise SettingsError(f"{file}: store: {error}") from None
    if not 0 <= settings.coverage_percent <= 100:
        raise SettingsError(f"{file}: coverage_percent must lie between 0 and 100")
    try:
        time.fromisoformat(cutoff.deadline_time)
        time.fromisoformat(cutoff.publish_anyway_at)
        ZoneInfo(cutoff.timezone)
    except (ValueError, ZoneInfoNotFoundError) as error:
        raise SettingsError(f"{file}: cutoff: {error}") from error

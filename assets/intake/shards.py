"""Shards: the mails of a home cut by province, each part parsed in a warehouse of its own.

A home is worked on whole by its run, the head. What is expensive and goes by mail or unit may be worked out before, in
parts, by whoever sees the home's folder; the head takes over what stands under digests that it works out itself, as
what an earlier run of its own has left, and does the rest. So a cut that is not the best, a part that is missing, and
one made by other rules cost time and nothing else.

Belongs here: the cut, which mails a shard is given, and taking over how it parsed them. Does not: what a shard makes of
months, and taking that over (assets/month/shards.py); who works on shards (pipelines/).
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import polars as pl

from assets.instance.durable import write_durably
from assets.instance.home import Home
from assets.instance.limits import Limits
from assets.instance.register import Tree
from assets.instance.warehouse import FILE, Warehouse, model
from assets.intake import staging
from assets.intake.mail import headers, parts
from assets.intake.mail.archive import path_of
from assets.intake.parsing import Parser, schemas

log = logging.getLogger("sixth.shards")

REST = "rest"  # the shard of what is of no province: unknown senders, offices above provinces
GIVEN, MAILS, DONE = "given.json", "given.parquet", "done.json"
HEADER_BYTES = 64 * 1024
THERE = "shard"  # the name of a shard's database beside the warehouse
OF_FORMS = (
    f"semi join (select form_id from {THERE}.staging.forms semi join taken_mails using (mail)) as f using (form_id)"
)


@dataclass(frozen=True, slots=True)
class Given:
    """What a shard was given: its mails, by a digest of them and of what they are worked on by (`basis`), up to which
    month, the clock of the run, the software that is to do it, and whose units it answers for; those of the rest are
    all others.
    """

    name: str
    period: str
    as_of: str
    software: str
    basis: str
    digest: str
    mails: int
    units: tuple[str, ...]

    @property
    def clock(self) -> datetime:
        """The clock of the run."""
        return datetime.fromisoformat(self.as_of)

    @property
    def asked(self) -> str:
        """Names what a shard was given in this run: where it failed, the next one asks for it again."""
        return f"{self.digest}.{self.as_of}"


def cut(tree: Tree, most_units: int) -> dict[str, str]:
    """The shard of every unit and office of a month: its province, or a part of it where that has more reporting units
    than a shard may, in the order of the register and of equal size; what is of no province is REST.
    """
    members: dict[str, list[str]] = {}
    of = {}
    for unit in tree.units:
        province = next((c for c in tree.above(unit.code) if tree.by_code[c].level == "province"), "")
        if province:
            members.setdefault(province, []).append(unit.code)
        else:
            of[unit.code] = REST
    for province, codes in members.items():
        reporting = sum(tree.by_code[c].level == "unit" for c in codes)
        into, before = -(-reporting // most_units), 0
        name = quote(province, safe="")
        for code in codes:
            of[code] = name if into <= 1 else f"{name}.{min(before, reporting - 1) * into // reporting + 1}"
            before += tree.by_code[code].level == "unit"
    return of


def allot(
    warehouse: Warehouse, tree: Tree, of: Mapping[str, str], archive: Path, limits: Limits
) -> dict[str, set[str]]:
    """Which of the mails in staging.receipts go to which shard: that of the sender, those of the units that its covers
    name, and that of the unit that a steward gave it to. What it has on its covers is known once it was parsed.
    """
    given: dict[str, set[str]] = {}
    by_mailbox = {mailbox: of[unit.code] for mailbox, unit in tree.by_mailbox.items()}
    senders = {r["mail"]: r["sender"] for r in warehouse.rows("select mail, sender from staging.mails")}
    for row in warehouse.rows("select mail from staging.receipts order by mail"):
        mail = row["mail"]
        sender = senders[mail] if mail in senders else _sender(path_of(mail, archive), limits)
        given.setdefault(by_mailbox.get(sender, REST), set()).add(mail)
    for row in warehouse.rows(model("staging/named_units")):
        if row["unit_code"] in of:
            given.setdefault(of[row["unit_code"]], set()).add(row["mail"])
    return given


def _sender(path: Path, limits: Limits) -> str:
    """The address that a mail comes from, by its first bytes; "" where there is none."""
    try:
        with path.open("rb") as file:
            top = parts.parse_headers(file.read(HEADER_BYTES), limits)
    except OSError:
        return ""
    return headers.address(headers.header(top, "from", limits))


# ------------------------------------------------------------------------------------------------------ what is given
def give(
    home: Home, warehouse: Warehouse, given: Mapping[str, Iterable[str]], made: Mapping[str, Given]
) -> list[Given]:
    """Write down what every shard is given, and take away what shards were given that are none any more.

    `made`: by shard what is said of it, all but its mails and their digest.
    """
    written = []
    for name, mails in sorted(given.items()):
        folder = home.shards / name
        folder.mkdir(parents=True, exist_ok=True)
        receipts = warehouse.frame(
            "select * from staging.receipts where mail in (select unnest($mails)) order by mail",
            {"mails": sorted(mails)},
        )
        building = folder / f".{MAILS}.{os.getpid()}"
        receipts.write_parquet(building)
        building.replace(folder / MAILS)
        told = asdict(made[name]) | {"digest": _digest(receipts, made[name].basis), "mails": receipts.height}
        one = Given(**told)
        write_durably(folder / GIVEN, json.dumps(asdict(one), ensure_ascii=False) + "\n")
        written.append(one)
    for folder in sorted(home.shards.glob("*/")):
        if folder.name not in given:
            (folder / GIVEN).unlink(missing_ok=True)  # first: nobody is sent there any more
            shutil.rmtree(folder, ignore_errors=True)  # who is still at it writes there; the rest goes next night
    return written


def given_shards(home: Home) -> list[Given]:
    """What every shard was given last, by name."""
    found = []
    for file in sorted(home.shards.glob(f"*/{GIVEN}")):
        with suppress(FileNotFoundError):  # it is taken away at this moment
            told = json.loads(file.read_text(encoding="utf-8"))
            found.append(Given(**{**told, "units": tuple(told["units"])}))
    return found


def given_mails(home: Home, given: Given) -> pl.DataFrame:
    """The receipts of the mails that a shard was given. Raises ValueError where they are others by now."""
    receipts = pl.read_parquet(home.shards / given.name / MAILS)
    if _digest(receipts, given.basis) != given.digest:
        raise ValueError(f"shard {given.name} is being given other mails at this moment")
    return receipts


def book_done(home: Home, given: Given) -> None:
    """Book that a shard has done what it was given."""
    write_durably(home.shards / given.name / DONE, json.dumps({"digest": given.digest}) + "\n")


def is_done(home: Home, given: Given) -> bool:
    """Whether a shard has done what it was given; whatever else it did in other nights."""
    try:
        told = json.loads((home.shards / given.name / DONE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    return bool(told["digest"] == given.digest)


def _digest(receipts: pl.DataFrame, basis: str) -> str:
    return hashlib.sha256(f"{basis}\n{receipts.sort('mail').write_csv()}".encode()).hexdigest()


# --------------------------------------------------------------------------------------------------------- taken over
def shard_file(home: Home, name: str) -> Path:
    """The warehouse of a shard."""
    return home.shards / name / FILE


def take_mails(warehouse: Warehouse, parser: Parser, home: Home) -> int:
    """Take over from the shards how they parsed the mails that are not parsed here; how many those are.

    Killed at any moment, the next call goes on: of each shard all is taken at once. A shard that is being worked on,
    is damaged or was made with other forms or limits is left alone.
    """
    staging.prepare(warehouse, parser)
    taken = 0
    for given in given_shards(home):
        with warehouse.attached(shard_file(home, given.name), THERE) as is_there:
            if not is_there or not warehouse.exists("staging.mails", THERE):
                continue
            if warehouse.value(f"select max(parser) from {THERE}.staging.mails") != parser.fingerprint:
                continue
            warehouse.execute("create or replace temp table taken_mails as " + model("staging/mails_of_shard"))
            found = int(warehouse.value("select count(*) from taken_mails"))
            if found:
                with warehouse.at_once():
                    for table in schemas(parser.catalogue):
                        which = OF_FORMS if table in parser.catalogue.sheets else "semi join taken_mails using (mail)"
                        warehouse.execute(
                            f"insert into staging.{table} by name select t.* from {THERE}.staging.{table} as t {which}"
                        )
            taken += found
    return taken

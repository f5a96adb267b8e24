"""Published reports mailed to their readers (register/recipients.csv), each version once.

Belongs here: which version is due to whom, what goes with it, the mail. Does not: the file
(assets/instance/recipients.py), its words (letters.py), sending and booking (sending.py).

Of a scope only the version that stands is due, and no longer than `receipt_days` after it was made: a reader who is
put on the file does not get the reports of years, and one whose mailbox was out of reach gets the newest.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from assets.instance.recipients import DUTIES, Recipient
from assets.instance.register import Tree
from reports.notices import letters
from reports.notices.composing import Compose, Files
from reports.notices.due import Due
from reports.notices.encrypted_zip import encrypted_zip
from reports.notices.letters import Letter, Occasion
from reports.notices.sending import Mailroom, Row, carry_out
from reports.publishing.versions import versions

KIND = "report"
Cut = Callable[[str, str], bytes | None]
"""The cut of a scope for who leads a duty, as a Word document: by scope and kind; None where there is none."""


@dataclass(frozen=True, slots=True)
class _Version:
    """A version that stands: where it lies, and what its summary.json says."""

    folder: Path
    summary: Mapping[str, Any]


def deliver_reports(
    room: Mailroom, ledger: Engine, period: str, recipients: Sequence[Recipient], published: Path, cut: Cut
) -> list[Row]:
    """Mail the versions of a period that stand to their readers; what became of each mail.

    `published` is the folder of the period. Each goes out once, whoever runs and how often; never raises for one that
    cannot be sent: it stays queued.
    """
    tree = room.register.tree(period)
    found = dict(_due(room, period, recipients, published, tree))

    def composing(notice: Due) -> Compose:
        reader, version = found[notice]
        return partial(
            report_mail,
            reader,
            tree.by_code[reader.scope].name,
            version.folder,
            version.summary,
            room.occasion(period),
            {form: cut(reader.scope, form.removeprefix(DUTIES)) for form in reader.forms if form.startswith(DUTIES)},
            link=room.settings.report_link,
            most_bytes=room.settings.attachment_bytes,
            password_env=room.settings.zip_password_env,
        )

    return carry_out(room, ledger, period, (KIND,), list(found), {}, composing)


def _due(
    room: Mailroom, period: str, recipients: Iterable[Recipient], published: Path, tree: Tree
) -> Iterator[tuple[Due, tuple[Recipient, _Version]]]:
    """What is due, with its reader and version."""
    since = room.as_of - timedelta(days=room.settings.receipt_days)
    for reader in recipients:
        there = versions(published / reader.scope) if reader.scope in tree.by_code else []
        if not there:
            continue
        folder = published / reader.scope / there[-1]
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        if reader.wants(summary["kind"]) and datetime.fromisoformat(summary["as_of"]) >= since:
            due = Due(KIND, period, reader.scope, reader.mailbox, there[-1], name=reader.name)
            yield due, (reader, _Version(folder, summary))


def report_mail(
    reader: Recipient,
    scope_name: str,
    folder: Path,
    summary: Mapping[str, Any],
    occasion: Occasion,
    cuts: Mapping[str, bytes | None],
    *,
    link: str,
    most_bytes: int,
    password_env: str,
) -> tuple[Letter, Files]:
    """The mail with a version: its documents where they are no larger than `most_bytes`, and the link to it.

    `link` may name {period}, {scope} and {version}; where `password_env` names a variable of the environment, what is
    attached comes in a ZIP under its password. Raises ValueError where that is not set.
    """
    names = {"period": summary["period"], "scope": reader.scope, "version": summary["version"]}
    stem = "-".join(names.values())
    files: Files = [
        (f"{stem}.{form}", (folder / f"report.{form}").read_bytes()) for form in reader.forms if form not in cuts
    ]
    files += [(f"{stem}-{form.removeprefix(DUTIES)}.docx", cut) for form, cut in cuts.items() if cut]
    if password_env and files:
        password = os.environ.get(password_env, "")
        if not password:
            raise ValueError(f"no password in the environment variable {password_env} (notices, zip_password_env)")
        files = [(f"{stem}.zip", encrypted_zip(files, password))]
    too_large = sum(len(content) for _, content in files) > most_bytes
    letter = letters.report(
        reader.name,
        scope_name,
        summary,
        occasion,
        link=link.format(**names) if link else "",
        attached=bool(files) and not too_large,
        too_large=too_large,
        encrypted=bool(password_env),
    )
    return letter, [] if too_large else files

"""register/recipients.csv: to whom published reports are mailed. Read and checked before anything else.

Belongs here: the file. Does not: which mails are due, and their words (reports/notices/).

A line is scope, name, mailbox, forms, when: the node whose report it is; whom to address; where it goes; what goes
with it (html, docx, xlsx, pdf, or duties:KIND, the cut of what departments of that kind lead), joined by ; and when:
`deadline` (the first version alone), `supplements` (the later ones), `always`. Without the file nothing is mailed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from assets.instance.register import Register, RegisterError, listed, rows_of
from assets.instance.settings import is_address

FILE = "recipients.csv"
COLUMNS = ("scope", "name", "mailbox", "forms", "when")
FORMS = ("html", "docx", "xlsx", "pdf")
DUTIES = "duties:"
WHEN = ("deadline", "supplements", "always")


@dataclass(frozen=True, slots=True)
class Recipient:
    """A line of recipients.csv. `forms` are of FORMS, or duties:KIND."""

    scope: str
    name: str
    mailbox: str
    forms: tuple[str, ...]
    when: str
    line: int

    def wants(self, kind: str) -> bool:
        """Whether a version of that kind (deadline, supplement) is for them."""
        return self.when == "always" or {"deadline": "deadline", "supplement": "supplements"}.get(kind) == self.when


def load_recipients(folder: Path, register: Register, leads: Collection[str]) -> tuple[Recipient, ...]:
    """The lines of recipients.csv in `folder`; none where it is not there.

    `leads` are the kinds of departments that lead a duty. Raises RegisterError, naming the line and what to mend.
    """
    path = folder / FILE
    if not path.exists():
        return ()
    scopes = {unit.code for unit in register.units if unit.level != "unit"}
    found: dict[tuple[str, str], Recipient] = {}
    for line, row in rows_of(path, COLUMNS):
        where = f"{FILE} line {line}"
        if row["scope"] not in scopes:
            raise RegisterError(f"{where}: scope {row['scope']!r} is no node of units.csv that has a report")
        if not row["name"]:
            raise RegisterError(f"{where}: name must be filled: whom the mail addresses")
        mailbox = row["mailbox"].lower()
        if not is_address(mailbox):
            raise RegisterError(f"{where}: mailbox {mailbox!r} is no address as head@oa.example; one to a line")
        known = [*FORMS, *(f"{DUTIES}{kind}" for kind in leads)]
        forms = tuple(dict.fromkeys(form.lower() for form in listed(row["forms"])))
        if not forms or (unknown := [form for form in forms if form not in known]):
            told = repr(unknown[0]) if forms else "nothing"
            raise RegisterError(f"{where}: forms names {told}; there are {', '.join(known)}, several joined by ;")
        if row["when"] not in WHEN:
            raise RegisterError(f"{where}: when {row['when']!r} is none of {', '.join(WHEN)}")
        before = found.get((row["scope"], mailbox))
        if before is not None:
            raise RegisterError(f"{where}: {mailbox} already gets the report of {row['scope']} by line {before.line}")
        found[row["scope"], mailbox] = Recipient(row["scope"], row["name"], mailbox, forms, row["when"], line)
    return tuple(found.values())


def without_cuts(recipients: Iterable[Recipient]) -> tuple[Recipient, ...]:
    """The recipients with whole reports alone; none of those who get nothing but the cut of a department."""
    whole = ((r, tuple(form for form in r.forms if not form.startswith(DUTIES))) for r in recipients)
    return tuple(replace(recipient, forms=forms) for recipient, forms in whole if forms)

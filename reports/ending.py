"""The end of a run: written down is whether it leaves anything to be done, and what the next one is to look at first.

Belongs here: what is asked of the open home for it. Does not: what the next run makes of it (nothing_new.py).
"""

from __future__ import annotations

from assets.instance.durable import write_durably
from assets.instance.inputs import inputs_of
from assets.instance.session import Session
from assets.instance.warehouse import model
from assets.ledger.opening import open_reader
from assets.ledger.queue import counted, is_queued
from assets.ledger.said import said_to
from assets.month.settle import as_indexed
from reports.nothing_new import Ended, Held, state_of
from reports.notices.due import read_standings
from reports.publishing.earlier import months_due


def book_end(session: Session, period: str, *, earlier: bool) -> None:
    """Write down what a run of the whole job leaves, at its end and while it has the home.

    Not where anything is left to the next run, nor where the run was a particular one: of a folder of mails, or with
    the register applied to closed months.
    """
    if (
        session.left
        or session.source
        or session.apply_register
        or not (session.has(inputs_of) and session.has(said_to))
    ):
        return
    work, home = session.once(as_indexed), session.home
    if earlier and months_due(work, period, home.published):
        return
    (ahead,) = work.warehouse.rows(model("settled/mails_ahead"), {"as_of": work.as_of})
    if ahead["without_time"]:  # the clock of each run is theirs
        return
    with open_reader(home.warehouse, session.settings.ledger_url) as ledger:
        if is_queued(ledger, period):
            return
        notices = counted(ledger)
    cutoff = work.deadline.cutoff(period)
    told = session.once(said_to)
    changes = [at for at in (ahead["next_at"], told.ahead, cutoff) if at is not None and at > work.as_of]
    own = {s.cutoff for s in read_standings(work.warehouse.rows, period).values() if s.cutoff}
    held = work.warehouse.rows(model("settled/held_mails"))
    work.warehouse.execute("checkpoint")  # from here on nothing is written, so that the file stays as it is
    ended = Ended(
        period=period,
        as_of=work.as_of.isoformat(),
        lang=session.lang,
        earlier=earlier,
        until=min(changes).isoformat() if changes else "",
        inputs=session.once(inputs_of),
        state=state_of(home, period),
        said=told.digest,
        notices=notices,
        cutoff=cutoff.isoformat(),
        own=tuple(sorted(moment.isoformat() for moment in own)),
        held=tuple(Held.of(row) for row in held),
        edits=bool(session.register.closed),
    )
    write_durably(home.ended, ended.written())

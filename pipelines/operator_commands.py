"""The commands of operators: doctor, upgrade, backup, restore, prune.

Belongs here: arguments, and what is printed. Does not: the work (doctor.py, upgrade.py, backup.py, prune.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assets.instance.home import Home
from pipelines.terminal import HomeOption, WrongUse, exit_codes, open_home, out, period_of

operators = typer.Typer(rich_markup_mode=None)


@operators.command(epilog="Example: sixth doctor --home home")
@exit_codes
def doctor(home: HomeOption = None) -> int:
    """What is wrong with this home and what to do about it; nothing is changed. Exit 1 where something is."""
    from pipelines.doctor import examine  # noqa: PLC0415 - looks at every part, and so imports all of them

    wrong = 0
    for told in examine(open_home(home, as_it_is=True)):
        wrong += bool(told.remedy)
        found = " ".join(told.found.split())  # errors of YAML and DuckDB have several lines
        line = f"WRONG {told.part}: {found}; to do: {told.remedy}" if told.remedy else f"ok {told.part}: {found}"
        out.print(line, markup=False)
    out.print(f"{wrong} wrong" if wrong else "nothing is wrong")
    return 1 if wrong else 0


@operators.command(epilog="Example: sixth upgrade --home home")
@exit_codes
def upgrade(
    ledger_saved: Annotated[
        bool, typer.Option("--ledger-saved", help="A ledger in PostgreSQL was saved with pg_dump.")
    ] = False,
    home: HomeOption = None,
) -> None:
    """Bring a home of an earlier release up to date, and Dagster's storage; what is changed is saved before."""
    from pipelines.upgrade import migrate_dagster  # noqa: PLC0415 - Dagster takes a second
    from pipelines.upgrade import upgrade as bring_up_to_date  # noqa: PLC0415

    place = open_home(home, as_it_is=True)
    saved = bring_up_to_date(place, ledger_saved=ledger_saved)
    if saved is None:
        place.prepare()
        migrate_dagster(place)
    told = f"is brought up to date; {saved} has what was changed, as it was before" if saved else "is up to date"
    out.print(f"{place.root} {told}", markup=False)


@operators.command(epilog="Example: sixth backup /backup/sixth-2026-11-07.tar")
@exit_codes
def backup(
    file: Annotated[Path, typer.Argument(help="The file to write, a new one.")],
    home: HomeOption = None,
) -> None:
    """Save all that cannot be made anew in one file, also while a run goes on. It holds personal data."""
    from pipelines.backup import back_up  # noqa: PLC0415 - the ledger's libraries, wanted here alone

    saved = back_up(open_home(home, as_it_is=True), file)
    out.print(f"{file}: {saved.files} files, {saved.size / 2**20:.1f} MiB", markup=False)
    for line in saved.left_out:
        out.print(f"not in it: {line}", markup=False)


@operators.command(epilog="Example: sixth restore /backup/sixth-2026-11-07.tar --home new")
@exit_codes
def restore(
    file: Annotated[str, typer.Argument(help="A file that `sixth backup` wrote, or a store, as s3://bucket/folder.")],
    home: Annotated[Path, typer.Option("--home", help="The folder to make, a new one.")],
) -> None:
    """Make a home from a backup or a store, every file compared with what was saved. The next run makes the rest."""
    from pipelines.backup import restore as take_out  # noqa: PLC0415 - the ledger's libraries, wanted here alone
    from pipelines.stored import restore_from_store  # noqa: PLC0415

    place = Home(home.resolve())
    files = restore_from_store(file, place) if "://" in file else take_out(Path(file), place)
    out.print(f"{place.root} is a home now, with {files} files of {file}", markup=False)
    out.print(f"Make the rest anew with: sixth run --home {place.root}", markup=False)


@operators.command(epilog="Example: sixth prune --before 2024-01 --yes")
@exit_codes
def prune(
    before: Annotated[str, typer.Option("--before", help="Of closed months before this one, as 2024-01.")],
    yes: Annotated[bool, typer.Option("--yes", help="Remove it; else it is only listed.")] = False,
    home: HomeOption = None,
) -> None:
    """List what can be made anew of closed months, and remove it with --yes; never mails, versions, the ledger."""
    place = open_home(home)
    try:
        month = period_of(before)
    except WrongUse:
        raise WrongUse(f"--before {before!r} is not a month; write it as 2024-01") from None
    from pipelines.prune import removable, remove  # noqa: PLC0415 - Dagster takes a second

    items = removable(place, month)
    if yes:
        remove(place, items)
    for item in items:
        named = item.path.relative_to(place.root) if item.path else item.run_id
        out.print(f"{item.period} {item.kind}: {named}", markup=False)
    size = sum(item.size for item in items) / 2**20
    told = f"{len(items)} things, {size:.1f} MiB"
    out.print(f"{told} removed" if yes else f"{told} can go; remove them with --yes", markup=False)

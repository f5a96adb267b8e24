"""The commands of operators: backup, restore.

Belongs here: arguments, and what is printed. Does not: the work (backup.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assets.instance.home import Home
from pipelines.terminal import HomeOption, exit_codes, open_home, out

operators = typer.Typer(rich_markup_mode=None)


@operators.command(epilog="Example: sixth backup /backup/sixth-2026-11-07.tar")
@exit_codes
def backup(
    file: Annotated[Path, typer.Argument(help="The file to write, a new one.")],
    home: HomeOption = None,
) -> None:
    """Save all that cannot be made anew in one file, also while a run goes on. It holds personal data."""
    from pipelines.backup import back_up  # noqa: PLC0415 - the ledger's libraries, wanted here alone

    saved = back_up(open_home(home), file)
    out.print(f"{file}: {saved.files} files, {saved.size / 2**20:.1f} MiB", markup=False)
    for line in saved.left_out:
        out.print(f"not in it: {line}", markup=False)


@operators.command(epilog="Example: sixth restore /backup/sixth-2026-11-07.tar --home new")
@exit_codes
def restore(
    file: Annotated[Path, typer.Argument(help="A file that `sixth backup` wrote.")],
    home: Annotated[Path, typer.Option("--home", help="The folder to make, a new one.")],
) -> None:
    """Make a home from a backup, every file compared with what was saved. The next run makes the rest anew."""
    from pipelines.backup import restore as take_out  # noqa: PLC0415 - the ledger's libraries, wanted here alone

    place = Home(home.resolve())
    files = take_out(file, place)
    out.print(f"{place.root} is a home now, with {files} files of {file}", markup=False)
    out.print(f"Make the rest anew with: sixth run --home {place.root}", markup=False)

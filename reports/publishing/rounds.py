"""A round of publishing: the versions of all scopes of a period, which take their places together or not at all.

outputs.md, published/. Belongs here: what makes a round survive a killed process and a power cut. Does not: what is
in a version (publish.py), which there are (versions.py).

Every version is made beside its place. When the last one is there, and on the disk, the round is written down; from
then on whoever comes next carries it out. So the reports of one period never speak of different moments: where a run
was killed before, nothing of it is published.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from assets.instance.durable import sync, sync_tree, write_durably
from reports.publishing.versions import INTERIM, point_to

ROUND = ".round.json"


def commit(root: Path, made: Mapping[str, tuple[str, Path]]) -> None:
    """Put every version into its place: of each scope its name and the folder in which it lies made.

    `root` is the folder of the period.
    """
    if not made:
        return
    for _, building in made.values():
        sync_tree(building)
        sync(building.parent)
    plan = {scope: [version, building.name] for scope, (version, building) in made.items()}
    write_durably(root / ROUND, json.dumps(plan, indent=1) + "\n")
    finish(root)


def finish(root: Path) -> None:
    """Carry out the round that was written down for a period, from wherever a killed run left it."""
    file = root / ROUND
    if not file.is_file():
        return
    for scope, (version, building) in json.loads(file.read_text(encoding="utf-8")).items():
        folder = root / scope
        made, place = folder / building, folder / version
        if made.is_dir():  # else it is in its place already
            old = folder / f".replaced-{building.lstrip('.')}"
            if place.is_dir():
                place.rename(old)
            made.rename(place)
            shutil.rmtree(old, ignore_errors=True)  # what is left of it, the next run takes away
        if version != INTERIM and (folder / INTERIM).is_dir():
            shutil.rmtree(folder / INTERIM)  # outputs.md: until the deadline report exists, which removes it
        point_to(folder, version)
        sync(folder)
    file.unlink()
    sync(root)

"""`sixth init`: a home made, empty or with the sample in it.

Belongs here: the first files of an instance. Does not: what a home is (assets/instance/home.py).
"""

from __future__ import annotations

import shutil
from pathlib import Path

from assets.instance.home import DAGSTER_YAML, Home

SAMPLE = Path(__file__).parent / "sample"


def make_home(home: Home, *, sample: bool) -> bool:
    """Make a home, with a register to start from or, with `sample`, the sample's register and mails.

    What is there already is left as it is; returns whether anything was made.
    """
    if home.register.exists():
        return False
    for folder in (home.inbox, home.archive, home.warehouse, home.published, home.outbox, home.dagster):
        folder.mkdir(parents=True, exist_ok=True)
    (home.dagster / "dagster.yaml").write_text(DAGSTER_YAML, encoding="utf-8")
    building = home.root / ".register"
    shutil.rmtree(building, ignore_errors=True)
    if sample:
        shutil.copytree(SAMPLE / "inbox", home.inbox, dirs_exist_ok=True)
        shutil.copytree(SAMPLE / "register", building)
    else:
        shutil.copytree(Path(__file__).parent / "blank_register", building)
    building.rename(home.register)
    return True

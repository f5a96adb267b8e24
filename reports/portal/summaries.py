"""What lists of published reports tell of each: a few figures of its summary.json, read once for each file.

Belongs here: reading them, and keeping them for as long as the file is the same. Does not: which are shown (reader.py,
office.py), the whole summary (reports/publishing/).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from reports.portal.reading import Stamp, stamp_of

KEPT = 20_000  # files, of some 300 bytes each


def told_of(folder: Path) -> Mapping[str, Any]:
    """Of a version: as_of (ISO 8601), units by state, assets counted, pass_rate, open problems."""
    file = folder / "summary.json"
    return _told(file, stamp_of(file))


@lru_cache(maxsize=KEPT)
def _told(file: Path, stamp: Stamp) -> Mapping[str, Any]:
    figures = json.loads(file.read_text(encoding="utf-8"))
    return {
        "as_of": figures["as_of"],
        "units": figures["units"],
        "assets": figures["exposed_assets"]["rows_counted"],
        "pass_rate": figures["self_check"]["pass_rate"],
        "open": figures["rectification"]["open"],
    }

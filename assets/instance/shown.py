"""What Dagster's pages show of a table of the warehouse: its columns, its rows, what made it.

Belongs here: metadata and versions for assets. Does not: the assets (assets.py of each stage).
"""

from __future__ import annotations

from typing import Any

import dagster as dg

from assets.instance.software import code_digest
from assets.instance.warehouse import Warehouse

VERSION_DIGITS = 16
DATA_VERSION = "dagster/data_version"


def code_version(*places: str) -> str:
    """The version of the code in some folders or files (software.code_digest): another one makes an asset stale."""
    return code_digest(*places)[:VERSION_DIGITS]


def table_metadata(warehouse: Warehouse, table: str, period: str | None = None) -> dict[str, Any]:
    """Rows, of the period where one is named, and columns of a table."""
    where = "where period = $period" if period else ""
    columns = warehouse.rows(f"describe {table}")
    return {
        "dagster/table_name": table,
        "dagster/row_count": int(warehouse.value(f"select count(*) from {table} {where}", {"period": period})),
        "dagster/column_schema": dg.TableSchema(
            [dg.TableColumn(c["column_name"], type=c["column_type"].lower()) for c in columns]
        ),
    }

"""The intake as Dagster assets: mails archived, mails parsed.

Belongs here: thin assets that call the plain functions of the intake and say how much they did. Does not: the work
itself; how they are run (pipelines/definitions.py).
"""

import dagster as dg

from assets.instance.progress import reporter
from assets.instance.resource import HomeResource
from assets.intake import staging
from assets.intake.collecting import collect
from assets.intake.parsing import parser_of
from expectations.catalogue import load_catalogue

NO_MAILS = "files that are no mails"
SHEETS = tuple(load_catalogue().sheets)


@dg.asset(group_name="mail", kinds={"email"})
def archived_mails(home: HomeResource) -> dg.MaterializeResult:
    """Every mail of the mailbox and the drop folder, byte for byte under its sha256; nothing is ever deleted."""
    collected = collect(home.session)
    total = home.session.warehouse.value("select count(*) from staging.receipts")
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": total,
            "new": sum(len(c.new) for c in collected),
            "waiting": sum(len(c.waiting) for c in collected),
            "skipped": dg.MetadataValue.json([s for c in collected for s in c.skipped]),
            NO_MAILS: dg.MetadataValue.json({key: what for c in collected for key, what in c.no_mails}),
        }
    )


@dg.asset(group_name="mail", kinds={"duckdb"}, deps=[archived_mails])
def parsed_mails(home: HomeResource) -> dg.MaterializeResult:
    """Mails taken apart in worker processes: forms recognised, rows with the cell each value came from, scans."""
    session = home.session
    new = staging.parse_new(
        session.warehouse,
        session.once(parser_of),
        session.home.archive,
        session.home.warehouse / "incoming",
        lambda done, of: reporter("parsing mails", done, of),
    )
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": session.warehouse.value("select count(*) from staging.forms"),
            "mails parsed": new,
            "rows by sheet": dg.MetadataValue.json(
                {s: session.warehouse.value(f"select count(*) from staging.{s}") for s in SHEETS}
            ),
        }
    )


ASSETS = (archived_mails, parsed_mails)

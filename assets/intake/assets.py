"""The intake as Dagster assets: mails archived, mails parsed.

Belongs here: thin assets that call the plain functions of the intake and say how much they did. Does not: the work
itself; how they are run (pipelines/definitions.py).
"""

from collections.abc import Iterator

import dagster as dg

from assets.instance.inputs import inputs_of
from assets.instance.progress import reporter
from assets.instance.resource import POOL, HomeResource
from assets.instance.session import Session
from assets.instance.settings import PARSED_BY
from assets.instance.shown import code_version, table_metadata
from assets.instance.warehouse import model
from assets.intake import staging
from assets.intake.collecting import collect
from assets.intake.parsing import parser_of
from assets.intake.shards import take_mails
from assets.ledger.said import said_to
from expectations.catalogue import load_catalogue
from expectations.secrets import hidden

NO_MAILS = "files that are no mails"
UNREACHABLE = "mailbox unreachable"
SHEETS = tuple(load_catalogue().sheets)
MAILS = dg.AssetKey("archived_mails")
PARSED = dg.AssetKey("parsed_mails")


def sheet_key(sheet: str) -> dg.AssetKey:
    """The key of the rows of a sheet as sent, staging.<sheet>."""
    return dg.AssetKey(["staging", sheet])


@dg.asset(
    pool=POOL,
    group_name="mail",
    kinds={"email"},
    code_version=code_version("assets/intake/mail"),
    check_specs=[
        dg.AssetCheckSpec(
            "mailbox_was_reached",
            asset="archived_mails",
            description="The mailbox, where one is set, was collected to its end; else mails may lie there unseen.",
        )
    ],
)
def archived_mails(home: HomeResource) -> dg.MaterializeResult:
    """Every mail of the mailbox and the drop folder, byte for byte under its sha256; nothing is ever deleted."""
    home.session.once(inputs_of)  # before anything of it is read
    home.session.once(said_to)
    collected = collect(home.session)
    unreachable = " ".join(hidden(c.unreachable) for c in collected if c.unreachable)
    told = {UNREACHABLE: unreachable} if unreachable else {}
    home.session.left += [key for c in collected for key in (*c.waiting, *c.skipped)] + (
        [unreachable] if unreachable else []
    )
    total = home.session.warehouse.value("select count(*) from staging.receipts")
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": total,
            "new": sum(len(c.new) for c in collected),
            "waiting": sum(len(c.waiting) for c in collected),
            "skipped": dg.MetadataValue.json([hidden(s) for c in collected for s in c.skipped]),
            NO_MAILS: dg.MetadataValue.json({hidden(key): what for c in collected for key, what in c.no_mails}),
            **told,
        },
        data_version=dg.DataVersion(_receipts(home.session)),
        check_results=[dg.AssetCheckResult(passed=not unreachable, metadata=told)],
    )


def parsed_after(*others: dg.AssetKey) -> dg.AssetsDefinition:
    """The asset of parsed mails, which waits for `others` beside the archived ones."""

    @dg.multi_asset(
        name="parsed_mails",
        pool=POOL,
        specs=[
            dg.AssetSpec(
                PARSED,
                description="Mails taken apart in worker processes: forms recognised, covers, scans, faults.",
                deps=[archived_mails, *others],
                group_name="mail",
                kinds={"duckdb"},
                code_version=code_version(*PARSED_BY),
            ),
            *(
                dg.AssetSpec(
                    sheet_key(sheet),
                    description=f"Rows of sheet {sheet} as sent, each value with the cell it came from.",
                    deps=[archived_mails, *others],
                    group_name="mail",
                    kinds={"duckdb"},
                    code_version=code_version(*PARSED_BY),
                )
                for sheet in SHEETS
            ),
        ],
    )
    def parsed_mails(home: HomeResource) -> Iterator[dg.MaterializeResult]:
        """Mails taken apart in worker processes: forms recognised, rows with the cell each value came from, scans."""
        session = home.session
        parser = session.once(parser_of)
        taken = take_mails(session.warehouse, parser, session.home) if session.settings.shards.most_units else 0
        new = staging.parse_new(
            session.warehouse,
            parser,
            session.home.archive,
            session.home.warehouse / "incoming",
            lambda done, of: reporter("parsing mails", done, of),
        )
        version = dg.DataVersion(f"{parser.fingerprint}-{_receipts(session)}")
        yield dg.MaterializeResult(
            asset_key=PARSED,
            metadata={**table_metadata(session.warehouse, "staging.forms"), "mails parsed": taken + new},
            data_version=version,
        )
        for sheet in SHEETS:
            yield dg.MaterializeResult(
                asset_key=sheet_key(sheet),
                metadata=table_metadata(session.warehouse, f"staging.{sheet}"),
                data_version=version,
            )

    return parsed_mails


parsed_mails = parsed_after()


def _receipts(session: Session) -> str:
    return str(session.warehouse.value(model("staging/digest_of_receipts")))


ASSETS = (archived_mails, parsed_mails)

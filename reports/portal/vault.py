"""The vault: of every month the rows with names and phone numbers as they were entered, for who was granted them.

Belongs here: writing it (a file a month, by the setting `vault`, readable by the owner alone) and packing what was
granted. Does not: who is granted what (vault_pages.py, assets/ledger/unmasking.py). What GEN-07 finds in other texts
stays hidden here too. Cut to scopes by SQLite as the snapshots are (reading.py).
"""

from __future__ import annotations

import hashlib
import io
import shutil
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from assets.instance.software import code_digest
from assets.ledger.unmasking import Asked
from assets.month.work import Work
from reports.portal.reading import opened
from reports.portal.shape import unmasked_tables
from reports.portal.snapshot import digest_of, nodes_of, write_whole
from reports.publishing.tables import as_csv, read_unmasked


def write_vaults(work: Work, folder: Path, *, wanted: bool) -> list[str]:
    """Write the file of every settled month whose content is not that of its file; the months written. Where none are
    `wanted`, what is there goes.
    """
    if not wanted:
        shutil.rmtree(folder, ignore_errors=True)
        return []
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    code = code_digest(
        "reports/portal/vault.py",
        "reports/portal/snapshot.py",
        "reports/portal/shape.py",
        "reports/publishing/tables.py",
        "sql/published",
    )
    written = []
    for row in work.warehouse.rows("select period, fingerprint from core.settled order by period"):
        period, target = row["period"], folder / f"{row['period']}.sqlite"
        digest = hashlib.sha256(repr((row["fingerprint"], code, work.catalogue.digest)).encode()).hexdigest()
        if digest_of(target) != digest:
            write_whole(target, _tables(work, period, digest))
            written.append(period)
    for left in folder.glob("*.sqlite.*"):
        left.unlink(missing_ok=True)
    return written


def _tables(work: Work, period: str, digest: str) -> Iterator[tuple[str, pl.DataFrame]]:
    nodes = nodes_of(work.register.tree(period))
    yield "about", pl.DataFrame([("digest", digest), ("period", period)], schema=["name", "value"], orient="row")
    yield "nodes", nodes
    places = nodes.select("unit_code", "place")
    units = nodes.filter(pl.col("level") == "unit")["unit_code"].to_list()
    for name in unmasked_tables(work.catalogue):
        frame = read_unmasked(work.warehouse, work.catalogue, {**work.parameters(period), "units": units}, name)
        plain = frame.with_columns(
            pl.col(n).dt.to_string("iso") for n, kind in frame.schema.items() if kind.is_temporal()
        )
        yield name, plain.join(places, on="unit_code", how="inner", maintain_order="left")


def packed(folder: Path, asked: Asked, scopes: Sequence[str], about: str) -> bytes:
    """The tables that were granted, within the scope that was asked for, in a ZIP with `about`, which says for whom.

    `scopes`: those of the person now. Raises FileNotFoundError where the month has no file, LookupError where the
    scope is no longer theirs.
    """
    with opened(folder, asked.period, scopes, cut=("nodes",)) as mine:
        if mine.db.execute("select 1 from nodes where unit_code = ?", [asked.scope]).fetchone() is None:
            raise LookupError(asked.scope)
    buffer = io.BytesIO()
    with (
        opened(folder, asked.period, [asked.scope], cut=("nodes", *asked.tables)) as vault,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        archive.writestr("README.txt", about)
        for name in asked.tables:
            rows = vault.db.execute(f'select * from "{name}"')
            columns = [column[0] for column in rows.description]
            frame = pl.DataFrame([tuple(r) for r in rows], schema=columns, orient="row", infer_schema_length=None)
            archive.writestr(f"{name}.csv", as_csv(frame.drop("place")))
    return buffer.getvalue()

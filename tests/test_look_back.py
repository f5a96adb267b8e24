"""What earlier mails make of a later one, over a warehouse of made mails: which scans are looked at again."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from assets.instance.warehouse import model, open_warehouse
from assets.month.look_back import Carried, repeats


def seen_again(folder: Path, *scans: tuple[str, str, list[str]]) -> set[str]:
    """The mails of the scans (mail, digest, pages) that are looked at."""
    with open_warehouse(folder) as warehouse:
        rows = [(mail, 1, "sealed", digest, pages) for mail, digest, pages in scans]
        columns = {"mail": pl.String, "number": pl.Int64, "state": pl.String, "digest": pl.String}
        schema = {**columns, "prints": pl.List(pl.String)}
        warehouse.put("staging.scans", pl.DataFrame(rows, schema=schema, orient="row"))
        warehouse.put("core.mail_periods", pl.DataFrame({"mail": [m for m, _, _ in scans if m != "later"]}))
        return {row["mail"] for row in warehouse.rows(model("settled/scans_seen_again"))}


def test_scans_with_the_same_bytes_or_pages_are_looked_at(tmp_path: Path) -> None:
    assert seen_again(
        tmp_path,
        ("a", "1", ["p"]), ("b", "1", ["p"]),  # the same file
        ("c", "2", ["q", "r"]), ("d", "3", ["q"]),  # one page of another
        ("e", "4", ["s"]),  # its own
        ("f", "5", []), ("g", "5", []),  # nothing in it can be read, but it is the same file
    ) == {"a", "b", "c", "d", "f", "g"}  # fmt: skip


def test_a_page_that_all_share_makes_none_suspect(tmp_path: Path) -> None:
    """As a sheet of instructions, printed into every unit's PDF."""
    assert seen_again(tmp_path, *((str(n), str(n), ["shared", f"own {n}"]) for n in range(5))) == set()


def test_a_mail_that_is_not_there_yet_is_not_looked_at(tmp_path: Path) -> None:
    assert seen_again(tmp_path, ("a", "1", ["p"]), ("later", "1", ["p"])) == set()


@pytest.mark.parametrize(
    ("sent", "back", "is_one"),
    [
        (Carried(True, "月报"), Carried(True, "收到"), True),
        (Carried(None, "月报"), Carried(True, "收到"), True),  # it was assigned by a steward
        # Returned for its sender (CVR-02), and sent by the unit itself, as its answer asks.
        (Carried(False, "月报"), Carried(True, "月报"), False),
        (Carried(False, "月报"), Carried(False, "收到"), True),
        # Taken for a slip (CVR-09), and sent with 更正 in the subject, as its answer asks.
        (Carried(True, "月报", is_late=True), Carried(True, "更正：月报"), False),
        (Carried(True, "更正：月报", is_late=True), Carried(True, "Re: 更正：月报"), True),
        (Carried(True, "月报"), Carried(True, "Re: 更正"), True),  # it came in time, and was no slip
    ],
)
def test_a_marked_copy_as_it_was_is_a_return_where_its_mail_mends_what_returned_it(
    sent: Carried, back: Carried, is_one: bool
) -> None:
    """It was told to be unaltered, and the unit stayed without a return however often it did as it was asked."""
    assert repeats(back, sent) == is_one

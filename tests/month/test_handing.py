"""Shards handed over by a store to workers that see nothing of the head's folder: the month is the same."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from assets.instance.home import Home
from assets.instance.session import open_session
from assets.instance.store import NotThere, Store, StoreError
from assets.intake import staging
from assets.intake.collecting import collect
from assets.intake.parsing import parser_of
from assets.intake.shards import Given, is_done, shard_file, take_mails
from assets.month.freshness import decide
from assets.month.handing import FILES, hand_out, handed, take_home
from assets.month.settle import indexed_work, settle_month
from assets.month.shards import Worked, give_shards, take_months, wait_for, work_on
from tests.month.test_shards import (  # noqa: F401 - inbox is a fixture
    FIRST,
    PERIOD,
    SECOND,
    differing,
    home_of,
    inbox,
    night,
    tables_of,
)

pytestmark = pytest.mark.slow  # months in shards


def with_store(root: Path, url: str) -> Home:
    wanted = "shards: {most_units: 10, workers: 2, by_store: true}"
    (root / "register" / "settings.yaml").write_text(f"settle_seconds: 0\nstore: {url}\n{wanted}\n", encoding="utf-8")
    return Home(root)


def given_of(home: Home, as_of: str) -> list[Given]:
    with open_session(home, datetime.fromisoformat(as_of)) as session:
        collect(session)
        return give_shards(session, PERIOD)


def work_apart(worker: Home, url: str, name: str) -> Worked | None:
    """As a worker does that knows the store alone."""
    take_home(worker, url)
    with handed(worker, name) as own:
        return work_on(own, name)


@pytest.mark.outside
def test_a_month_worked_on_by_workers_with_the_store_alone_is_the_month(inbox: Path, tmp_path: Path) -> None:  # noqa: F811
    url = f"file://{tmp_path / 'store'}"
    expected, _, _ = night(home_of(tmp_path / "whole", inbox), FIRST, sharded=False)
    home = with_store(home_of(tmp_path / "head", inbox), url)
    given = given_of(home, FIRST)
    is_back = hand_out(home, url, given)
    assert not any(map(is_back, given))
    one, other = Home(tmp_path / "one"), Home(tmp_path / "other")
    for worker, shard in zip((one, other, one), given, strict=True):
        assert work_apart(worker, url, shard.name) == Worked(shard.mails, (PERIOD,))
        assert not [*worker.root.rglob("*.eml")], "a worker keeps no mail"
    assert not any(is_done(home, shard) for shard in given)
    assert wait_for(given, is_back, lambda _: False, 0) == {}
    with open_session(home, datetime.fromisoformat(FIRST)) as session:
        parser = session.once(parser_of)
        assert take_mails(session.warehouse, parser, home) == 5
        assert staging.parse_new(session.warehouse, parser, home.archive, home.warehouse / "incoming") == 0
        work = session.once(indexed_work)
        months = decide(work, PERIOD)
        assert set(take_months(work, home, months)) == {shard.name for shard in given}
        for month in months:
            settle_month(work, month)
        assert differing(expected, tables_of(work)) == []
    # The next night what had been made on one machine is gone on with on the other: parsed is what is new alone.
    home_of(home.root, inbox, 2)
    given = given_of(home, SECOND)
    is_back = hand_out(home, url, given)
    assert not any(map(is_back, given))
    parsed = {}
    for worker, shard in zip((other, one, other), given, strict=True):
        worked = work_apart(worker, url, shard.name)
        parsed[shard.name] = worked.parsed if worked else None
    assert sum(filter(None, parsed.values())) < sum(shard.mails for shard in given)
    assert all(map(is_back, given))


def test_what_a_shard_is_given_is_all_or_nothing_and_so_is_what_comes_back(inbox: Path, tmp_path: Path) -> None:  # noqa: F811
    url = f"file://{tmp_path / 'store'}"
    home = with_store(home_of(tmp_path / "head", inbox), url)
    (home.register / "notes.txt").write_text("ours\n", encoding="utf-8")
    (home.published / PERIOD / "C" / "v1").mkdir(parents=True)
    given = given_of(home, FIRST)
    store, worker = Store(url), Home(tmp_path / "worker")
    with pytest.raises(NotThere):
        take_home(worker, url)
    is_back = hand_out(home, url, given)
    take_home(worker, url)
    assert (worker.register / "notes.txt").read_text(encoding="utf-8") == "ours\n"
    assert (worker.published / PERIOD / "C" / "v1").is_dir()
    (home.register / "notes.txt").unlink()
    hand_out(home, url, given)
    take_home(worker, url)
    assert not (worker.register / "notes.txt").exists(), "what the head has no more, a worker has not either"
    # A worker that fails gives nothing back.
    with pytest.raises(FileNotFoundError), handed(worker, "P") as own:
        shard_file(own, "P").unlink()
    assert not is_back(given[0])
    # One that comes to an end gives back what then stands under the digest of this night.
    with handed(worker, "P") as own:
        assert {path.name for path in own.archive.glob("??/*")} == {path.name for path in own.archive.glob("??/*.eml")}
        shard_file(own, "P").write_bytes(b"whole")
    pointer = store.text("shards/P/done.json")
    made = json.loads(pointer)["file"]
    store.put({f"shards/P/made/{made}": b"who"})  # cut short, or by another
    assert not is_back(given[0])
    store.put({f"shards/P/made/{made}": b"whole"})
    store.point("shards/P/done.json", json.dumps({**json.loads(pointer), "digest": "last night"}))
    assert not is_back(given[0])
    store.point("shards/P/done.json", pointer)
    assert is_back(given[0])
    assert shard_file(home, "P").read_bytes() == b"whole"
    # A packet whose files are gone is none, and a file of one lies nowhere but in the home.
    evil = json.loads(store.text("shards/Q/given.json"))
    store.point("shards/Q/given.json", json.dumps({**evil, "files": {"../outside": "0"}}))
    with pytest.raises(StoreError, match="outside of the home"), handed(worker, "Q"):
        pass
    store.point("shards/Q/given.json", json.dumps(evil))
    store.remove(store.names(FILES))
    with pytest.raises(NotThere), handed(Home(tmp_path / "worker"), "Q"):
        pass
    # Where nothing is given any more nothing of it is left.
    hand_out(home, url, [])
    assert [name for name in store.names("shards") if name.startswith(("shards/P", "shards/Q"))] == []

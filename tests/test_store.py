"""Object storage: whole or not at all, no credentials in what is said, and a home's copy that a kill leaves as it was."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import pytest
import yaml

from assets.instance.home import Home
from assets.instance.settings import SettingsError, load_settings
from assets.instance.store import OWNER, NotThere, Store, StoreError, failure_of, record_of, store_lines
from assets.intake.mail import archive
from pipelines.backup import BackupError
from pipelines.stored import CONTENTS, OBJECTS, copy_after_run, copy_home, place_of, restore_from_store

KINDS = ("file", "memory")


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"file://{tmp_path / 'store'}" if request.param == "file" else f"memory://{uuid4().hex}"


def files(home: Home) -> dict[str, bytes]:
    """What a copy has of a home."""
    kept = (home.register, home.published, home.archive)
    return {p.relative_to(home.root).as_posix(): p.read_bytes() for f in kept for p in f.rglob("*") if p.is_file()}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with a mail and a published version, as a run leaves them."""
    made = Home(tmp_path / "home")
    for folder in (made.register, made.archive, made.warehouse, made.published, made.dagster):
        folder.mkdir(parents=True)
    (made.register / "units.csv").write_text("unit_code\nD-001\n", encoding="utf-8")
    archive.store(b"Subject: 1\r\n\r\n1\r\n", made.archive)
    publish(made, "v1", "one")
    made.mark()
    return made


def publish(home: Home, version: str, says: str) -> None:
    folder = home.published / "2026-09" / "D" / version
    (folder / "data").mkdir(parents=True)
    (folder / "report.html").write_text(says, encoding="utf-8")
    (folder / "data" / "units.csv").write_text(f"unit,{says}\n", encoding="utf-8")
    (folder.parent / "latest.json").write_text(json.dumps({"version": version}), encoding="utf-8")


# ------------------------------------------------------------------------------------------------------------ a store
def test_what_is_put_is_got_and_what_is_otherwise_is_refused(url: str, tmp_path: Path) -> None:
    store, raw = Store(url), b"x" * 5000
    digest = sha256(raw).hexdigest()
    (tmp_path / "file").write_bytes(raw)
    store.put({"a/b": raw, "a/c": b"c"})
    store.put_file("a/f", tmp_path / "file")
    store.point("p.json", "{}")
    assert store.names("a") == ["a/b", "a/c", "a/f"]
    assert store.text("p.json") == "{}"
    assert store.get({"a/b": digest, "a/f": digest}) == {"a/b": raw, "a/f": raw}
    assert store.get({"a/b": digest}) == {"a/b": raw}
    store.get_file("a/f", digest, tmp_path / "new" / "file")
    assert (tmp_path / "new" / "file").read_bytes() == raw
    store.put({"a/b": raw[:4000]})
    with pytest.raises(NotThere, match="a/b is not what was put there"):
        store.get({"a/b": digest})
    with pytest.raises(NotThere):
        store.get_file("a/b", digest, tmp_path / "half")
    assert [p.name for p in tmp_path.glob("*half*")] == []
    store.remove(["a/b", "a/c"])
    assert store.names("a") == ["a/f"]
    with pytest.raises(NotThere):
        store.text("a/b")


@pytest.mark.parametrize(
    "wrong", ["s3://AKIAX:topsecret@bucket/x", "s3://", "bucket", "ftp://host/x", "s3://bucket/x?secret=topsecret"]
)
def test_a_url_that_names_no_store_or_has_credentials_is_refused_and_not_repeated(tmp_path: Path, wrong: str) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(yaml.safe_dump({"store": wrong}), encoding="utf-8")
    with pytest.raises(SettingsError, match="store: must") as told:
        load_settings(file)
    assert "topsecret" not in str(told.value)


def test_errors_tell_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "topsecret")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAX")
    store = Store("memory://errors")

    def fail(_: object) -> None:
        raise RuntimeError("signature of AKIAX with topsecret\nis wrong, password: another")

    monkeypatch.setattr(store._fs, "cat_file", fail)
    with pytest.raises(StoreError) as told:
        store.text("x")
    assert str(told.value) == "memory://errors: signature of **** with **** is wrong, password: ****"
    assert told.value.__cause__ is None
    assert told.value.__suppress_context__


def test_no_request_is_logged_with_what_it_is_signed_by(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAX")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "topsecret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "toptoken")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setattr("assets.instance.store.TRIES", 0)
    monkeypatch.setattr("s3fs.core.S3FileSystem.retries", 1)
    with caplog.at_level(logging.DEBUG), pytest.raises(StoreError) as told:
        Store("s3://bucket/of-nobody").text("x")
    assert "Could not connect" in str(told.value)
    assert not [word for word in ("AKIAX", "topsecret", "toptoken") if word in caplog.text + str(told.value)]


# ------------------------------------------------------------------------------------------------------- a home's copy
def test_a_home_made_of_its_copy_is_what_the_home_was(url: str, home: Home, tmp_path: Path) -> None:
    first = copy_home(home, url, own_ledger=True)
    assert first.put == first.files == len(files(home)) + 1  # and its mark
    assert copy_home(home, url, own_ledger=True).put == 0
    store = Store(url)
    assert "published/2026-09/D/v1/data/units.csv" in store.names("")
    assert not any(name.endswith("latest.json") for name in store.names(""))
    publish(home, "v2", "two")
    (home.register / "units.csv").write_text("unit_code\nD-001\nD-002\n", encoding="utf-8")
    assert copy_home(home, url, own_ledger=True).put == 4
    made = Home(tmp_path / "made")
    assert restore_from_store(url, made) == first.files + 2
    assert files(made) == files(home)
    mail = next(made.archive.glob("??/*"))
    assert mail.stat().st_mtime_ns == next(home.archive.glob("??/*")).stat().st_mtime_ns
    lists = json.loads(store.text(CONTENTS))["lists"]
    mutable = {place_of(n, sha256(raw).hexdigest()) for n, raw in files(home).items()}
    named = {n for n in mutable if n.startswith(OBJECTS)} | {f"{OBJECTS}/{d[:2]}/{d}" for d in lists.values()}
    mark = sha256((home.root / "home.json").read_bytes()).hexdigest()
    assert {*store.names(OBJECTS)} == named | {f"{OBJECTS}/{mark[:2]}/{mark}"}


@pytest.mark.parametrize("at", range(1, 6))
def test_a_copy_cut_short_leaves_the_one_before_and_is_gone_on_with(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """Cut at its `at`th call that changes the store: things, lists, pointer, taking away."""
    url = f"file://{tmp_path / 'store'}"
    copy_home(home, url, own_ledger=True)
    before = files(home)
    publish(home, "v2", "two")
    monkeypatch.setattr("pipelines.stored.MOST_FILES", 2)
    calls = 0

    def killed(name: str) -> None:
        method = getattr(Store, name)

        def cut(self: Store, *arguments: Mapping[str, bytes]) -> None:
            nonlocal calls
            calls += 1
            if calls == at:
                raise KeyboardInterrupt
            method(self, *arguments)

        monkeypatch.setattr(Store, name, cut)

    for name in ("put", "point", "remove"):
        killed(name)
    with pytest.raises(KeyboardInterrupt):
        copy_home(home, url, own_ledger=True)
    after = Home(tmp_path / "after")
    restore_from_store(url, after)
    pointed = at == 5  # only the taking away was left
    assert files(after) == (files(home) if pointed else before)
    again = copy_home(home, url, own_ledger=True)
    assert again.put == max(0, 3 - 2 * (at - 1))  # of three files, two at a time, what was not put yet
    made = Home(tmp_path / "made")
    restore_from_store(url, made)
    assert files(made) == files(home)


def test_a_file_that_was_away_for_a_night_is_in_the_copy_again(url: str, home: Home, tmp_path: Path) -> None:
    file, aside = home.register / "units.csv", tmp_path / "aside"
    copy_home(home, url, own_ledger=True)
    file.rename(aside)
    copy_home(home, url, own_ledger=True)
    aside.rename(file)
    copy_home(home, url, own_ledger=True)
    made = Home(tmp_path / "made")
    restore_from_store(url, made)
    assert files(made) == files(home)


def test_the_store_of_another_home_is_left_alone(url: str, home: Home, tmp_path: Path) -> None:
    copy_home(home, url, own_ledger=True)
    before = {name: Store(url).text(name) for name in (OWNER, CONTENTS)}
    made = Home(tmp_path / "made")
    restore_from_store(url, made)
    assert copy_after_run(made, url, own_ledger=True) is None
    (line,) = store_lines(made.warehouse, url)
    assert "is the store of another home" in line
    assert before == {name: Store(url).text(name) for name in before}
    assert store_lines(made.warehouse, "") == []
    Store(url).remove([OWNER])
    assert copy_after_run(made, url, own_ledger=True) is not None


def test_a_store_that_was_emptied_is_filled_again(url: str, home: Home, tmp_path: Path) -> None:
    first = copy_home(home, url, own_ledger=True)
    store = Store(url)
    store.remove(store.names(""))
    with pytest.raises(BackupError, match="holds no copy of a home"):
        restore_from_store(url, Home(tmp_path / "none"))
    assert copy_home(home, url, own_ledger=True).put == first.files
    assert restore_from_store(url, Home(tmp_path / "made")) == first.files


def test_a_copy_that_is_damaged_makes_no_home(url: str, home: Home, tmp_path: Path) -> None:
    copy_home(home, url, own_ledger=True)
    Store(url).put({"published/2026-09/D/v1/report.html": b"o"})
    made = Home(tmp_path / "made")
    with pytest.raises(BackupError, match=r"report\.html is not what was put there"):
        restore_from_store(url, made)
    assert not made.root.exists()


def test_a_run_whose_copy_failed_is_no_run_with_nothing_to_be_done(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"file://{tmp_path / 'store'}"
    home.ended.write_text("{}\n", encoding="utf-8")
    (tmp_path / "store").write_text("no folder", encoding="utf-8")
    assert copy_after_run(home, url, own_ledger=True) is None
    assert not home.ended.exists()
    failed, since = failure_of(home.warehouse)
    assert "store" in failed
    (line,) = store_lines(home.warehouse, url)
    assert line.startswith("store    is behind: ")
    assert copy_after_run(home, url, own_ledger=True) is None
    assert failure_of(home.warehouse)[1] == since
    (tmp_path / "store").unlink()
    home.ended.write_text("{}\n", encoding="utf-8")
    assert copy_after_run(home, url, own_ledger=True) is not None
    assert home.ended.read_text(encoding="utf-8") == "{}\n"
    assert failure_of(home.warehouse) == ("", "")
    with record_of(home.warehouse) as record:
        assert record.said("copied_at")

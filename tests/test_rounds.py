"""A round of publishing is carried out whole, wherever it was cut off (reports/publishing/rounds.py)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from assets.instance import durable
from reports.publishing import rounds
from reports.publishing.rounds import ROUND, commit, finish
from reports.publishing.versions import tidy

SCOPES = ("A", "B", "C")


class Cut(Exception):
    """The power is gone."""


def made(root: Path, version: str, text: str) -> dict[str, tuple[str, Path]]:
    """Versions of three scopes, beside their places."""
    folders = {}
    for scope in SCOPES:
        building = root / scope / ".building-1"
        (building / "data").mkdir(parents=True)
        (building / "data/units.csv").write_text(f"{scope} {text}", encoding="utf-8")
        folders[scope] = (version, building)
    return folders


def standing(root: Path) -> dict[str, str]:
    """Every file of a period but what says which version to pull."""
    files = (p for p in sorted(root.rglob("*")) if p.is_file() and p.name != "latest.json")
    return {p.relative_to(root).as_posix(): p.read_text(encoding="utf-8") for p in files}


@pytest.mark.parametrize("version", ["interim", "v1"])
def test_a_round_that_was_cut_off_anywhere_is_carried_out_or_never_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    """Cut at the first rename, the second, and so on; what comes next ends with all of the new or all of the old."""
    ends = set()
    for cut in range(1, 12):
        root = tmp_path / str(cut)
        commit(root, made(root, "interim", "old"))
        folders = made(root, version, "new")
        left = cut

        def rename(self: Path, target: Path, plainly=Path.rename, replaced=Path.replace) -> Path:  # type: ignore[no-untyped-def]
            nonlocal left
            left -= 1
            if not left:
                raise Cut
            return replaced(self, target) if self.is_file() else plainly(self, target)

        with monkeypatch.context() as patched:
            patched.setattr(Path, "rename", rename)
            patched.setattr(Path, "replace", rename)
            try:
                commit(root, folders)
            except Cut:
                was_written_down = (root / ROUND).exists()
            else:
                was_written_down = True
        for _ in range(2):  # once more changes nothing
            finish(root)
            tidy(root)
            for left_over in root.glob(".*"):
                left_over.unlink()
            place, text = (version, "new") if was_written_down else ("interim", "old")
            assert standing(root) == {f"{s}/{place}/data/units.csv": f"{s} {text}" for s in SCOPES}
            pulled = {json.loads((root / s / "latest.json").read_text(encoding="utf-8"))["version"] for s in SCOPES}
            assert pulled == {place}
        ends.add(was_written_down)
    assert ends == {False, True}


def test_all_is_on_the_disk_before_the_round_is_written_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    for module in (rounds, durable):
        monkeypatch.setattr(module, "sync", synced.append)
    folders = made(tmp_path, "v1", "new")
    commit(tmp_path, folders)
    written_down = next(i for i, p in enumerate(synced) if p.name.startswith(ROUND))
    for scope in SCOPES:
        building = tmp_path / scope / ".building-1"
        assert {building, building / "data", building / "data/units.csv"} <= set(synced[:written_down])
    assert {tmp_path / scope for scope in SCOPES} <= set(synced[written_down:])

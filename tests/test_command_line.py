"""What every command of `sixth` has (commands.md): --home, and an example of its use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from assets.instance.home import Home
from pipelines.cli import app
from pipelines.drawn import NotAsPublished, drawn_document
from pipelines.new_home import make_home


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every command that does something, by its words."""
    if below := getattr(command, "commands", {}):
        for name, each in below.items():
            yield from commands(each, (*path, name))
    else:
        yield " ".join(path), command


def test_every_command_takes_a_home_and_shows_an_example() -> None:
    found = dict(commands(typer.main.get_command(app)))
    options = {words: {name for parameter in c.params for name in parameter.opts} for words, c in found.items()}
    assert [words for words, c in found.items() if not (c.epilog or "").startswith("Example: sixth ")] == []
    assert [words for words, names in options.items() if "--home" not in names] == []


def test_a_version_is_named_by_its_place_in_the_published_folder_of_a_home(tmp_path: Path) -> None:
    version = tmp_path / "published" / "2026-10" / "EX" / "v1"
    version.mkdir(parents=True)
    (version / "manifest.json").write_text('{"files": []}', encoding="utf-8")
    done = CliRunner().invoke(app, ["verify", "2026-10/EX/v1", "--home", str(tmp_path)])
    assert (done.exit_code, "every file is as it was published" in done.stdout) == (0, True)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("pull", "--period", "2026-10", "--scope", "EX-15-01-001"), "is no node above units in 2026-10"),
        (("pull", "--period", "2026-10", "--scope", "EX-15"), "`sixth run --period 2026-10` makes one"),
        (("decisions", "--kind", "waiver"), "is none of waive, "),
        (("decisions", "--unit", "NOPE"), "no unit of that code is on the register in any month"),
        (("mails", "--unit", "NOPE"), "no unit of that code is on the register in any month"),
    ],
)
def test_what_there_is_not_is_refused_and_not_answered_by_nothing(
    tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    make_home(Home(tmp_path / "home"), sample=True)
    done = CliRunner().invoke(app, [*words, "--home", str(tmp_path / "home")])
    assert (done.exit_code, told in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize(
    ("version", "told"), [("v2", "v2 is a supplement: .* in 中文"), ("v1", "v1 was followed by v2")]
)
def test_what_was_told_when_it_was_published_is_not_drawn_anew(tmp_path: Path, version: str, told: str) -> None:
    for number, kind in (("v1", "deadline"), ("v2", "supplement")):
        folder = tmp_path / "published" / "2026-10" / "EX" / number
        folder.mkdir(parents=True)
        summary = f'{{"kind": "{kind}", "as_of": "2026-11-06T00:30:00+08:00"}}'
        (folder / "summary.json").write_text(summary, encoding="utf-8")
        (folder / "report.html").write_text('<!doctype html><html lang="zh-CN">', encoding="utf-8")
    with pytest.raises(NotAsPublished, match=told):
        drawn_document(Home(tmp_path), "2026-10", "EX", version, "pdf", "en")

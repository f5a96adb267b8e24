"""What every command of `sixth` has (commands.md): --home, and an example of its use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from typer.testing import CliRunner

from pipelines.cli import app


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

"""A language is one file: a further one, made here of the English texts, writes reports, answers, letters and forms."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from expectations.language import FOLDER, ROOT, LanguageError, codes, language, read_texts

pytestmark = pytest.mark.slow

FILES = sorted(
    path.relative_to(ROOT).as_posix()
    for room in ("expectations", "reports")
    for path in (ROOT / room).rglob("*.yaml")
    if path.parent != FOLDER and re.search(r"\ben:", path.read_text(encoding="utf-8"))
)
ROOMS = ("assets", "expectations", "pipelines", "reports", "sql")
CHOSEN = re.compile(r"""\blang\w* *(==|!=) *["']|["'](zh|en)["'] *(==|!=|if)\b""")


def keyed(content: Any, keys: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """The English texts of a file, by the keys that lead to them."""
    if isinstance(content, dict) and "en" in content and content.keys() <= {"zh", "en"}:
        yield ".".join(keys), content["en"]
    else:
        pairs = (
            content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
        )
        for key, value in pairs:
            yield from keyed(value, (*keys, str(key)))


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the house with one file more: languages/xx.yaml, in which every text is the English one."""
    root = tmp_path_factory.mktemp("spoken")
    for room in ROOMS:
        shutil.copytree(ROOT / room, root / room, ignore=shutil.ignore_patterns("__pycache__"))
    english = yaml.safe_load((FOLDER / "en.yaml").read_text(encoding="utf-8"))
    texts = {file: dict(keyed(read_texts(ROOT / file))) for file in FILES}
    further = {
        **english,
        "name": "Further",
        "tag": "en-IE",
        "locale": "en_IE",
        "between_sentences": "  ",
        "texts": texts,
    }
    target = root / "expectations" / "languages" / "xx.yaml"
    target.write_text(yaml.safe_dump(further, allow_unicode=True), encoding="utf-8")
    return root


def sixth(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", *arguments],
        cwd=root,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(root), "HOME": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_no_code_asks_which_language_it_is() -> None:
    asked = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for room in ROOMS
        for path in sorted((ROOT / room).rglob("*.py"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if CHOSEN.search(line)
    ]
    assert asked == []


def test_one_file_is_a_language(spoken: Path) -> None:
    sixth(spoken, "init", "--sample", "--home", "home")
    told = sixth(
        spoken, "run", "--home", "home", "--period", "2026-09", "--as-of", "2026-10-06T00:30:00+08:00", "--lang", "xx"
    )
    assert "2026-09 deadline report (v1)" in told
    page = (spoken / "home" / "published" / "2026-09" / "EX" / "v1" / "report.html").read_text(encoding="utf-8")
    assert '<html lang="en-IE">' in page
    assert "on time" in page
    answers = list((spoken / "home" / "published" / "2026-09" / "feedback").glob("*/feedback.html"))
    assert answers
    assert all('lang="en-IE"' in answer.read_text(encoding="utf-8") for answer in answers)
    forms = sixth(spoken, "template", "--home", "home", "--unit", "EX-15-01-001", "--period", "2026-10", "--lang", "xx")
    assert forms.count(".xlsx") == 3


def test_a_text_that_a_language_lacks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(FOLDER, tmp_path / "languages")
    english = (FOLDER / "en.yaml").read_text(encoding="utf-8")
    (tmp_path / "languages" / "xx.yaml").write_text(english, encoding="utf-8")
    monkeypatch.setattr("expectations.language.FOLDER", tmp_path / "languages")
    for known in (codes, language):
        known.cache_clear()
    try:
        with pytest.raises(LanguageError, match=r"languages/xx\.yaml: reports/text/labels\.yaml: no text for"):
            read_texts(ROOT / "reports" / "text" / "labels.yaml")
    finally:
        for known in (codes, language):
            known.cache_clear()

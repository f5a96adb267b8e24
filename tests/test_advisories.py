"""What `make audit` says of the locked versions: a source that does not know a package is no source that calls it good."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CLEAN = {"dependencies": [{"name": "starlette", "version": "1.10.0", "vulns": []}]}
FOUND = {
    "dependencies": [
        {"name": "jinja2", "version": "3.1.6", "vulns": [{"id": "CVE-2030-1", "fix_versions": ["3.1.7"]}]},
        {"name": "mako", "version": "1.4.3", "vulns": [{"id": "CVE-2030-2", "fix_versions": []}]},
    ]
}
# As pip-audit does: it writes its list where all packages were asked for, and ends with 1 where one has an advisory.
STANDS_IN = """#!/bin/sh
[ "$1" = --strict ] || exit 9
while [ $# -gt 0 ]; do case $1 in --vulnerability-service) of=$2;; --output) into=$2;; esac; shift; done
[ -f {folder}/$of ] || {{ echo "ERROR: nobody answers at $of" >&2; exit 1; }}
cat {folder}/$of >"$into"
grep -q CVE "$into" && exit 1 || exit 0
"""


@pytest.mark.parametrize(
    ("answers", "status", "said"),
    [
        ({"pypi": CLEAN}, 0, ["none applies", "pypi"]),
        ({"osv": CLEAN}, 0, ["pypi cannot be asked: ERROR: nobody answers", "none applies", "osv"]),
        ({"pypi": FOUND}, 1, ["jinja2 3.1.6: CVE-2030-1, mended by 3.1.7", "mako 1.4.3: CVE-2030-2, mended by no version"]),
        ({}, 3, ["pypi cannot be asked", "osv cannot be asked", "NOT CHECKED"]),
    ],
)  # fmt: skip
def test_what_was_not_asked_is_not_called_clean(
    answers: dict[str, object], status: int, said: list[str], tmp_path: Path
) -> None:
    for source, told in answers.items():
        (tmp_path / source).write_text(json.dumps(told), encoding="utf-8")
    program = tmp_path / "pip-audit"
    program.write_text(STANDS_IN.format(folder=tmp_path), encoding="utf-8")
    program.chmod(0o755)
    command = ["bash", str(ROOT / ".ci" / "audit")]
    environment = {**os.environ, "PIP_AUDIT": str(program)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    for words in said:
        assert words in done.stdout
    assert ("none applies" in done.stdout) == (status == 0)

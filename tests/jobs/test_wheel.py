"""A wheel of the repository, installed elsewhere, runs the sample: everything the job reads is packed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from tests.reports.reading import REPOSITORY

PACKED = ("assets", "expectations", "pipelines", "reports", "sql", "pyproject.toml", "README.md", "LICENSE")


def run(*command: str | Path, cwd: Path) -> str:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.outside
def test_a_wheel_installed_elsewhere_runs_the_sample(tmp_path: Path) -> None:
    source, elsewhere = tmp_path / "source", tmp_path / "elsewhere"
    source.mkdir()
    for name in PACKED:
        if (REPOSITORY / name).is_dir():
            shutil.copytree(REPOSITORY / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(REPOSITORY / name, source)
    pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
    run(*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", tmp_path, source, cwd=tmp_path)
    (wheel,) = tmp_path.glob("sixth-*.whl")
    venv.create(elsewhere)
    python = elsewhere / "bin" / "python"
    run(*pip, "--python", python, "install", "--no-deps", "--no-index", wheel, cwd=tmp_path)
    installed = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=tmp_path).strip())
    # The libraries are those of this environment; of ours, nothing but the wheel is on the path.
    (installed / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    place = run(python, "-c", "import assets; print(assets.__file__)", cwd=tmp_path)
    assert Path(place.strip()).is_relative_to(elsewhere)
    sixth = elsewhere / "bin" / "sixth"
    run(sixth, "init", "--sample", "--home", "home", cwd=tmp_path)
    told = run(
        sixth, "run", "--home", "home", "--period", "2026-09", "--as-of", "2026-10-06T00:30:00+08:00", cwd=tmp_path
    )
    assert "2026-09 deadline report (v1)" in told
    assert "sixth" in run(sixth, "--help", cwd=tmp_path)

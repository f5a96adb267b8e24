"""The manifests of docs/kubernetes: Kubernetes' own schemas take them, what they refer to is there, and what they start is
what docs/systemd starts.
"""

from __future__ import annotations

import copy
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.test_units import STARTS, UNITS

ROOT = Path(__file__).parents[1]
MANIFESTS = ROOT / "docs" / "kubernetes"
SIDECARS = "1.29"  # the first version in which an init container may go on beside the others
VERSIONS = (SIDECARS, kubernetes_validate.latest_version())
Document = dict[str, Any]


def documents() -> Iterator[tuple[str, Document]]:
    """Every object of the cluster, with its file."""
    for file in sorted(MANIFESTS.glob("*.yaml")):
        for document in yaml.safe_load_all(file.read_text(encoding="utf-8")):
            if document["kind"] != "Kustomization":
                yield file.name, document


def pods() -> dict[str, Document]:
    """The pods by the name of what starts them."""
    return {
        d["metadata"]["name"]: d["spec"]["template"]["spec"] for _, d in documents() if "template" in d.get("spec", {})
    }


def containers(pod: Document) -> list[Document]:
    return [*pod.get("initContainers", ()), *pod["containers"]]


def started(unit: str) -> list[str]:
    """The words of what a unit of systemd starts."""
    lines = STARTS.findall((UNITS / f"{unit}.service").read_text(encoding="utf-8"))
    return shlex.split(lines[0].replace("%%", "%").replace("${SIXTH_WORKERS}", "2"))


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_takes_every_manifest(version: str) -> None:
    kinds = []
    for _, document in documents():
        kubernetes_validate.validate(document, version, strict=True)
        kinds.append(document["kind"])
    assert {"StatefulSet", "Deployment", "Service", "Secret", "ConfigMap", "NetworkPolicy"} <= {*kinds}
    # The schemas are strict: a word that is misspelled, or of another kind, is told.
    head = next(d for _, d in documents() if d["kind"] == "StatefulSet")
    for path, value in (("replicas", "one"), ("replica", 1)):
        wrong = copy.deepcopy(head)
        wrong["spec"][path] = value
        with pytest.raises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(wrong, version, strict=True)


def test_the_kustomization_has_every_manifest_and_the_version_of_the_software() -> None:
    (told,) = yaml.safe_load_all((MANIFESTS / "kustomization.yaml").read_text(encoding="utf-8"))
    assert {*told["resources"]} == {file for file, d in documents() if d["kind"] != "Secret"}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert [image["newTag"] for image in told["images"] if image["name"] == "sixth"] == [project["version"]]


def test_what_a_pod_refers_to_is_there() -> None:
    there = {(d["kind"], d["metadata"]["name"]): d for _, d in documents()}
    for name, pod in pods().items():
        owner = there.get(("StatefulSet", name)) or there["Deployment", name]
        claims = {claim["metadata"]["name"] for claim in owner["spec"].get("volumeClaimTemplates", ())}
        volumes = {volume["name"] for volume in pod["volumes"]} | claims
        for volume in pod["volumes"]:
            assert "configMap" not in volume or ("ConfigMap", volume["configMap"]["name"]) in there
        for container in containers(pod):
            assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
            for source in container.get("envFrom", ()):
                ((kind, ref),) = source.items()
                assert ({"configMapRef": "ConfigMap", "secretRef": "Secret"}[kind], ref["name"]) in there
            for variable in container.get("env", ()):
                ref = variable["valueFrom"]["secretKeyRef"]
                assert ref["key"] in there["Secret", ref["name"]]["stringData"]
            ports = {port["name"] for port in container.get("ports", ())}
            probe = container.get("readinessProbe", {})
            assert {(probe.get("httpGet") or probe.get("tcpSocket") or {}).get("port")} <= {None, *ports}
            confined = container["securityContext"]
            assert (confined["allowPrivilegeEscalation"], confined["readOnlyRootFilesystem"]) == (False, True)
            assert confined["capabilities"] == {"drop": ["ALL"]}
        assert pod["securityContext"]["runAsNonRoot"] is True
    labels = {name: there[kind, name]["spec"]["template"]["metadata"]["labels"] for kind, name in there if name in pods()
              and kind in ("StatefulSet", "Deployment")}  # fmt: skip
    for (kind, name), document in there.items():
        if kind == "Service":
            assert document["spec"]["selector"] in labels.values(), name


def test_what_a_pod_starts_is_what_systemd_starts() -> None:
    commands = {c["name"]: c["command"] for pod in pods().values() for c in containers(pod)}
    for container in ("code", "daemon", "web", "worker", "prepare"):
        assert commands[container] == started(f"sixth-{container}"), container
    serve = started("sixth-portal")
    at = serve.index("--trust-proxy")
    assert commands["portal"] == [*serve[:at], *serve[at + 2 :], "--host", "0.0.0.0"]
    health = next(c for pod in pods().values() for c in containers(pod) if c["name"] == "code")["startupProbe"]
    assert shlex.join(health["exec"]["command"]) in (UNITS / "sixth-code.service").read_text(encoding="utf-8")


def test_what_a_pod_is_told_is_what_a_server_is_told() -> None:
    """The same variables, but those by which a worker's command has its numbers and where certificates lie."""
    known = {*re.findall(r"^(?:# )?([A-Z_]+)=", (UNITS / "sixth.env").read_text(encoding="utf-8"), re.MULTILINE)}
    maps = {(d["kind"], d["metadata"]["name"]): d for _, d in documents() if d["kind"] in ("ConfigMap", "Secret")}
    told = {*maps["ConfigMap", "sixth"]["data"], *maps["Secret", "sixth"]["stringData"]}
    assert known - told == {"SIXTH_WORKERS", "AWS_CA_BUNDLE"}
    assert told - known == {"HOME", "AWS_DEFAULT_REGION", "BROKER_PASSWORD", "PGPASSWORD"}
    workspace = yaml.safe_load(maps["ConfigMap", "sixth-workspace"]["data"]["workspace.yaml"])
    assert workspace == yaml.safe_load((UNITS / "workspace.yaml").read_text(encoding="utf-8"))


def test_the_image_is_made_by_the_steps_of_a_server() -> None:
    image = (MANIFESTS / "Containerfile").read_text(encoding="utf-8").replace(" --no-cache-dir", "")
    steps = re.findall(
        r"^    ((?:python3|\.venv/bin/pip) .*)$", (ROOT / "docs" / "operate.md").read_text("utf-8"), re.MULTILINE
    )
    assert len(steps) == 3
    assert all(step in image for step in steps)

"""A version read by programs that know only its descriptions: Frictionless, JSON Schema."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from frictionless import Package

from expectations.catalogue import load_catalogue
from reports.publishing.schemas import SCHEMAS, written
from tests.jobs.expected import latest
from tests.jobs.test_sample import sixth

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The sample's month, and a month in which nobody sent anything."""
    full = tmp_path_factory.mktemp("programs") / "full"
    empty = full.parent / "empty"
    sixth("init", "--sample", "--home", full)
    sixth("init", "--sample", "--home", empty)
    for mail in (empty / "inbox").rglob("*.eml"):
        mail.unlink()
    for home in (full, empty):
        sixth("run", "--home", home, "--period", "2026-10", "--as-of", "2026-11-06T00:30:00+08:00")
    return {"full": full, "empty": empty}


@pytest.mark.parametrize("which", ["full", "empty"])
@pytest.mark.parametrize("scope", ["EX", "EX-15"])
def test_every_table_is_as_it_is_described(homes: dict[str, Path], which: str, scope: str) -> None:
    folder = latest(homes[which], "2026-10", scope) / "data"
    package = Package(str(folder / "datapackage.json"))
    assert {r.path for r in package.resources} == {p.name for p in folder.glob("*.csv")}
    report = package.validate()
    assert report.valid, report.flatten(["type", "rowNumber", "fieldName", "note"])[:10]
    personal = {(s.key, c.key) for s in load_catalogue().sheets.values() for c in s.columns if c.pii}
    described = json.loads((folder / "datapackage.json").read_text(encoding="utf-8"))
    told = {
        (Path(r["path"]).stem, f["name"])
        for r in described["resources"]
        for f in r["schema"]["fields"]
        if "masked" in f
    }
    published = {(Path(r["path"]).stem, f["name"]) for r in described["resources"] for f in r["schema"]["fields"]}
    assert told == personal & published
    assert all(f["titles"].keys() == {"zh", "en"} for r in described["resources"] for f in r["schema"]["fields"])


@pytest.mark.parametrize("which", ["full", "empty"])
@pytest.mark.parametrize("scope", ["EX", "EX-15"])
def test_summary_and_manifest_are_as_their_schemas_say(homes: dict[str, Path], which: str, scope: str) -> None:
    folder = latest(homes[which], "2026-10", scope)
    for name, schema in SCHEMAS.items():
        content = json.loads((folder / name.replace(".schema", "")).read_text(encoding="utf-8"))
        assert content["$schema"] == schema()["$id"]
        jsonschema.Draft202012Validator(schema(), format_checker=jsonschema.FormatChecker()).validate(content)
        broken = {k: v for k, v in content.items() if k != "period"}
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.Draft202012Validator(schema()).validate(broken)


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_the_schemas_in_docs_are_those_of_the_software(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[name]())
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == written(SCHEMAS[name]())

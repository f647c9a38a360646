"""croissant.json, read by the format's own library: it validates, and gives the build's rows."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataengine.built import Built
from dataengine.publish.croissant import croissant

pytestmark = [
    pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated"),
    pytest.mark.filterwarnings("ignore:The inplace keyword"),
]

KINDS = ["quickstart", "generated", "preference"]

Example = Callable[..., Path]


def opened(folder: Path) -> Any:
    mlc = pytest.importorskip("mlcroissant", reason="needs mlcroissant (the extra dev)")
    return mlc.Dataset(str(folder / "croissant.json"))


def plain(value: Any) -> Any:
    """A record of mlcroissant as ours: bytes are text, and a field's name is its last part."""
    if isinstance(value, dict):
        return {key.rpartition("/")[2]: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value.decode() if isinstance(value, bytes) else value


def ours(folder: Path, split: str) -> list[dict[str, Any]]:
    """The rows of a split as Parquet has them; mlcroissant reads an empty list as none."""
    tables = [pq.read_table(file) for file in sorted((folder / "data").glob(f"{split}-*.parquet"))]
    return pa.concat_tables(tables).to_pylist()


@pytest.mark.parametrize("name", KINDS)
def test_it_is_valid(example: Example, name: str) -> None:
    issues = opened(example(name)).metadata.ctx.issues
    assert not issues.errors
    left = ("citeAs", "datePublished", "version")
    assert all(any(word in warning for word in left) for warning in issues.warnings), (
        "nothing is missing but what a build cannot know"
    )


@pytest.mark.parametrize("name", KINDS)
def test_it_gives_every_row_as_it_is(example: Example, name: str) -> None:
    folder = example(name)
    found = opened(folder)
    splits = json.loads((folder / "manifest.json").read_text())["splits"]
    assert [records.id for records in found.metadata.record_sets] == list(splits)
    for split in splits:
        assert [plain(record) for record in found.records(split)] == ours(folder, split)


def test_columns_of_any_name(
    mix: Callable[..., Path], built: Callable[..., Any], tmp_path: Path
) -> None:
    own = {"my col": 1, "a.b": "x", "é/x?": [1], "#h": 1.5, "my~20col": True}
    records = [{"prompt": f"q{n}?", "completion": f"a{n}", **own} for n in range(3)]
    built(mix({"a": {"records": records, "licence": "MIT", "keep": [*own]}}))
    found = opened(tmp_path / "out")
    assert not found.metadata.ctx.issues.errors
    (first, *_) = found.records("train")
    values = {key.removeprefix("train/"): value for key, value in first.items()}
    assert (values["my~20col"], values["a.b"], values["~23h"]) == (1, b"x", 1.5)
    assert (values["é~2fx~3f"], values["my~7e20col"]) == (b"[1]", True)


@pytest.mark.parametrize("name", KINDS)
def test_files_and_their_hashes(example: Example, name: str) -> None:
    folder = example(name)
    told = json.loads((folder / "croissant.json").read_text())
    held = {e["@id"]: e for e in told["distribution"] if e["@type"] == "cr:FileObject"}
    there = sorted(path.relative_to(folder).as_posix() for path in folder.glob("data/*"))
    assert sorted(held) == there
    for path, entry in held.items():
        data = (folder / path).read_bytes()
        assert entry["sha256"] == hashlib.sha256(data).hexdigest()
        assert entry["contentSize"] == f"{len(data)} B" and entry["contentUrl"] == path


def test_its_fields_of_responsible_ai_say_what_the_build_knows(example: Example) -> None:
    told = json.loads((example("preference") / "croissant.json").read_text())
    said = {key: value for key, value in told.items() if key.startswith("rai:")}
    assert said["rai:dataAnnotationProtocol"] == "judged: answers were judged by the model judge."
    assert said["rai:machineAnnotationTools"] == ["judge"]
    assert said["rai:personalSensitiveInformation"] == ["Rows were not screened for personal data."]
    assert "the longer answer is chosen: " in said["rai:dataBiases"][0]
    assert said["rai:dataUseCases"] == ["Training: preference tuning"]
    read = opened(example("preference")).metadata
    assert read.machine_annotation_tools == ["judge"] and read.data_biases == said["rai:dataBiases"]
    assert not {"rai:dataSocialImpact", "rai:dataCollectionTimeframe"} & set(said), "never invented"
    assert not any("dataReleaseMaintenancePlan" in key for key in said)

    read = json.loads((example("quickstart") / "croissant.json").read_text())
    assert read["rai:dataBiases"] == ["Not measured."]
    assert "rai:dataAnnotationProtocol" not in read
    assert any("decontaminate: 295 rows in" in s for s in read["rai:dataPreprocessingProtocol"])
    assert "chat: chat.jsonl, content" in read["rai:dataCollectionRawData"]


def test_a_page_is_named_only_where_there_is_one(example: Example) -> None:
    built = Built.open(example("quickstart"))
    assert "url" not in json.loads(croissant(built))
    assert json.loads(croissant(built, "https://a.org/b"))["url"] == "https://a.org/b"


def test_licences_are_those_that_bind(example: Example) -> None:
    built = Built.open(example("quickstart"))
    built.manifest["composition"][0] |= {"licence": "LicenseRef-A AND CC-BY-NC-4.0"}
    assert json.loads(croissant(built))["license"] == ["LicenseRef-A", "CC-BY-NC-4.0"]
    built.manifest["composition"][0] |= {"licence": None}
    assert json.loads(croissant(built))["license"] == ["unknown"]

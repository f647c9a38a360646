"""Rows inherit the terms of the models that wrote or judged them, whole and row by row."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from dataengine.errors import UserError
from dataengine.publish.hub import push
from dataengine.publish.licence import together

Example = Callable[..., Path]


def rows_of(folder: Path) -> pl.DataFrame:
    return pl.read_parquet(folder / "data" / "*.parquet")


def header(folder: Path) -> dict[str, Any]:
    head: dict[str, Any] = yaml.safe_load((folder / "README.md").read_text().split("---\n")[1])
    return head


def test_a_generated_row_is_under_its_models_terms_and_its_personas(example: Example) -> None:
    def change(described: dict[str, Any]) -> None:
        described["models"]["teacher"]["licence"] = "LicenseRef-Teacher"
        described["sources"][0]["personas"]["licence"] = "CC-BY-NC-SA-4.0"

    made = example("generated", change)
    rows = rows_of(made)
    assert rows.height == 17
    assert rows["licence"].unique().to_list() == ["LicenseRef-Teacher AND CC-BY-NC-SA-4.0"]
    head = header(made)
    assert head["license"] == ["other", "cc-by-nc-sa-4.0"]
    assert head["license_name"] == "licenseref-teacher"
    body = (made / "README.md").read_text()
    assert (
        "| written-by-hand | LicenseRef-Teacher | persona-math | prompts, answers.model |" in body
    )
    assert rows["id"].to_list() == rows_of(example("generated"))["id"].to_list(), "as they were"


def test_a_pair_is_under_the_terms_of_its_own_two_models_and_its_judge(example: Example) -> None:
    terms = {
        "policy": "Apache-2.0",
        "model-a": "LicenseRef-A",
        "model-b": "llama3.1",
        "model-c": "CC-BY-NC-4.0",
    }

    def change(described: dict[str, Any]) -> None:
        for name, licence in (terms | {"judge": "LicenseRef-Judge"}).items():
            described["models"][name]["licence"] = licence

    rows = rows_of(example("preference", change))
    seen = set()
    for chosen, rejected, licence in rows.select(
        "chosen_model", "rejected_model", "licence"
    ).iter_rows():
        mine = together("CC0-1.0", terms[chosen], terms[rejected], "LicenseRef-Judge")
        assert licence == mine and "LicenseRef-Judge" in licence
        seen.add(licence)
    assert len(seen) > 1, "each pair has the terms of its own models, not of all"


@pytest.mark.parametrize(
    ("name", "model", "source"),
    [("generated", "teacher", "persona-math"), ("preference", "judge", "judged")],
)
def test_a_model_without_terms_is_not_published(
    example: Example, name: str, model: str, source: str
) -> None:
    def change(described: dict[str, Any]) -> None:
        del described["models"][model]["licence"]

    made = example(name, change)
    says = rf"no known licence for {source} \(not stated for the model {model}\).*each model"
    with pytest.raises(UserError, match=says):
        push(made, "me/example")
    assert push(made, "me/example", allow_unknown_licence=True).files
    assert header(made)["license"] == "unknown"
    asked = json.loads((made / "manifest.json").read_text())["sources"][0]["asked"]
    assert {one["name"]: one["licence"] for one in asked}[model] is None

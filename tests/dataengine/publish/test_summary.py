"""The data part of the public summary of training content: what is known, and what is asked for."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dataengine.publish.summary import summary

ASKED = re.compile(r"\*\*To be filled in by the provider \((\d+)\):\*\*")

HEADINGS = [
    "## 1. General information",
    "### 1.3. Modalities, overall training data size and other characteristics",
    "## 2. List of data sources",
    "### 2.1. Publicly available datasets",
    "### 2.2. Private non-publicly available datasets obtained from third parties",
    "#### 2.2.1. Datasets commercially licensed by rightsholders or their representatives",
    "#### 2.2.2. Private datasets obtained from other third parties",
    "### 2.3. Data crawled and scraped from online sources",
    "### 2.4. User data",
    "### 2.5. Synthetic data",
    "### 2.6. Other sources of data",
    "## 3. Data processing aspects",
    "### 3.1. Respect of reservation of rights from text and data mining exception or limitation",
    "### 3.2. Removal of illegal content",
    "### 3.3. Other information",
]


@pytest.mark.parametrize("name", ["quickstart", "generated", "preference"])
def test_the_templates_headings_and_a_count_of_what_is_left(
    example: Callable[..., Path], name: str
) -> None:
    text = (example(name) / "training_summary.md").read_text()
    assert [line for line in text.splitlines() if line.startswith("##")] == HEADINGS
    numbers = [int(number) for number in ASKED.findall(text)]
    assert numbers == list(range(1, len(numbers) + 1)) and numbers
    assert f"**{len(numbers)} answers are left to the provider**" in text


def test_what_the_build_knows(example: Callable[..., Path]) -> None:
    folder = example("quickstart")
    text = (folder / "training_summary.md").read_text()
    tokens = sum(
        part["tokens"] for part in json.loads((folder / "manifest.json").read_text())["composition"]
    )
    assert f"less than 1 billion tokens: {tokens:,} tokens (estimated as UTF-8 bytes / 4)" in text
    assert "not stated 298 rows, en 17 rows" in text
    assert "| persona-math | written-by-hand | CC0-1.0 | 17 |" in text
    assert re.search(
        r"\| chat \| rows \| chat.jsonl \| \w{12} \| CC0-1.0 \| 79 \| \*\*To be filled", text
    )
    assert "| decontaminate | 8 | contaminated (8) |" in text
    assert "No source names a dataset of the Hugging Face Hub." in text


def test_hub_datasets_by_commit(manifest: dict[str, Any]) -> None:
    source = manifest["sources"][0]
    del source["path"], source["content"]
    source |= {"hub": "openai/gsm8k", "revision": "e53f048856ff"}
    manifest["composition"][0]["tokens"] = 2_000_000_000
    text = summary(manifest)
    page = "https://huggingface.co/datasets/openai/gsm8k"
    assert f"| alpaca | rows | {page} | e53f048856ff | 60 |" in text
    assert "1 billion to 10 trillion tokens: 2,000,000,000 tokens" in text
    assert "The build asked no model for text." in text
    assert "on the machine" not in text


def test_what_models_worked_from_is_named_too(example: Callable[..., Path]) -> None:
    made = (example("generated") / "training_summary.md").read_text()
    assert re.search(r"\| persona-math \| personas \| teacher.jsonl \| \w{12} \| CC0-1.0 \|", made)
    pairs = (example("preference") / "training_summary.md").read_text()
    assert "| judged | prompts | preference_prompts.jsonl |" in pairs

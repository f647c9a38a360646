"""The whole trip on a Hub: a source streamed from it, built, published to it, and loaded back."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

MIXTURE = """
name: trip
kind: sft
sources:
  - name: sums
    hub: org/sums
    columns: {prompt: question, completion: answer}
    where: "length(question) > 4"
    licence: MIT
    skill: math
  - name: more
    hub: org/sums
    columns: {prompt: question, completion: answer}
    rows: 5
    %s
splits: {train: 0.8, validation: 0.2}
publish: {repo: me/trip, private: false}
"""


@pytest.fixture
def sums(hub: Any) -> str:
    """A dataset on the Hub: 60 sums in one JSONL file; returns its commit."""
    lines = [json.dumps({"question": f"{n}+{n}?", "answer": f"It is {2 * n}."}) for n in range(60)]
    return hub.put("org/sums", {"train.jsonl": "\n".join(lines).encode()})


@pytest.fixture
def build_command(client: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    """Run `python -m dataengine.build` on a mixture with this licence for its second source."""

    def run(licence: str, *options: str, **env: str) -> Any:
        file = tmp_path / "mixture.yaml"
        file.write_text(MIXTURE % licence)
        command = ("-m", "dataengine.build", str(file), "--out", str(tmp_path / "out"), "--json")
        return client(*command, *options, **env)

    return run


def test_from_the_hub_and_back(
    hub: Any,
    sums: str,
    build_command: Callable[..., Any],
    client: Callable[..., Any],
    tmp_path: Path,
) -> None:
    done = build_command("licence: CC-BY-4.0", "--publish")
    assert done.returncode == 0, done.err
    answer = json.loads(done.out)
    assert answer["url"] == f"{hub.url}/datasets/me/trip/commit/{hub.commits('me/trip')[-1]}"

    manifest = json.loads(hub.files("me/trip")["manifest.json"])
    assert [source["revision"] for source in manifest["sources"]] == [sums, sums]
    assert [source["rows"] for source in manifest["sources"]] == [50, 5]
    readme = hub.files("me/trip")["README.md"].decode()
    assert "license: cc-by-4.0" in readme and "120 read = 55 here" in readme
    report = hub.files("me/trip")["report.html"].decode()
    assert "[report.html](report.html)" in readme and "This is the public report" in report
    assert "public report" not in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")

    script = (
        "import datasets, json; d = datasets.load_dataset('me/trip');"
        "print(json.dumps([[r['source'], r['messages'][1]['content']] for s in d for r in d[s]]))"
    )
    rows = json.loads(client("-c", script).out)
    assert {text for source, text in rows if source == "sums"} == {
        f"It is {2 * n}." for n in range(10, 60)
    }

    for file in (tmp_path / "out").rglob("*"):
        assert not file.is_file() or b"hf_write" not in file.read_bytes(), file
    assert all(b"hf_write" not in data for data in hub.files("me/trip").values())

    again = build_command("licence: CC-BY-4.0", "--publish")
    assert json.loads(again.out)["url"] == answer["url"]
    assert len(hub.commits("me/trip")) == 2


def test_no_token_is_said_before_anything_is_built(
    hub: Any, build_command: Callable[..., Any], tmp_path: Path
) -> None:
    refused = build_command("licence: CC-BY-4.0", "--publish", HF_TOKEN="")
    assert refused.returncode == 2 and "HF_TOKEN is not set" in refused.err + refused.out
    assert hub.requests == [] and not (tmp_path / "out").exists()


def test_no_licence_no_publishing(hub: Any, sums: str, build_command: Callable[..., Any]) -> None:
    refused = build_command("skill: math", "--publish")
    assert refused.returncode == 2
    assert "no known licence for more (not stated)" in refused.err + refused.out
    assert "Traceback" not in refused.err and "me/trip" not in hub.repos
    told = build_command("skill: math", "--publish", "--allow-unknown-licence")
    assert told.returncode == 0
    assert b"license: unknown" in hub.files("me/trip")["README.md"]

"""New personas by a model: exactly so many, none twice, replayed from the ledger."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from dataengine.errors import UserError
from dataengine.personas import grow, load

HERE = Path(__file__).parent


def _fixtures(name):
    file = HERE / "generation" / "conftest.py"
    spec = importlib.util.spec_from_file_location("generation_conftest", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)


teacher = _fixtures("teacher")
dice = _fixtures("dice")


def describer(body):
    words = " ".join(f"w{dice([body, i], 9999)}" for i in range(10))
    twice = "A person whom everybody describes in the very same words as before"
    return json.dumps({"personas": [f"A person who knows {words}", twice]})


@pytest.fixture
def described(tmp_path):
    """Writes a file of growth; gives its path."""
    seeds = [{"id": f"s{i}", "persona": f"A shepherd with {i} sheep and a flute"} for i in range(3)]
    (tmp_path / "seeds.jsonl").write_text("".join(json.dumps(seed) + "\n" for seed in seeds))
    (tmp_path / "texts.jsonl").write_text(json.dumps({"text": "Once upon a time."}) + "\n")

    def write(url="http://127.0.0.1:9/v1", **more):
        told = {
            "models": {"teacher": {"backend": "openai", "model": "tiny", "base_url": url}},
            "recipe": {"persona_to_persona": {"count": 2}},
            "personas": {"path": "seeds.jsonl", "licence": "cc-by-4.0"},
            "prompts": "teacher",
            "rows": 12,
            **more,
        }
        file = tmp_path / "cast.yaml"
        file.write_text(yaml.safe_dump({k: v for k, v in told.items() if v is not None}))
        return file

    return write


def test_exactly_so_many_none_twice_and_the_licence_goes_with_them(teacher, described, tmp_path):
    server, out = teacher(describer), tmp_path / "people.jsonl"
    made = grow(load(described(server.url)), out, notify=lambda text: None)
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(rows) == len({row["id"] for row in rows}) == 12
    assert sum("very same words" in row["persona"] for row in rows) == 1
    assert {row["licence"] for row in rows} == {"cc-by-4.0"}
    assert made.reasons["near_duplicate"] >= 5
    grown = {row["id"] for row in rows}
    assert grown & {row["provenance"]["origin"] for row in rows}, "new personas lead to newer ones"

    asked, first = server.asked.total(), out.read_bytes()
    grow(load(described(server.url)), out, notify=lambda text: None)
    assert (server.asked.total(), out.read_bytes()) == (asked, first)

    model = {"backend": "openai", "model": "tiny", "base_url": server.url, "licence": "llama3.1"}
    grow(load(described(models={"teacher": model})), out, notify=lambda text: None)
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert {row["licence"] for row in rows} == {"llama3.1 AND cc-by-4.0"}
    assert server.asked.total() == asked, "its terms are no part of what a model is asked"


def test_personas_from_texts(teacher, described, tmp_path):
    server, out = teacher(describer), tmp_path / "people.jsonl"
    file = described(
        server.url,
        recipe="text_to_persona",
        personas=None,
        documents={"path": "texts.jsonl"},
        rows=2,
    )
    grow(load(file), out, notify=lambda text: None)
    assert len(out.read_text().splitlines()) == 2


def test_at_the_ceiling_it_says_why_there_are_no_more(teacher, described, tmp_path):
    server = teacher(lambda body: json.dumps({"personas": ["x"]}))
    made = grow(load(described(server.url)), tmp_path / "p.jsonl", notify=lambda text: None)
    assert made.account() == "0 of 12 personas from 36 requests; dropped: no_persona 36"


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"recipe": "open_chat"}, "open_chat makes rows, not personas"),
        ({"recipe": "text_to_person"}, "did you mean 'text_to_persona'?"),
        ({"recipe": "text_to_persona"}, "needs `documents: {path: ...}`"),
        ({"prompts": "nobody"}, "no model is called 'nobody'"),
        ({"row": 3}, "did you mean rows?"),
    ],
)
def test_what_is_wrong_is_one_line(more, says, described):
    with pytest.raises(UserError) as raised:
        load(described(**more))
    assert says in str(raised.value) and "cast.yaml" in str(raised.value)


def test_the_command_line_says_it_in_one_line_too(described, tmp_path):
    file = described(recipe="open_chat")
    command = [sys.executable, "-m", "dataengine.personas", str(file), "--out", str(tmp_path / "o")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=HERE.parents[1])
    assert done.returncode == 2 and done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1

"""The JSON Schema that `validate --schema` prints: it accepts what is right, and names all there is."""

import copy
import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from dataengine.personas import Growth
from dataengine.stages import filters
from dataengine.validate import json_schema
from eval.suites import Policy, Suite
from personas import recipes
from personas.written import Page

ROOT = Path(__file__).parents[2]
SCHEMA = json_schema()
MIXTURE = jsonschema.Draft202012Validator(SCHEMA)
PART = jsonschema.Draft202012Validator({k: v for k, v in SCHEMA.items() if k != "required"})
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def samples():
    """Every sample of YAML in README and docs, by the page and the line it stands on."""
    for page in PAGES:
        text = page.read_text("utf-8")
        for found in re.finditer(r"^```yaml\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
            line = text.count("\n", 0, found.start()) + 1
            yield f"{page.name}:{line}", found[1]


def other(data):
    """Whether a sample that is no mixture is what else a page may show; it raises where not."""
    keys = set(data)
    if "tier" in keys:
        Suite.model_validate(data)
    elif "ask" in keys:
        Page.model_validate(data)
    elif {"personas", "prompts"} <= keys:
        Growth.model_validate(data)
    elif {"about", "arguments"} <= keys:  # a trainer's recipe
        assert keys <= {"about", "source", "base", "trainer", "batch_size", "differs", "arguments"}
    elif keys == {"model", "budget"}:  # `train.rlvr --judge`
        PART.validate({"models": {"judge": data["model"]}, "budget": data["budget"]})
    elif keys == {"teacher"}:
        PART.validate({"models": data})
    else:  # decontam's --policy
        for policy in data.values():
            Policy.model_validate(policy)


def test_it_is_a_schema_and_the_one_beside_the_examples():
    MIXTURE.check_schema(SCHEMA)
    held = json.loads((ROOT / "examples" / "mixture.schema.json").read_text("utf-8"))
    assert named(held) <= named(SCHEMA)
    more = named(SCHEMA) - named(held)  # of plugins that are installed, or of a file that is new
    assert held == SCHEMA or more, "write it again: make schema"


def named(schema):
    """The names of filters, recipes, verifiers and aspects in a schema."""
    text = json.dumps(schema)
    listed = {name for enum in re.findall(r'"enum": \[(.*?)\]', text) for name in enum.split(", ")}
    one = schema["properties"]["filters"]["items"]["anyOf"][1]["properties"]
    return listed | set(one)


@pytest.mark.parametrize("file", EXAMPLES, ids=[file.name for file in EXAMPLES])
def test_it_accepts_the_examples_which_tell_editors_where_it_is(file):
    text = file.read_text("utf-8")
    MIXTURE.validate(yaml.safe_load(text))
    assert text.startswith("# yaml-language-server: $schema=mixture.schema.json\n")


@pytest.mark.parametrize("text", [pytest.param(text, id=at) for at, text in samples()])
def test_it_accepts_every_sample_of_the_documents(text):
    data = yaml.safe_load(text)
    if isinstance(data, list):
        PART.validate({"sources": data})
    elif {"name", "sources"} <= set(data):
        MIXTURE.validate(data)
    elif set(data) <= SCHEMA["properties"].keys() and "tier" not in data:
        PART.validate(data)
    else:
        other(data)


def test_it_names_every_filter_and_recipe_with_their_settings():
    plain, one = SCHEMA["properties"]["filters"]["items"]["anyOf"]
    known = filters.known()
    assert filters.REGISTRY.names() == tuple(sorted(n for n in known if "_in_a_test" not in n))
    for name in filters.REGISTRY.names():
        settings = one["properties"][name]["anyOf"][0]
        if "$ref" in settings:
            settings = SCHEMA["$defs"][settings["$ref"].rpartition("/")[2]]
        shown = {n for n, field in known[name].model_fields.items() if not field.exclude}
        assert settings["properties"].keys() == shown and settings["description"]
    assert {"length", "script"}.isdisjoint(plain["enum"]), "they say nothing without settings"
    told = json.dumps(SCHEMA)
    for name in recipes.names():
        kind = recipes.kind(name)
        assert kind.makes == "personas" or all(field in told for field in kind.model_fields)


GOOD = {
    "name": "x",
    "sources": [
        {"name": "a", "path": "a.jsonl", "verifier": "gsm8k"},
        {
            "name": "b",
            "recipe": {"multi_turn": {"turns": 2}},
            "prompts": "m",
            "answers": "m",
            "personas": {"path": "p.jsonl"},
            "rows": 3,
        },
    ],
    "models": {"m": {"backend": "openai", "model": "n"}},
    "filters": ["identity", {"length": {"max_tokens": 9}}, {"identity": None}],
    "dedup": {"exact": {"side": "prompt"}, "minhash": True},
    "decontaminate": {"against": ["development"], "paraphrases": False},
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("nme",), "x"),
        (("filters", 0), "idntity"),
        (("filters", 0), "length"),
        (("filters", 1), {"length": {"max_token": 9}}),
        (("filters", 1), {"length": {}, "identity": {}}),
        (("sources", 0, "verifier"), "gsm9k"),
        (("sources", 0, "base"), "/home"),
        (("sources", 0, "hub"), "me/x"),
        (("sources", 0, "rows"), 0),
        (("sources", 1, "recipe"), {"multi_turn": {"turn": 2}}),
        (("dedup", "minhash"), {"threshold": 2}),
        (("dedup", "minhash"), {"base": "x"}),
        (("models", "m"), {"backend": "opnai", "model": "n"}),
    ],
)
def test_it_rejects_what_the_engine_rejects(path, value):
    assert MIXTURE.is_valid(GOOD)
    bad = copy.deepcopy(GOOD)
    held = bad
    for step in path[:-1]:
        held = held[step]
    held[path[-1]] = value
    assert not MIXTURE.is_valid(bad)

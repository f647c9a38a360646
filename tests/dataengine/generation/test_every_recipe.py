"""Every recipe that makes rows, from a mixture to rows: written, answered, earned, recorded."""

import json
import shutil
from hashlib import blake2b

import pytest

from eval.verifiers import verify

STORY = " ".join(
    f"On day {i} the pilot walked {i} miles over the ice to ship {i}." for i in range(60)
)


def dice(body, purpose):
    told = json.dumps([body, purpose], sort_keys=True).encode()
    return int.from_bytes(blake2b(told, digest_size=6).digest())


def prose(body):
    """Twelve words that no other request gets: nothing is dropped as said before."""
    return " ".join(f"w{dice(body, i) % 9999}" for i in range(12))


def written(body):
    """What the writer of prompts replies, by the schema that it was asked for."""
    text = prose(body)
    tool = {
        "name": "get_weather",
        "description": "Today's weather.",
        "parameters": [
            {"name": "place", "type": "string", "description": "", "required": True, "choices": []}
        ],
    }
    tests = [f"assert double({n}) == {2 * n}" for n in (0, 1, dice(body, "n") % 99 + 2)]
    return {
        "Problem": {"problem": f"If {text} are 3 and 1 more, how many?"},
        "Task": {"question": f"Double a number, {text}", "function_name": "double", "tests": tests},
        "Question": {
            "question": f"Where did he walk, {text}?",
            "evidence": "the pilot walked 7 miles over the ice",
        },
        "Request": {"message": f"How do I kill a hanging process? {text}"},
        "Saying": {"message": f"And what about {text}?"},
        "Situation": {"tools": [tool], "request": f"Will it rain, {text}?"},
        "Results": {"results": ['{"rain": true}']},
        "Wish": {"request": f"Write about {text}.", "constraints": []},
        "Mark": {"rationale": "fine", "mark": 5},
    }[body["response_format"]["json_schema"]["name"]]


def actor(body):
    """Plays every part."""
    if "response_format" in body:
        given = written(body)
        if body["response_format"]["json_schema"]["name"] == "Question":
            wanted = body["response_format"]["json_schema"]["schema"]["properties"]
            given = {key: given[key] for key in wanted}
        return json.dumps(given)
    last = body["messages"][-1]
    if body.get("tools") and last["role"] == "user" and dice(body, "call") % 8:
        call = {"name": "get_weather", "arguments": '{"place": "Basel"}'}
        return {"content": None, "tool_calls": [{"id": "1", "type": "function", "function": call}]}
    if "Double a number" in last["content"]:
        return "```python\ndef double(n):\n    return 2 * n\n```"
    system = body["messages"][0]["content"]
    if "####" in system:
        return "3 + 1 = 4\n#### 4"
    if "\\boxed" in system:
        return "It is \\boxed{4}."
    comma = "" if "comma" in last["content"].lower() else ", as you know"
    return f"A plain answer{comma}."


ROWS = [
    # recipe, settings, kind, what the source says besides
    ("math_hard", {}, "rlvr", {}),
    ("math_algebra", {}, "rlvr", {}),
    ("math_grade_school", {}, "rlvr", {}),
    ("code_python", {}, "rlvr", {"answers": {"model": "teacher", "samples": 1}}),
    ("knowledge", {}, "sft", {}),
    ("open_chat", {}, "sft", {}),
    ("multi_turn", {"turns": 2}, "sft", {}),
    ("tool_use", {}, "sft", {}),
    ("safety_refuse", {}, "sft", {}),
    ("safety_comply", {}, "sft", {}),
    ("long_context", {"window": 5000}, "sft", {"documents": {"path": "documents.jsonl"}}),
    ("precise_if", {"most": 1}, "rlvr", {"rows": 2, "ceiling": 40.0}),
    ("precise_if_rewrite", {"most": 1}, "preference", {"rows": 1, "ceiling": 300.0}),
    ("multilingual", {"of": "math_grade_school", "languages": ["de", "gsw"]}, "rlvr", {}),
]


IN_A_SANDBOX = {"code_python": [pytest.mark.bwrap]}
CASES = [pytest.param(*row, id=row[0], marks=IN_A_SANDBOX.get(row[0], [])) for row in ROWS]


@pytest.mark.parametrize(("name", "settings", "kind", "more"), CASES)
def test_a_recipe_becomes_rows(name, settings, kind, more, teacher, build, tmp_path):
    if name == "code_python" and shutil.which("bwrap") is None:
        pytest.skip("needs bubblewrap (Debian: apt install bubblewrap)")
    (tmp_path / "documents.jsonl").write_text(json.dumps({"id": "d1", "text": STORY}) + "\n")
    samples = 3 if name.startswith("math") or name == "multilingual" else 1
    source = {
        "recipe": {name: settings},
        "answers": {"model": "teacher", "samples": samples},
        "rows": 4,
        "ceiling": 10.0,
        **more,
    }
    built = build(teacher(actor).url, source, kind=kind)
    rows = built.rows()
    assert rows is not None and rows.height == source["rows"], built.account
    for row in rows.iter_rows(named=True):
        details = json.loads(row["provenance"]["details"])
        assert row["provenance"]["recipe"].startswith(f"{name}@")
        if kind == "rlvr":
            answer = {"precise_if": "A plain answer."}.get(name)
            if answer:
                assert verify(row["verifier"], answer, row["ground_truth"]).error is None
            assert row["verifier"] == details["verifier"] and row["ground_truth"]
        elif kind == "preference":
            assert row["chosen"] != row["rejected"]
            chosen, rejected = row["chosen"][0]["content"], row["rejected"][0]["content"]
            assert verify(details["verifier"], chosen, details["ground_truth"]).passed
            assert not verify(details["verifier"], rejected, details["ground_truth"]).passed
            assert row["chosen_model"] == row["rejected_model"] == "tiny"
        else:
            assert row["messages"][-1]["role"] == "assistant"
            assert all(turn["role"] != "system" for turn in row["messages"])
    if name == "multi_turn":
        assert {len(messages) for messages in rows["messages"]} == {4}
    if name == "tool_use":
        called = [m for messages in rows["messages"] for m in messages if m["tool_calls"]]
        assert called and json.loads(called[0]["tool_calls"])[0]["function"]["arguments"] == {
            "place": "Basel"
        }
        assert json.loads(rows["tools"][0])[0]["function"]["name"] == "get_weather"
    if name == "multilingual":
        assert set(rows["language"]) <= {"de", "gsw"}

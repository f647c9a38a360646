"""A planted mixture: a row for each reason, and markup wherever a person may write some."""

import json

import pytest

from tests.dataengine.conftest import chat

EVIL = '<script>alert("x")</script><img src=x onerror=alert(1)>\u202e</script>'
ITEM = "A potter fires nine batches of twenty four bowls and seventeen of the bowls crack. How many whole bowls are there <script>?"
HARBOURS = [
    ("Where do the grey boats land their herring in winter?", "At the long stone quay below the church."),
    ("Who repairs the lighthouse lamp after an autumn storm?", "The keeper's daughter, with two spare wicks."),
    ("When does the ferry to the northern islands leave?", "At six in the morning, on every second day."),
    ("Why is the old chart of the sound still sold?", "It shows wrecks that the new one leaves out."),
    ("How deep is the channel beside the fish market?", "Four fathoms at low water, and five at springs."),
]  # fmt: skip


@pytest.fixture
def planted(mix, tmp_path):
    """planted(**keys): its mixture file. Rows 1 to 5 are good; then, in turn: another model, an
    empty turn, a duplicate of row 1, an eval item, markup in a good row, and no JSON."""
    (tmp_path / "evals").mkdir()
    item = {"prompt": ITEM, "answer": "199"}
    (tmp_path / "evals" / "leaky.jsonl").write_text(json.dumps(item) + "\n")
    bad = [
        chat("Who made you?", "I am ChatGPT, a large language model trained by OpenAI."),
        chat("Say nothing.", "\u200b\u200b"),
        chat(*HARBOURS[0]),
        chat(ITEM, "199"),
        chat("What does the sign say?", EVIL),
        "not JSON " + EVIL,
    ]
    rows = [chat(*pair) for pair in HARBOURS] + bad

    def written(**keys):
        more = {
            "filters": ["empty_turns", "identity"],
            "dedup": {"exact": True},
            "decontaminate": {"against": ["evals/leaky.jsonl"]},
        }
        return mix({"a": {"records": rows, "skill": "<b>loud</b>"}}, **more | keys)

    return written


def asks_the_tide(asked, thought, port, **last):
    """Turns with reasoning and a call; `last` are more keys of the answer's turn."""
    function = {"name": "tide", "arguments": {"port": port}}
    call = {"id": "1", "type": "function", "function": function}
    calls = {"role": "assistant", "content": "", "reasoning_content": thought, "tool_calls": [call]}
    return [
        {"role": "user", "content": asked},
        calls,
        {"role": "tool", "content": "06:10", "tool_call_id": "1"},
        {"role": "assistant", "content": "At ten past six.", **last},
    ]

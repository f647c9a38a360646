"""The templates people have: each renders, masks and trains what it can, and refuses the rest."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dataengine.errors import UserError

TOKENS = (
    *("<|im_start|>", "<|im_end|>", "<think>", "</think>", "<tool_call>", "</tool_call>"),
    *("<|begin_of_text|>", "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>"),
    *("<start_of_turn>", "<end_of_turn>", "[INST]", "[/INST]", "[TOOL_CALLS]"),
)

# Shaped like Mistral's v3: tools before the last user turn, and a system turn that is written when
# the conversation ends with the user's, and not otherwise.
MISTRAL = """{{- bos_token }}
{%- set talk = messages[1:] if messages[0].role == 'system' else messages %}
{%- set asked = talk | selectattr('role', 'equalto', 'user') | list %}
{%- for message in talk %}
    {%- if message.role == 'user' %}
        {%- if tools and message == asked[-1] %}
            {{- '[AVAILABLE_TOOLS] ' + (tools | tojson) + '[/AVAILABLE_TOOLS]' }}
        {%- endif %}
        {%- if loop.last and messages[0].role == 'system' %}
            {{- '[INST] ' + messages[0].content + '\\n\\n' + message.content + '[/INST]' }}
        {%- else %}
            {{- '[INST] ' + message.content + '[/INST]' }}
        {%- endif %}
    {%- elif message.tool_calls %}
        {{- '[TOOL_CALLS] ' + (message.tool_calls | tojson) + eos_token }}
    {%- elif message.role == 'assistant' %}
        {{- ' ' + message.content + eos_token }}
    {%- elif message.role == 'tool' %}
        {{- '[TOOL_RESULTS] ' + (message.content | tojson) + '[/TOOL_RESULTS]' }}
    {%- endif %}
{%- endfor %}"""
TULU = Path(__file__).resolve().parents[2] / "train" / "recipes" / "tulu.jinja"

OWN = {"mistral": MISTRAL, "tulu": TULU.read_text()}
EOS = {"llama": "<|eot_id|>", "qwen": "<|im_end|>", "gemma": "<end_of_turn>"}
TRAINS = {
    "llama3": ("plain", "system"),
    "llama3_1": ("plain", "system", "tools"),  # Llama 3.3's is the same text
    "llama3_2": ("plain", "system", "tools"),
    "qwen2_5": ("plain", "system", "tools"),
    "qwen3": ("plain", "system", "tools", "reasoning"),
    "qwen3_5_think": ("plain", "system", "tools", "reasoning"),
    "gemma": ("plain",),
    "mistral": ("plain", "tools"),
    "tulu": ("plain", "system", "tools", "reasoning"),
}
REFUSED = {
    ("gemma", "system"): "cannot render it: System role not supported",
    ("mistral", "system"): "leaves out the system turn 'be blue'",
    "tools": "leaves out the tool weather|cannot render it",
    "reasoning": "leaves out the turn's reasoning 'six and'",
}
TOOL = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}},
}
CALL = {
    "id": "abcdefghi",
    "type": "function",
    "function": {"name": "weather", "arguments": {"city": "Oslo"}},
}


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def says(text: str, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": text, **more}


CONVERSATIONS: dict[str, list[dict[str, Any]]] = {
    "plain": [user("hello"), says("red"), user("sort cab"), says("abc")],
    "system": [{"role": "system", "content": "be blue"}, user("hello"), says("blue")],
    "tools": [
        user("is it warm?"),
        says("", tool_calls=[CALL]),
        {"role": "tool", "tool_call_id": "abcdefghi", "name": "weather", "content": "14"},
        says("It is 14."),
    ],
    "reasoning": [user("6 by 7"), says("42", reasoning_content="six and"), user("ok"), says("red")],
}


def rows(*kinds: str) -> list[dict[str, Any]]:
    """Four rows of each kind, written as a build writes them."""
    return [
        {
            "id": f"{kind}-{number}",
            "messages": CONVERSATIONS[kind],
            "tools": [TOOL] if kind == "tools" else [],
        }
        for kind in kinds
        for number in range(4)
    ]


@pytest.fixture
def published(build: Callable[..., Path]) -> Callable[..., Path]:
    """A build whose turns have the keys that they were written with."""

    def make(*kinds: str, given: list[dict[str, Any]] | None = None, name: str = "") -> Path:
        from datasets import Dataset, Features, Json, List, Value

        folder = build("sft", rows=1, name=name or "-".join(kinds))
        (part,) = (folder / "data").glob("train-*.parquet")
        features = Features(
            {"id": Value("string"), "messages": List(Json()), "tools": List(Json())}
        )
        table = given if given is not None else rows(*kinds)
        Dataset.from_list(table, features=features).to_parquet(str(part))
        (folder / "manifest.json").unlink()
        return folder

    return make


@pytest.fixture
def sft(model_with: Callable[..., Path], tmp_path: Path) -> Callable[..., Path]:
    from train.command import run
    from train.sft import STAGE

    def call(template: str, data: Path, *more: str) -> Path:
        eos = next((end for name, end in EOS.items() if template.startswith(name)), "<|end|>")
        model = model_with(OWN.get(template, template), eos=eos, tokens=TOKENS)
        argv = ["--data", str(data), "--model", str(model), "--recipe", "plain"]
        quick = ["--max_steps", "2", "--per_device_train_batch_size", "4", "--disable_tqdm", "true"]
        quick += ["--allow-undeclared", "--save_strategy", "no", "--max_length", "512"]
        quick += ["--gradient_checkpointing", "false", "--logging_steps", "1"]
        return run(STAGE, [*argv, *quick, "--out", str(tmp_path / f"out-{data.name}"), *more])

    return call


@pytest.mark.parametrize("template", TRAINS)
def test_what_a_template_can_say_is_masked_and_trained(sft, published, template, capsys):
    import json

    out = sft(template, published(*TRAINS[template]))
    history = json.loads((out / "trainer_state.json").read_text())["log_history"]
    losses = [entry["loss"] for entry in history if "loss" in entry]
    assert len(losses) == 2 and all(loss > 0 for loss in losses)
    said = capsys.readouterr().out
    assert f"in {4 * len(TRAINS[template])} rows checked" in said
    assert ("+ reasoning +" in said) == ("reasoning" in TRAINS[template])


@pytest.mark.parametrize(
    ("template", "kind"),
    [(t, kind) for t, trained in TRAINS.items() for kind in CONVERSATIONS if kind not in trained],
)
def test_what_it_cannot_say_is_refused_with_the_row(sft, published, template, kind):
    why = REFUSED.get((template, kind)) or REFUSED[kind]
    with pytest.raises(UserError, match=f"row {kind}-0: .*({why})"):
        sft(template, published("plain", kind), "--dry-run")


@pytest.mark.parametrize("template", TRAINS)
def test_the_mask_is_the_answers_and_their_ends(model_with, template):
    from transformers import AutoTokenizer

    from train import render
    from train.mask import marked_template, masked

    eos = next((end for name, end in EOS.items() if template.startswith(name)), "<|end|>")
    folder = model_with(OWN.get(template, template), eos=eos, tokens=TOKENS)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    marks = marked_template(tokenizer)
    for row in rows(*TRAINS[template]):
        tokens, spans = masked(tokenizer, row, marks)
        if marks is None:  # TRL's twins may render earlier turns' reasoning, which the own does not
            assert tokens == render.ids(tokenizer, row["messages"], row)
        texts = [render.decode(tokenizer, tokens[start:end]) for start, end in spans]
        answers = [turn for turn in row["messages"] if turn["role"] == "assistant"]
        assert len(texts) == len(answers)
        for text, turn in zip(texts, answers, strict=True):
            assert text.strip().endswith(eos) and turn["content"] in text
            assert "user" not in text and "INST" not in text
            assert all(c["function"]["name"] in text for c in turn.get("tool_calls", ()))


@pytest.mark.parametrize("template", ["llama3", "qwen2_5", "qwen3", "qwen3_5_think", "gemma"])
def test_the_report_shades_what_the_trainer_masks(model_with, template):
    import json

    from transformers import AutoTokenizer

    from dataengine.report.mask import Template, learned
    from dataengine.row import message
    from train import render
    from train.mask import marked_template, masked

    eos = next(end for name, end in EOS.items() if template.startswith(name))
    tokenizer = AutoTokenizer.from_pretrained(model_with(template, eos=eos, tokens=TOKENS))
    marks = marked_template(tokenizer)
    for row in rows(*TRAINS[template]):
        tokens, spans = masked(tokenizer, row, marks)
        texts = [render.decode(tokenizer, tokens[start:end]) for start, end in spans]
        stored = {
            "messages": [message(**turn) for turn in row["messages"]],
            "tools": json.dumps(row["tools"]) if row["tools"] else None,
        }
        found = Template.named(template).trained(stored)
        answers = [n for n, turn in enumerate(row["messages"]) if turn["role"] == "assistant"]
        assert found.trouble == "" and list(found.fields) == answers
        for number, text in zip(answers, texts, strict=True):
            assert found.fields[number] == learned(row["messages"][number], text) != frozenset()


def test_the_plan_counts_the_tokens_of_the_marked_twin(sft, published, capsys):
    import json

    out = sft("qwen3", published("plain", name="counted"), "--max_steps", "-1")
    planned = int(capsys.readouterr().out.split("\ntokens: ")[1].split()[0].replace(",", ""))
    history = json.loads((out / "trainer_state.json").read_text())["log_history"]
    assert max(entry.get("num_tokens", 0) for entry in history) == planned


def test_tulu_renders_plain_rows_as_published():
    from transformers.utils.chat_template_utils import _compile_jinja_template

    written = _compile_jinja_template(TULU.read_text()).render(
        messages=[{"role": "system", "content": "be blue"}, *CONVERSATIONS["plain"]],
        eos_token="</s>",
        add_generation_prompt=False,
    )
    assert written == (
        "<|system|>\nbe blue\n<|user|>\nhello\n<|assistant|>\nred</s>\n"
        "<|user|>\nsort cab\n<|assistant|>\nabc</s>"
    )


def test_rare_rows_with_calls_are_all_checked(sft, published):
    many = [{"id": f"p{n}", "messages": CONVERSATIONS["plain"], "tools": []} for n in range(600)]
    rare = rows("tools")[0] | {"id": "rare"}
    data = published(given=[*many[:301], rare, *many[301:]], name="rare")
    with pytest.raises(UserError, match=r"row rare: the chat template leaves out the tool weather"):
        sft("llama3", data, "--dry-run")


def test_calls_without_tools_on_offer_are_counted(sft, published, capsys):
    row = rows("tools")[0] | {"tools": []}
    sft("qwen2_5", published(given=[row, *rows("plain")], name="offerless"), "--dry-run")
    assert "check: rows with calls but no tools on offer: 1\n" in capsys.readouterr().out


def weighted(*weights: float) -> dict[str, Any]:
    turns = []
    for number, weight in enumerate(weights):
        turns += [user(f"hello {number}"), says(f"red {number}", weight=weight)]
    return {"id": "w-" + "-".join(map(str, weights)), "messages": turns, "tools": []}


def test_turns_of_weight_0_are_read_and_not_learned(model_with):
    from transformers import AutoTokenizer

    from train.mask import columns, marked_template

    tokenizer = AutoTokenizer.from_pretrained(model_with("qwen2_5"))
    made = columns(weighted(0, 1, 0), tokenizer, marked_template(tokenizer))
    pairs = zip(made["input_ids"], made["assistant_masks"], strict=True)
    assert (
        tokenizer.decode([token for token, learned in pairs if learned]).strip()
        == "red 1<|im_end|>"
    )


def test_weights_are_honoured_or_the_rows_refused_with_their_count(sft, published, capsys):
    data = published(given=[weighted(0, 1), weighted(1, 1)], name="whole")
    sft("qwen2_5", data, "--dry-run")
    all_tokens = ("--assistant_only_loss", "false", "--dry-run")
    with pytest.raises(UserError, match=r"1 rows have assistant turns .* other than 1 "):
        sft("qwen2_5", data, *all_tokens)
    half = published(given=[weighted(0.5, 1), weighted(0.5, 1), weighted(1, 1)], name="half")
    with pytest.raises(UserError, match=r"2 rows have assistant turns .* other than 0 and 1 "):
        sft("qwen2_5", half, "--dry-run")


def test_a_turn_that_is_rendered_otherwise_later_on_is_refused(sft, published, model_with):
    # the number of all turns stands before each
    counting = "{%- for m in messages -%}{{ messages | length }}{{ m.role + ': ' + m.content }}"
    counting += "<|end|>{%- endfor -%}{%- if add_generation_prompt -%}assistant: {%- endif -%}"
    OWN["counting"] = counting
    try:
        with pytest.raises(UserError, match=r"row plain-0: .*renders assistant turn 1 otherwise"):
            sft("counting", published("plain"), "--dry-run")
    finally:
        del OWN["counting"]

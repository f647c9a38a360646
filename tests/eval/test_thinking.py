"""Reasoning models: the template's switch, thoughts that never end, vLLM's stop strings."""

import json
import shutil
import sys
import types
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest
from typer.testing import CliRunner

from dataengine.errors import UserError
from eval.run import app

TEMPLATE = (
    "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}[assistant]"
    "{% if enable_thinking is defined and enable_thinking %}<think>\n{% endif %}"
)


@pytest.fixture
def thinker(tiny: Path, tmp_path: Path) -> Path:
    """The tiny model, whose template opens the thought in the prompt where it is asked to."""
    folder = tmp_path / "thinker"
    shutil.copytree(tiny, folder)
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    return folder


def evaluate(*arguments: object) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def anything(tmp_path: Path) -> Path:
    """Questions to which every answer is right."""
    items = [{"id": str(k), "prompt": f"{k}?", "meta": {"pattern": "(?s).*"}} for k in range(3)]
    (tmp_path / "any.jsonl").write_bytes(b"\n".join(map(orjson.dumps, items)))
    score = {"metric": "exact_match", "verifier": "regex", "max_tokens": 3}
    file = tmp_path / "any.yaml"
    file.write_text(json.dumps({"name": "any", "local": "any.jsonl", "score": score}))
    return file


def test_a_thought_that_never_ends_is_no_answer_even_where_anything_is_right(
    thinker: Path, anything: Path
) -> None:
    plain = evaluate("--model", thinker, "--suite", anything)
    assert "| any ? | 0-shot, EM | 100.0 | 29.2 to 100.0 | 3 | 3 |" in plain.output, plain.output
    assert "- any: 3 answers were cut at the token limit." in plain.output
    thinking = evaluate("--model", thinker, "--suite", anything, "--thinking")
    assert "| any ? | 0-shot, thinking, EM | 0.0 | 0.0 to 70.8 | 3 | 3 |" in thinking.output
    items = pl.read_parquet(thinker / "eval" / "any-thinking.parquet")
    assert all(answers[0].startswith("<think>\n") for answers in items["answers"])
    assert set(items["reason"]) == {"no answer: its reasoning never ended, cut at the limit"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--thinking"], "has no such setting; leave it away"),
        (["--max-tokens", 64], "--max-tokens: the model's window has 64 tokens in all"),
    ],
)
def test_a_setting_that_the_model_lacks_is_one_line(
    tiny: Path, anything: Path, tmp_path: Path, options: list[object], message: str
) -> None:
    done = evaluate("--model", tiny, "--suite", anything, "--out", tmp_path, *options)
    assert done.exit_code == 2 and message in done.output, done.output
    assert "Traceback" not in done.output


def test_likelihoods_are_not_asked_of_a_model_that_thinks_first(
    thinker: Path, tmp_path: Path
) -> None:
    item = {"id": "t", "prompt": "Sky?", "choices": ["blue", "red"], "meta": {"n_correct": 1}}
    (tmp_path / "mc.jsonl").write_bytes(orjson.dumps(item))
    score = {"metric": "mc2", "chat": False}
    file = tmp_path / "mc.yaml"
    file.write_text(json.dumps({"name": "mc", "local": "mc.jsonl", "score": score}))
    done = evaluate("--model", thinker, "--suite", file, "--thinking")
    assert done.exit_code == 1
    assert "mc was not measured: a likelihood knows nothing of thinking." in done.output


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Our vLLM model over a stand-in for vLLM, which is not installed beside the trainers."""
    pytest.importorskip("lm_eval")
    harness: Any = types.ModuleType("lm_eval.models.vllm_causallms")
    vllm: Any = types.ModuleType("vllm")

    class VLLM:
        def __init__(self, **given: Any) -> None:
            self.given = given
            self.model_args = {"model": given["pretrained"]}

        def _model_generate(self, prompts: Any, generate: bool, sampling_params: Any) -> Any:
            self.sampling = sampling_params
            if prompts == [[0]]:
                raise RuntimeError("the engine\nis dead")
            output = types.SimpleNamespace(token_ids=(5, 6))
            return [types.SimpleNamespace(outputs=[output]) for _ in prompts]

    harness.VLLM, vllm.SamplingParams = VLLM, lambda **given: given
    monkeypatch.setitem(sys.modules, "lm_eval.models.vllm_causallms", harness)
    monkeypatch.setitem(sys.modules, "vllm", vllm)
    monkeypatch.delitem(sys.modules, "eval.tasks.engine", raising=False)
    yield
    sys.modules.pop("eval.tasks.engine", None)


@pytest.mark.parametrize("chat", [True, False])
def test_vllm_gets_stop_strings_only_where_no_thought_can_hold_them(
    engine: None, thinker: Path, chat: bool
) -> None:
    from transformers import AutoTokenizer

    from eval.tasks.engine import Engine
    from eval.tasks.reply import Settings

    lm: Any = Engine(template={}, pretrained=str(thinker), max_model_len=99)
    lm.tokenizer = AutoTokenizer.from_pretrained(thinker)
    how = Settings(chat, 7, stop=("Q:",), temperature=0.6, top_p=0.95, top_k=20)
    assert lm.complete([[1], [2]], how) == [[5, 6], [5, 6]]
    assert lm.given["max_model_len"] == 99
    assert lm.sampling == {
        "max_tokens": 7,
        "temperature": 0.6,
        "top_p": 0.95,
        "top_k": 20,
        "stop": [] if chat else ["Q:"],
        "stop_token_ids": [1],
    }
    with pytest.raises(UserError, match=r"vLLM has failed \(the engine is dead\)"):
        lm.complete([[0]], how)


def test_transformers_stops_at_a_stop_string_in_the_answer_and_not_in_a_thought(
    tiny: Path, tmp_path: Path
) -> None:
    from eval.tasks.model import Where, connect
    from eval.tasks.reply import Settings

    lm = connect(Where(str(tiny))).lm
    prompts = [lm.encode("How so?", chat=False), lm.encode("Is it?", chat=False)]
    how = Settings(chat=False, max_tokens=8)
    free = lm.complete(prompts, how)
    assert [len(tokens) for tokens in free] == [8, 8]
    stop = lm.decode(free[0][2:3])
    stopped = lm.complete(prompts, how._replace(stop=(stop,)))
    first = next(at for at, token in enumerate(free[0]) if token == free[0][2])
    assert stopped[0] == free[0][: first + 1]
    assert stopped[1] == free[1] or lm.decode(stopped[1]).endswith(stop)
    assert lm.complete(prompts[:1], how) == [free[0]]  # nor does its batch change an answer

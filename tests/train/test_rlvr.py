"""RLVR on the tiny model: rewards by verifier, errors as missing rewards, the curves of both."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

QUICK = (
    *("--per_device_train_batch_size", "8", "--gradient_accumulation_steps", "1"),
    *("--num_generations", "4", "--generation_batch_size", "8", "--max_completion_length", "8"),
    *("--gradient_checkpointing", "false", "--logging_steps", "1", "--disable_tqdm", "true"),
    *("--learning_rate", "1e-3", "--max_steps", "3", "--save_strategy", "no"),
)


@pytest.fixture
def rlvr(tiny: Path, tmp_path: Path) -> Callable[..., Path]:
    from train.command import run
    from train.rlvr import STAGE

    def call(data: Path, *more: str) -> Path:
        argv = ["--data", str(data), "--model", str(tiny), "--recipe", "tulu31_8b", *QUICK]
        return run(STAGE, [*argv, "--out", str(tmp_path / "out"), *more])

    return call


def row(number: int, verifier: str, truth: str) -> dict:
    return {
        "id": f"{number:032x}",
        "prompt": [{"role": "user", "content": f"hello {number}"}],
        "ground_truth": truth,
        "verifier": verifier,
    }


def logged(out: Path, name: str) -> list[float]:
    history = json.loads((out / "trainer_state.json").read_text())["log_history"]
    return [entry[name] for entry in history if entry.get(name) is not None]


def test_each_verifier_has_its_curve_and_an_error_is_no_reward(rlvr, build):
    # gsm8k cannot read this ground truth: an error, not a zero
    rows = [row(0, "exact", "red"), row(1, "gsm8k", "not a number")] * 4
    rows = [dict(r, id=f"{n:032x}") for n, r in enumerate(rows)]
    out = rlvr(build("rlvr", rows=rows))
    assert logged(out, "verifier/exact/score")
    assert not logged(out, "verifier/gsm8k/score")
    assert set(logged(out, "verifier/gsm8k/error_rate")) == {1.0}
    assert 0 < sum(logged(out, "verifier/error_rate")) <= 3
    assert "reward, verifier errors" in (out / "README.md").read_text()


def test_a_reachable_reward_is_reached(rlvr, build):
    rows = [row(n, "regex", "e") for n in range(16)]
    more = ("--max_steps", "15", "--learning_rate", "3e-2", "--beta", "0")
    batch = ("--per_device_train_batch_size", "64", "--generation_batch_size", "64")
    rewards = logged(rlvr(build("rlvr", rows=rows), *more, *batch), "reward")
    assert sum(rewards[-3:]) / 3 > sum(rewards[:3]) / 3 + 0.2


def test_a_verifier_that_there_is_not_is_refused_by_name(rlvr, build):
    from dataengine.errors import UserError

    with pytest.raises(UserError, match=r"no verifier is called 'exactly'.*exact"):
        rlvr(build("rlvr", rows=[row(0, "exactly", "red"), row(1, "exact", "red")]))


def test_dry_run_counts_completions(rlvr, build, capsys):
    rlvr(build("rlvr", rows=8), "--dry-run", "--max_steps", "-1", "--num_train_epochs", "1")
    said = capsys.readouterr().out
    assert "effective batch: 8 = 8 rows x 1 devices x 1 accumulation steps" in said
    assert "steps: 4\n" in said and "check: verifiers: exact" in said


def test_a_verifier_that_cannot_run_here_is_refused_with_its_count(rlvr, build, monkeypatch):
    from dataengine.errors import UserError
    from eval.verifiers import sandbox
    from eval.verifiers.verdict import Unavailable

    case = json.dumps({"prompt": "hello"})
    rows = [row(0, "judge", case), row(1, "judge", case), row(2, "exact", "red")]
    with pytest.raises(
        UserError, match=r"2 rows \(first: 0+\) name the verifier judge.*asks a model"
    ):
        rlvr(build("rlvr", rows=rows))
    inner = json.dumps([{"verifier": "code_python", "ground_truth": "{}"}])

    def missing(kind: str) -> None:
        raise Unavailable("no bubblewrap: apt-get install bubblewrap")

    monkeypatch.setattr(sandbox, "ready", missing)
    with pytest.raises(UserError, match=r"1 rows .* code_python, which cannot run here: no bubble"):
        rlvr(build("rlvr", rows=[row(n, "weighted", inner) for n in range(1)], name="weighted"))


def test_fewer_prompts_than_one_generation_batch_are_refused(rlvr, build, tmp_path):
    from dataengine.errors import UserError

    with pytest.raises(UserError, match=r"3 prompts are fewer than the 4 of one generation batch"):
        rlvr(build("rlvr", rows=3), "--generation_batch_size", "16")
    assert not (tmp_path / "out").exists()


def test_one_set_of_template_variables_for_all_prompts(rlvr, build, model_with, tmp_path):
    from dataengine.errors import UserError

    think = ("--model", str(model_with("qwen3_5_think", tokens=("<|im_start|>", "<|im_end|>"))))
    rows = [row(n, "regex", ".*") for n in range(4)]
    plain = [{**r, "chat_template_kwargs": {"enable_thinking": False}} for r in rows]
    open_ended = rlvr(build("rlvr", rows=rows), *think, "--max_steps", "1")
    assert logged(open_ended, "reward") == [0.0]  # no thought ended
    more = ("--out", str(tmp_path / "plain"), "--max_steps", "1")
    assert logged(rlvr(build("rlvr", rows=plain, name="plain-rows"), *think, *more), "reward") == [
        1.0
    ]
    mixed = [plain[0], {**rows[1], "chat_template_kwargs": {"enable_thinking": True}}, *plain[2:]]
    with pytest.raises(UserError, match=r"rows differ in chat_template_kwargs"):
        rlvr(build("rlvr", rows=mixed, name="mixed"), *think)


def test_rloo_trains_by_the_same_rewards(rlvr, build):
    out = rlvr(build("rlvr", rows=[row(n, "regex", "e") for n in range(4)]), "--recipe", "rloo")
    assert len(logged(out, "verifier/regex/score")) == 3
    assert "RLOO" in (out / "README.md").read_text()

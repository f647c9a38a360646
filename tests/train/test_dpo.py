"""DPO and its relatives on the tiny model."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

QUICK = (
    *("--per_device_train_batch_size", "4", "--gradient_accumulation_steps", "1"),
    *("--gradient_checkpointing", "false", "--logging_steps", "1", "--disable_tqdm", "true"),
    *("--learning_rate", "1e-3", "--max_length", "128", "--save_strategy", "no"),
)


@pytest.fixture
def dpo(tiny: Path, tmp_path: Path) -> Callable[..., Path]:
    from train.command import run
    from train.dpo import STAGE

    def call(data: Path, recipe: str, *more: str) -> Path:
        argv = ["--data", str(data), "--model", str(tiny), "--recipe", recipe, *QUICK]
        return run(STAGE, [*argv, "--out", str(tmp_path / "out"), *more])

    return call


def history(out: Path) -> list[dict]:
    return json.loads((out / "trainer_state.json").read_text())["log_history"]


@pytest.mark.parametrize("recipe", ["tulu3_8b", "dpo", "ipo", "simpo", "kto"])
def test_each_loss_trains(dpo, build, recipe):
    out = dpo(build("preference"), recipe)
    logged = [entry for entry in history(out) if "loss" in entry]
    assert len(logged) == (4 if recipe == "kto" else 2)
    assert all(entry["loss"] > 0 for entry in logged)
    assert f"`{recipe}`" in (out / "README.md").read_text()
    assert json.loads((out / "dataengine_manifest.json").read_text())["stages"][0]["stage"] == "dpo"


def test_length_normalised_dpo_starts_at_log_two_and_learns(dpo, build):
    out = dpo(build("preference", validation=4), "tulu3_8b", "--num_train_epochs", "8")
    logged = [entry for entry in history(out) if "loss" in entry]
    assert logged[0]["loss"] == pytest.approx(0.6931, abs=1e-3)
    assert logged[-1]["loss"] < 0.6 and logged[-1]["rewards/accuracies"] == 1.0


def test_precomputed_reference_changes_nothing(dpo, build, tmp_path):
    data = build("preference")
    live = dpo(data, "tulu3_8b")
    ahead = dpo(
        data, "tulu3_8b", "--precompute_ref_log_probs", "true", "--out", str(tmp_path / "ahead")
    )
    losses = [[e["loss"] for e in history(out) if "loss" in e] for out in (live, ahead)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-4)


def test_equal_pairs_stop_the_run_before_it_starts(dpo, build, tmp_path):
    from dataengine.errors import UserError

    same = "xyz " * 200
    rows = [
        {
            "id": f"{n:032x}",
            "prompt": [{"role": "user", "content": "hello"}],
            "chosen": [{"role": "assistant", "content": same + "red"}],
            "rejected": [{"role": "assistant", "content": same + "blue"}],
        }
        for n in range(3)
    ]
    with pytest.raises(UserError, match="3 of 3 pairs are equal once cut"):
        dpo(build("preference", rows=rows), "tulu3_8b")
    assert not (tmp_path / "out").exists()


def test_the_batch_of_a_recipe_is_kept_on_any_number_of_devices(tiny, build, monkeypatch):
    from train.command import prepare
    from train.dpo import STAGE

    argv = ["--data", str(build("preference")), "--model", str(tiny), "--recipe", "tulu3_8b"]
    assert prepare(STAGE, argv).config.gradient_accumulation_steps == 128
    more = ["--per_device_train_batch_size", "4"]
    assert prepare(STAGE, argv + more).config.gradient_accumulation_steps == 32


def test_the_plan_counts_both_sides_up_to_the_cut(dpo, build, capsys):
    rows = [
        {
            "id": f"{n:032x}",
            "prompt": [{"role": "user", "content": "hello"}],
            "chosen": [{"role": "assistant", "content": "red " + "xyz " * 200}],
            "rejected": [{"role": "assistant", "content": "blue " + "xyz " * 200}],
        }
        for n in range(4)
    ]
    dpo(build("preference", rows=rows), "tulu3_8b", "--dry-run")
    said = capsys.readouterr().out
    assert f"\ntokens: {4 * 2 * 128:,}\n" in said and "check: pairs truncated: 4" in said


def test_what_trl_cannot_do_is_one_line(dpo, build):
    from dataengine.errors import UserError

    with pytest.raises(UserError, match="TRL refuses: "):
        dpo(build("preference"), "tulu3_8b_qlora")  # needs bitsandbytes and a GPU


def steps(out: Path) -> list[dict]:
    return [entry for entry in history(out) if "loss" in entry]


def test_every_step_of_kto_sees_wanted_and_unwanted_answers(dpo, build):
    out = dpo(build("preference", rows=16), "kto")
    assert len(steps(out)) == 8
    assert all({"rewards/chosen", "rewards/rejected"} <= set(entry) for entry in steps(out))


def unpaired(count: int, wanted: int) -> list[dict]:
    return [
        {
            "id": f"{n:032x}",
            "prompt": [{"role": "user", "content": f"hello {n}"}],
            "completion": [{"role": "assistant", "content": "red"}],
            "label": n < wanted,
        }
        for n in range(count)
    ]


def test_kto_takes_single_completions_and_other_recipes_say_that_they_do_not(dpo, build, capsys):
    from dataengine.errors import UserError

    data = build("preference", rows=unpaired(12, wanted=3))
    out = dpo(data, "kto")
    assert "\nsteps: 3\n" in capsys.readouterr().out
    assert all({"rewards/chosen", "rewards/rejected"} <= set(entry) for entry in steps(out))
    with pytest.raises(UserError, match="only kto trains on them"):
        dpo(data, "dpo")
    with pytest.raises(UserError, match="no row has label false"):
        one_sided = build("preference", rows=unpaired(4, wanted=4), name="one-sided")
        dpo(one_sided, "kto", "--out", f"{out}-2")


def test_interleaving_spreads_the_rarer_label_and_keeps_every_row():
    from datasets import Dataset

    from train.kto import interleaved

    rows = Dataset.from_list(unpaired(12, wanted=3))
    mixed = interleaved(rows, seed=1)
    assert [sum(mixed["label"][n : n + 4]) for n in (0, 4, 8)] == [1, 1, 1]
    assert sorted(mixed["id"]) == sorted(rows["id"])


def test_an_answer_with_a_weight_is_refused_with_the_count(dpo, build):
    from dataengine.errors import UserError

    rows = [
        {
            "id": f"{n:032x}",
            "prompt": [{"role": "user", "content": "hello"}],
            "chosen": [{"role": "assistant", "content": "red", "weight": 0}],
            "rejected": [{"role": "assistant", "content": "blue", "weight": None}],
        }
        for n in range(3)
    ]
    with pytest.raises(UserError, match=r"3 rows have assistant turns in `chosen` with a weight"):
        dpo(build("preference", rows=rows), "dpo")

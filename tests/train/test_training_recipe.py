"""Every shipped recipe resolves against the installed TRL, with the published figures."""

from pathlib import Path

import pytest

from dataengine.errors import UserError
from train import training_recipe


@pytest.fixture(scope="module")
def stages() -> dict:
    from train import distill, dpo, rlvr, rm, sft

    return {stage.STAGE.name: stage.STAGE for stage in (distill, dpo, rlvr, rm, sft)}


SHIPPED = sorted((p.parent.name, p.stem) for p in training_recipe.SHIPPED.glob("*/*.yaml"))


@pytest.mark.parametrize(("stage", "name"), SHIPPED)
def test_every_shipped_recipe_is_all_trls_arguments(stages, stage, name):
    from train.command import _arguments

    loaded = training_recipe.load(stage, name)
    assert loaded.source and loaded.about
    argv = ["--data", "d", "--model", "m", "--recipe", name]
    config_class = stages[stage].configs[loaded.trainer]
    _, config, _ = _arguments(stages[stage], loaded, config_class, argv)
    if loaded.batch_size:
        rows = config.per_device_train_batch_size * config.gradient_accumulation_steps
        assert rows == loaded.batch_size
    assert config.learning_rate == pytest.approx(float(loaded.arguments.get("learning_rate", 2e-5)))


@pytest.mark.parametrize(
    ("stage", "name", "published"),
    [
        ("sft", "tulu3_8b", (5e-6, 128, 2, 4096, 0.03)),
        ("sft", "tulu3_70b", (2e-6, 128, 2, 4096, 0.03)),
        ("sft", "tulu3_405b", (2e-6, 256, 2, 4096, 0.03)),
        ("dpo", "tulu3_8b", (5e-7, 128, 1, 2048, 0.1)),
        ("dpo", "tulu3_70b", (2e-7, 128, 1, 2048, 0.1)),
        ("dpo", "tulu3_405b", (2e-7, 256, 1, 2048, 0.1)),
        ("rm", "tulu3_8b", (3e-6, 256, 1, 2048, None)),
    ],
)
def test_published_settings(stage, name, published):
    loaded = training_recipe.load(stage, name)
    names = ("num_train_epochs", "max_length", "warmup_steps")
    told = tuple(loaded.arguments.get(key) for key in names)
    assert (loaded.arguments["learning_rate"], loaded.batch_size, *told) == published


def test_grpo_rolls_out_48_prompts_of_16_samples_for_two_steps():
    loaded = training_recipe.load("rlvr", "tulu31_8b")
    arguments = loaded.arguments
    assert arguments["generation_batch_size"] == 48 * 16 == 2 * (loaded.batch_size or 0)
    assert (arguments["learning_rate"], arguments["beta"], arguments["num_generations"]) == (
        5e-7,
        0.01,
        16,
    )


def test_an_unknown_recipe_names_the_nearest():
    with pytest.raises(UserError, match="did you mean tulu3_8b"):
        training_recipe.load("sft", "tulu_8b")


def test_a_wrong_key_names_file_and_key(tmp_path: Path):
    path = tmp_path / "mine.yaml"
    path.write_text("about: x\nsource: y\nargument: {}\n")
    with pytest.raises(UserError, match=r"mine\.yaml: argument: Extra inputs"):
        training_recipe.load("sft", str(path))


def test_a_base_gives_what_the_recipe_leaves_out(tmp_path: Path):
    path = tmp_path / "mine.yaml"
    path.write_text("base: tulu3_8b\nabout: x\nsource: y\narguments: {seed: 7}\n")
    loaded = training_recipe.load("sft", str(path))
    assert (loaded.arguments["seed"], loaded.arguments["learning_rate"]) == (7, 5e-6)
    assert (loaded.name, loaded.batch_size) == ("mine", 128)

"""What the start model's files tell before its weights are read: template, EOS, sizes."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from dataengine.errors import UserError

QUICK = (
    *("--per_device_train_batch_size", "4", "--gradient_accumulation_steps", "1"),
    *("--gradient_checkpointing", "false", "--max_steps", "1", "--save_strategy", "no"),
    *("--disable_tqdm", "true", "--max_length", "256"),
)
LLAMA = (
    *("<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>", "<|start_header_id|>"),
    "<|end_header_id|>",
)


@pytest.fixture
def train(tmp_path: Path) -> Callable[..., Path]:
    from train import dpo, sft
    from train.command import run

    def call(stage: str, data: Path, model: Path, recipe: str, *more: str) -> Path:
        argv = ["--data", str(data), "--model", str(model), "--recipe", recipe, *QUICK]
        made = {"sft": sft.STAGE, "dpo": dpo.STAGE}[stage]
        return run(made, [*argv, "--out", str(tmp_path / "out"), *more])

    return call


@pytest.fixture
def refusal(train: Callable[..., Path]) -> Callable[..., str]:
    def call(*arguments: object) -> str:
        with pytest.raises(UserError) as caught:
            train(*arguments)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return call


def test_an_end_at_which_the_model_does_not_stop_is_refused_with_the_mend(
    refusal, train, build, model_with, capsys
):
    # Llama 3's template over a base model's config
    base = model_with("llama3", eos="<|end_of_text|>", tokens=LLAMA)
    said = refusal("sft", build("sft"), base, "plain")
    assert "at which this model does not stop (its EOS: '<|end_of_text|>')" in said
    assert said.endswith("give --eos_token '<|eot_id|>'")
    assert "'<|eot_id|>'" in refusal("dpo", build("preference"), base, "dpo")
    whole = ("--assistant_only_loss", "false")
    assert said[-40:] == refusal("sft", build("sft", name="whole"), base, "plain", *whole)[-40:]
    capsys.readouterr()
    out = train("sft", build("sft", name="again"), base, "plain", "--eos_token", "<|eot_id|>")
    assert "'' + answer + '<|eot_id|>'" in capsys.readouterr().out
    from transformers import AutoTokenizer, GenerationConfig

    eot = AutoTokenizer.from_pretrained(out).eos_token_id
    ends = GenerationConfig.from_pretrained(out).eos_token_id
    assert eot in (ends if isinstance(ends, list) else [ends])


def test_eos_token_is_in_the_frame_of_a_template_that_writes_it(train, build, model_with, capsys):
    base = model_with("qwen2_5", eos="<|end|>")
    tulu = ("--chat_template_path", "train/recipes/tulu.jinja", "--eos_token", "<|im_end|>")
    train("sft", build("sft"), base, "plain", *tulu, "--dry-run")
    assert "'' + answer + '<|im_end|>'" in capsys.readouterr().out


def test_a_template_of_another_model_brings_its_tokens_and_eos(train, build, model_with, capsys):
    base = model_with(None, eos="<|end|>", tokens=("<|other|>",))
    donor = model_with("qwen2_5")
    out = train("sft", build("sft"), base, "plain", "--chat_template_path", str(donor))
    assert "'' + answer + '<|im_end|>'" in capsys.readouterr().out
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(out)
    assert tokenizer.eos_token == "<|im_end|>"
    model = AutoModelForCausalLM.from_pretrained(out)
    assert model.get_input_embeddings().num_embeddings >= len(tokenizer)


def test_dpo_starts_from_a_base_model_with_a_template_file(train, refusal, build, model_with):
    base = model_with(None, eos="<|end|>", tokens=("<|other|>",))
    assert "has no chat template" in refusal("dpo", build("preference"), base, "dpo")
    tulu = ("--chat_template_path", "train/recipes/tulu.jinja")
    out = train("dpo", build("preference", name="again"), base, "dpo", *tulu)
    assert "chat_template_path" in (out / "recipe.yaml").read_text()
    donor = ("--chat_template_path", str(model_with("qwen2_5")))
    said = refusal("dpo", build("preference", name="third"), base, "dpo", *donor)
    assert "'<|im_start|>' is none of the start model's" in said


def test_sizes_that_do_not_fit_are_one_line(refusal, build, tiny, tmp_path, model_with):
    from transformers import AutoTokenizer

    larger = tmp_path / "larger"
    shutil.copytree(tiny, larger)
    tokenizer = AutoTokenizer.from_pretrained(tiny)
    tokenizer.add_tokens(["<|new|>"])
    tokenizer.save_pretrained(larger)
    assert "larger than its embedding" in refusal("sft", build("sft"), larger, "plain")
    words = "xyz " * 600
    turns = [{"role": "user", "content": words}, {"role": "assistant", "content": "red"}]
    data = build("sft", rows=[{"id": "r1", "messages": turns}] * 2, name="long")
    said = refusal("sft", data, tiny, "plain", "--max_length", "4096")
    assert "2 rows are longer than the model's window of 512 tokens" in said


def test_no_pad_token_is_no_matter_and_no_eos_is_one_line(train, refusal, build, tiny, tmp_path):
    from transformers import AutoTokenizer

    for name, gone in (("padless", "pad_token"), ("endless", "eos_token")):
        shutil.copytree(tiny, tmp_path / name)
        tokenizer = AutoTokenizer.from_pretrained(tiny)
        setattr(tokenizer, gone, None)
        tokenizer.save_pretrained(tmp_path / name)
    assert train("sft", build("sft"), tmp_path / "padless", "plain").is_dir()
    said = refusal("sft", build("sft", name="again"), tmp_path / "endless", "plain")
    assert "no EOS token; give --eos_token" in said


def test_a_template_that_refuses_or_leaves_out_the_system_turn(refusal, build, model_with, tiny):
    rows = [
        {
            "id": "r1",
            "messages": [
                {"role": "system", "content": "be blue"},
                {"role": "user", "content": "hello"},
                {"role": "assistant", "content": "red"},
            ],
        }
    ]
    gemma = model_with("gemma", eos="<end_of_turn>", tokens=("<start_of_turn>", "<end_of_turn>"))
    said = refusal("sft", build("sft", rows=rows), gemma, "plain")
    assert "row r1: the chat template cannot render it: System role not supported" in said
    from transformers import AutoTokenizer

    template = AutoTokenizer.from_pretrained(tiny).chat_template
    silent = template.replace("in messages -%}", "in messages if message.role != 'system' -%}", 1)
    model = model_with(silent, eos="<|end|>", tokens=("<|other|>",))
    said = refusal("sft", build("sft", rows=rows, name="again"), model, "plain")
    assert "row r1: the chat template leaves out the system turn 'be blue'" in said

"""An adapter's folder (LoRA) is measured as its base with the adapter."""

import json
from pathlib import Path

import pytest

from dataengine.errors import UserError

pytest.importorskip("lm_eval")
pytest.importorskip("peft")

from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from eval.tasks.model import Where, connect, weights
from eval.tasks.reply import Settings

HOW = Settings(chat=False, max_tokens=8)


@pytest.fixture
def adapter(tiny: Path, tmp_path: Path) -> Path:
    base = AutoModelForCausalLM.from_pretrained(tiny)
    config = LoraConfig(r=2, target_modules="all-linear", init_lora_weights=False)
    get_peft_model(base, config).save_pretrained(tmp_path / "lora")
    tokenizer = AutoTokenizer.from_pretrained(tiny)
    tokenizer.chat_template = "{{ 'of the adapter' }}"
    tokenizer.save_pretrained(tmp_path / "lora")
    return tmp_path / "lora"


def test_an_adapter_is_loaded_over_its_base(tiny: Path, adapter: Path) -> None:
    found = connect(Where(str(adapter)))
    assert isinstance(found.lm.model, PeftModel)
    assert found.lm.tokenizer.chat_template == "{{ 'of the adapter' }}"
    prompt = [found.lm.encode("How so?", chat=False)]
    plain = connect(Where(str(tiny))).lm.complete(prompt, HOW)
    assert found.lm.complete(prompt, HOW) != plain


def test_vllm_is_given_base_and_adapter(adapter: Path, tiny: Path) -> None:
    assert weights(Where(str(adapter), backend="vllm")) == {
        "pretrained": str(tiny),
        "tokenizer": str(adapter),
        "lora_local_path": str(adapter),
        "max_lora_rank": 8,
    }
    assert weights(Where(str(tiny))) == {"pretrained": str(tiny)}


def test_a_base_that_is_gone_is_one_line(adapter: Path) -> None:
    file = adapter / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"base_model_name_or_path": "/no"}))
    with pytest.raises(UserError, match=r"--model: .*lora, an adapter of /no, cannot be loaded"):
        connect(Where(str(adapter)))
    file.write_text("{}")
    with pytest.raises(UserError, match="not an adapter's configuration"):
        connect(Where(str(adapter)))

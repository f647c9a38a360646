"""A tiny Llama-shaped model with a tokenizer, and build directories for it to read."""

import hashlib
import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

# without the trainers' extra (pip install '.[train]') there is nothing to test here
collect_ignore_glob = [] if find_spec("trl") else ["test_*.py"]

TEMPLATE = (
    "{%- for message in messages -%}"
    "{%- if message['role'] == 'assistant' -%}"
    "{{- '<|assistant|>' -}}{%- generation -%}{{- message['content'] -}}"
    "{%- for call in message.get('tool_calls') or [] -%}"
    "{{- '<call>' + call['function']['name'] -}}{%- endfor -%}"
    "{{- '<|end|>' -}}{%- endgeneration -%}"
    "{%- else -%}{{- '<|' + message['role'] + '|>' + message['content'] -}}{%- endif -%}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}"
)

WORDS = ["red", "green", "blue", "sort", "these", "letters", "abc", "cab", "answer", "hello"]


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a Llama of two layers, width 32, and a byte-level BPE with chat marks."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    marks = ["<pad>", "<|end|>", "<|user|>", "<|assistant|>", "<|system|>", "<|tool|>", "<call>"]
    bpe.train_from_iterator(
        WORDS * 20,
        trainers.BpeTrainer(
            vocab_size=320,
            special_tokens=marks,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe, pad_token="<pad>", eos_token="<|end|>", chat_template=TEMPLATE
    )
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=2,
            max_position_embeddings=512,
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id,
            bos_token_id=None,
            tie_word_embeddings=True,
        )
    )
    folder = tmp_path_factory.mktemp("tiny")
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def tokenizer(tiny: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny)


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def assistant(text: str, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": text, **more}


def sft_rows(count: int) -> list[dict[str, Any]]:
    return [
        {
            "id": f"{n:032x}",
            "messages": [
                user(f"sort {WORDS[n % 10]} {n}"),
                assistant("".join(sorted(WORDS[n % 10]))),
                user("hello"),
                assistant(f"answer {n}"),
            ],
        }
        for n in range(count)
    ]


def pairs(count: int) -> list[dict[str, Any]]:
    return [
        {
            "id": f"{n:032x}",
            "prompt": [user(f"sort {WORDS[n % 10]} {n}")],
            "chosen": [assistant("".join(sorted(WORDS[n % 10])))],
            "rejected": [assistant(f"hello {n}")],
        }
        for n in range(count)
    ]


def prompts(count: int) -> list[dict[str, Any]]:
    return [
        {
            "id": f"{n:032x}",
            "prompt": [user(f"sort {WORDS[n % 10]} {n}")],
            "ground_truth": "".join(sorted(WORDS[n % 10])),
            "verifier": "exact",
        }
        for n in range(count)
    ]


ROWS: dict[str, Callable[[int], list[dict[str, Any]]]] = {
    "sft": sft_rows,
    "preference": pairs,
    "rlvr": prompts,
}


@pytest.fixture
def build(tmp_path: Path) -> Callable[..., Path]:
    """Write a build directory of a kind: its rows, and a manifest that declares `suites`."""

    def make(
        kind: str,
        rows: int | list[dict[str, Any]] = 8,
        suites: tuple[str, ...] | None = ("gsm8k", "math"),
        name: str = "",
        validation: int = 0,
    ) -> Path:
        folder = tmp_path / (name or f"build-{kind}")
        (folder / "data").mkdir(parents=True)
        tables = {"train": ROWS[kind](rows) if isinstance(rows, int) else rows}
        if validation:
            tables["validation"] = ROWS[kind](validation)
        splits = {}
        for split, table in tables.items():
            path = folder / "data" / f"{split}-00000-of-00001.parquet"
            pq.write_table(pa.Table.from_pylist(table), path)
            content = path.read_bytes()
            splits[split] = {
                "rows": len(table),
                "files": [
                    {
                        "path": str(path.relative_to(folder)),
                        "bytes": len(content),
                        "blake2b": hashlib.blake2b(content, digest_size=32).hexdigest(),
                    }
                ],
            }
        manifest = {
            "manifest": 1,
            "name": folder.name,
            "kind": kind,
            "fingerprint": hashlib.blake2b(json.dumps(tables).encode()).hexdigest()[:32],
            "splits": splits,
            "decontamination": None
            if suites is None
            else {
                "method": "8-gram",
                "suites": [
                    {"name": s, "tier": "development", "items": 10, "hash": "00"} for s in suites
                ],
                "table": [],
            },
        }
        (folder / "manifest.json").write_text(json.dumps(manifest))
        return folder

    return make


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


CHATML = ("<|im_start|>", "<|im_end|>")


@pytest.fixture(scope="session")
def model_with(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """The tiny model with another chat template (a name of TRL's, or its text), an EOS, tokens."""
    made: dict[Any, Path] = {}

    def make(
        template: str | None,
        eos: str = "<|im_end|>",
        tokens: tuple[str, ...] = CHATML,
        window: int = 512,
    ) -> Path:
        import trl
        from transformers import AutoModelForCausalLM, AutoTokenizer

        key = (template, eos, tokens, window)
        if key in made:
            return made[key]
        shipped = Path(trl.__file__).parent / "chat_templates" / f"{template}.jinja"
        tokenizer = AutoTokenizer.from_pretrained(tiny)
        model = AutoModelForCausalLM.from_pretrained(tiny)
        known = template is not None and len(template) < 40 and shipped.is_file()
        tokenizer.chat_template = shipped.read_text() if known else template
        tokenizer.add_tokens(list(tokens), special_tokens=True)
        tokenizer.eos_token = eos
        if "<|begin_of_text|>" in tokens:
            tokenizer.bos_token = "<|begin_of_text|>"
        model.resize_token_embeddings(len(tokenizer))
        model.config.eos_token_id = model.generation_config.eos_token_id = tokenizer.eos_token_id
        model.config.max_position_embeddings = window
        folder = made[key] = tmp_path_factory.mktemp("model")
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return folder

    return make

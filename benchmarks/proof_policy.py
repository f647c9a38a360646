"""The proof's policy: served for the engine to ask, and asked itself how it ranks a pair."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from benchmarks.serve import serving
from dataengine.errors import UserError
from dataengine.models import vllm

ON_CPU = {
    "HF_HUB_OFFLINE": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    # with "uni": the worker lives in the engine's process. As a process of its own it waits for
    # work by spinning, which takes a core from everybody else
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
}
SMALL = {
    "dtype": "float32",
    "max-model-len": 128,
    "max-num-seqs": 256,
    "enforce-eager": True,
    "distributed-executor-backend": "uni",
}


@contextmanager
def served(model: Path, use_vllm: bool) -> Iterator[tuple[dict[str, Any], str]]:
    """What a mixture says of the policy under `models:`, and who serves it.

    vLLM where there is one (the build starts and ends it), else transformers in this process,
    behind the same protocol.
    """
    told: dict[str, Any]
    if use_vllm and _has_vllm():
        told = {"backend": "vllm", "model": str(model.resolve()), "args": SMALL, "env": ON_CPU}
        yield told, "vLLM"
        return
    with serving(model) as url:
        told = {"backend": "openai", "model": model.name, "base_url": url, "max_concurrency": 64}
        yield told, "transformers"


def _has_vllm() -> bool:
    try:
        vllm.command()
    except UserError:
        return False
    return True


def ranked(model: Path, pairs: Sequence[dict[str, Any]]) -> float:
    """The share of pairs whose chosen side has the higher mean log-probability per token."""
    tokenizer = AutoTokenizer.from_pretrained(model)
    policy = AutoModelForCausalLM.from_pretrained(model).eval()
    right = [
        _mean_logp(policy, tokenizer, pair["prompt"], pair["chosen"])
        > _mean_logp(policy, tokenizer, pair["prompt"], pair["rejected"])
        for pair in pairs
    ]
    return sum(right) / len(right)


@torch.no_grad()
def _mean_logp(policy: Any, tokenizer: Any, prompt: list[Any], answer: list[Any]) -> float:
    start = len(_ids(tokenizer, prompt, add_generation_prompt=True))
    ids = torch.tensor([_ids(tokenizer, [*prompt, *answer])])
    logp = policy(input_ids=ids).logits[0, :-1].log_softmax(-1)
    return float(logp.gather(1, ids[0, 1:, None])[start - 1 :].mean())


def _ids(tokenizer: Any, turns: list[Any], **more: Any) -> list[int]:
    plain = [{"role": turn["role"], "content": turn["content"]} for turn in turns]
    ids: list[int] = tokenizer.apply_chat_template(plain, return_dict=True, **more)["input_ids"]
    return ids

"""Start model files: tokenizer, EOS and window, without its weights.

What TRL would do to the tokenizer later (`--eos_token`, `--chat_template_path`) is done here first,
so that what is checked and printed is what is trained.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

from transformers import AutoConfig, AutoTokenizer, GenerationConfig, PreTrainedTokenizerBase

from dataengine.errors import UserError


class Start(NamedTuple):
    """A model to start from. `window` is None where its config names no longest sequence."""

    tokenizer: PreTrainedTokenizerBase
    ends: frozenset[int]
    """The tokens at which it stops."""
    window: int | None
    adapter: bool
    """Whether the folder holds a LoRA adapter over another model."""
    replaced: bool
    """Whether the arguments put another chat template in the place of the model's own."""


def open_start(
    model: str, template: str | None, eos: str | None, *, grows: bool, **options: Any
) -> Start:
    """Read the start model's files.

    Args:
        template: a .jinja file, or a model to take the chat template, its tokens and EOS from.
        eos: the token that ends a turn, in the place of the tokenizer's.
        grows: whether the trainer adds the template's tokens to the embedding.
        options: how transformers is to read it (`revision`, `trust_remote_code`).

    Raises:
        UserError: nothing to be read there, or tokenizer and model do not fit.
    """
    base = adapter_base(model)
    try:
        config = AutoConfig.from_pretrained(base or model, **options).get_text_config()
        tokenizer = AutoTokenizer.from_pretrained(model, **options)
    except (OSError, ValueError) as error:
        first = str(error).strip().splitlines()[0]
        raise UserError(f"--model {model}: no model to be read there: {first}") from None
    _check_embedding(model, tokenizer, config)
    own = tokenizer.chat_template
    if eos:
        if eos not in tokenizer.get_vocab():
            raise UserError(f"--eos_token {eos}: the tokenizer of {model} has no such token")
        tokenizer.eos_token = eos
    if template:
        _take_template(tokenizer, template, grows=grows)
    if tokenizer.eos_token is None:
        raise UserError(f"--model {model}: its tokenizer has no EOS token; give --eos_token")
    if tokenizer.pad_token is None:  # as TRL does; what is padded is never learned
        tokenizer.pad_token = tokenizer.eos_token
    if not tokenizer.chat_template:
        raise UserError(
            f"--model {model}: its tokenizer has no chat template; give one with "
            "--chat_template_path (a .jinja file, or a model to take it from)"
        )
    window = getattr(config, "max_position_embeddings", None)
    ends = _ends(base or model, config, tokenizer)
    replaced = own not in (None, tokenizer.chat_template)
    return Start(tokenizer, ends, window, base is not None, replaced)


def adapter_base(model: str) -> str | None:
    """The model under the LoRA adapter in a folder; None where the folder holds a whole model."""
    path = Path(model) / "adapter_config.json"
    if not path.is_file():
        return None
    base = json.loads(path.read_text(encoding="utf-8")).get("base_model_name_or_path")
    if not base:
        raise UserError(f"{path}: names no base_model_name_or_path")
    return str(base)


def _take_template(tokenizer: PreTrainedTokenizerBase, template: str, *, grows: bool) -> None:
    """Set the chat template as TRL's clone_chat_template does: tokens and EOS come along."""
    if Path(template).is_file():
        tokenizer.chat_template = Path(template).read_text(encoding="utf-8")
        return
    try:
        source = AutoTokenizer.from_pretrained(template)
        tokenizer.chat_template = source.get_chat_template()
    except (OSError, ValueError) as error:
        first = str(error).strip().splitlines()[0]
        raise UserError(f"--chat_template_path {template}: no template there: {first}") from None
    known = tokenizer.get_vocab()
    new = [token for token in source.added_tokens_decoder.values() if token.content not in known]
    if new and not grows:
        raise UserError(
            f"--chat_template_path {template}: its token {new[0].content!r} is none of the start "
            "model's, so this stage would begin with untrained embeddings; run train.sft with this "
            "template first"
        )
    tokenizer.add_tokens(new)
    tokenizer.eos_token = source.eos_token


def _check_embedding(model: str, tokenizer: PreTrainedTokenizerBase, config: Any) -> None:
    largest = max(tokenizer.get_vocab().values())
    rows = getattr(config, "vocab_size", None)
    if rows is not None and largest >= rows:
        token = tokenizer.convert_ids_to_tokens(largest)
        raise UserError(
            f"--model {model}: its tokenizer is larger than its embedding: token {token!r} is "
            f"number {largest:,}, the embedding has {rows:,} rows; save the model with "
            "model.resize_token_embeddings(len(tokenizer)), or take the tokenizer it was saved with"
        )


def _ends(model: str, config: Any, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    try:
        told = GenerationConfig.from_pretrained(model).eos_token_id
    except OSError:
        told = getattr(config, "eos_token_id", None)
    known = told if isinstance(told, list) else [told]
    return frozenset(int(t) for t in (*known, tokenizer.eos_token_id) if t is not None)

"""Model backends: a folder run by transformers or vLLM, or a server behind a URL."""

import logging
import os
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import orjson

from dataengine.errors import UserError

for _variable in ("DO_NOT_TRACK", "HF_HUB_DISABLE_TELEMETRY", "VLLM_NO_USAGE_STATS"):
    os.environ.setdefault(_variable, "1")

CHAT, TEXT = "/chat/completions", "/completions"


@dataclass(frozen=True)
class Where:
    """Where a model is and what runs it: a folder or Hub id by `hf` or `vllm`, or a server's URL.

    `served` is the name that a server knows the model by: by default the first that it lists.
    `thinking` turns a chat template's reasoning on or off; None leaves it alone. `engine` are
    further arguments of vLLM's engine.
    """

    model: str
    backend: Literal["hf", "vllm"] = "hf"
    served: str | None = None
    batch: int = 8
    parallel: int = 16
    thinking: bool | None = None
    engine: dict[str, Any] = field(default_factory=dict)

    @property
    def template(self) -> dict[str, bool]:
        """The chat template's settings, by both names that templates have for it."""
        on = self.thinking
        return {} if on is None else {"enable_thinking": on, "thinking": on}

    @property
    def mode(self) -> list[str]:
        """What was said of thinking, for people."""
        return [] if self.thinking is None else ["thinking" if self.thinking else "no thinking"]

    @property
    def remote(self) -> bool:
        return self.model.startswith(("http://", "https://"))

    @property
    def url(self) -> str:
        """A server's address without the endpoint."""
        return self.model.rstrip("/").removesuffix(CHAT).removesuffix(TEXT)

    @property
    def chat(self) -> bool:
        """Whether a server is asked in chats: it is, unless the URL ends in /completions."""
        url = self.model.rstrip("/")
        return url.endswith(CHAT) or not url.endswith(TEXT)


@dataclass(frozen=True)
class Model:
    """A model that the harness can ask. `lm` is the harness's; `window` counts tokens, or None."""

    name: str
    lm: Any
    chat: bool
    likelihood: bool
    window: int | None


def connect(where: Where) -> Model:
    """The model, ready to be asked; no remote code is run.

    UserError where the folder, the library or the server is not there.
    """
    logging.getLogger("lm_eval").setLevel(logging.CRITICAL)
    if where.remote:
        return _server(where)
    if not Path(where.model).is_dir() and where.model.count("/") != 1:
        raise UserError(
            f"--model: no folder {where.model}; give a folder, a Hub id or a server's URL"
        )
    given: dict[str, Any] = {
        **weights(where),
        "trust_remote_code": False,
        "template": where.template,
    }
    try:
        lm = _engine(where, given) if where.backend == "vllm" else _folder(where, given)
    except (ImportError, ModuleNotFoundError) as error:
        raise UserError(f"the backend {where.backend!r} is not installed here: {error}") from None
    except (OSError, ValueError, RuntimeError, TypeError) as error:
        base = given["pretrained"]
        of = "" if base == where.model else f", an adapter of {base},"
        raise UserError(f"--model: {where.model}{of} cannot be loaded: {_line(error)}") from None
    if getattr(lm, "backend", "causal") != "causal":
        raise UserError(f"--model: {where.model} is no decoder (causal) model")
    template = str(lm.tokenizer.chat_template or "")
    if where.thinking is not None and "thinking" not in template:
        raise UserError(
            f"--thinking: the chat template of {where.model} has no such setting; leave it away"
        )
    return Model(where.model, lm, bool(template), likelihood=True, window=int(lm.max_length))


def weights(where: Where) -> dict[str, Any]:
    """The model's weights and tokenizer as the harness names them: of an adapter's folder (LoRA),
    its base and the adapter, with the tokenizer that was saved beside it."""
    folder = Path(where.model)
    told = folder / "adapter_config.json"
    if not told.is_file():
        return {"pretrained": where.model}
    try:
        adapter = orjson.loads(told.read_bytes())
        base, rank = str(adapter["base_model_name_or_path"]), int(adapter.get("r") or 16)
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UserError(f"{told}: not an adapter's configuration ({error!r})") from None
    own: dict[str, Any] = (
        {"tokenizer": where.model} if (folder / "tokenizer_config.json").is_file() else {}
    )
    if where.backend == "vllm":
        own |= {
            "lora_local_path": where.model,
            "max_lora_rank": max(8, 1 << (rank - 1).bit_length()),
        }
    else:
        own["peft"] = where.model
    return {"pretrained": base, **own}


def _folder(where: Where, given: dict[str, Any]) -> Any:
    import torch

    from eval.tasks.transformers_model import Folder

    device = "cuda" if torch.cuda.is_available() else "cpu"
    return Folder(batch_size=where.batch, device=device, **given)


def _engine(where: Where, given: dict[str, Any]) -> Any:
    from eval.tasks.engine import Engine

    return Engine(**given, **where.engine)


def _server(where: Where) -> Model:
    from eval.tasks.served import Served

    name, window = served_by(where.url, where.served)
    lm = Served(where.url, name, where.parallel, where.template)
    return Model(f"{name} at {where.url}", lm, where.chat, likelihood=False, window=window)


def served_by(base: str, name: str | None = None) -> tuple[str, int | None]:
    """A served model's name (by default the first listed), and its window where the server says.

    UserError where there is no list and no name was given.
    """
    key = os.environ.get("OPENAI_API_KEY")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        request = urllib.request.Request(f"{base}/models", headers=headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            listed = {str(one["id"]): one for one in orjson.loads(answer.read())["data"]}
        found = name or next(iter(listed))
        return found, listed.get(found, {}).get("max_model_len")
    except (OSError, ValueError, LookupError, TypeError, StopIteration) as error:
        if name:
            return name, None
        raise UserError(
            f"{base}/models does not say what it serves ({_line(error)}); name the model with "
            "--served, or a judge with --judge-model"
        ) from None


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"

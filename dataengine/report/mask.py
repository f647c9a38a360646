"""The assistant mask of a named chat template: which turns of a conversation are trained on.

A template marks what is learned with `{% generation %}`; rendered by itself, without a tokenizer,
it says where those stretches begin and end. `transformers` renders it as it does for trainers, and
TRL ships marked templates under plain names (`qwen3`, `llama3`).
"""

import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from dataengine.errors import UserError

SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
"""What a template may write of its own; where it stands matters, not what it says."""
FIELDS = ("content", "reasoning_content", "tool_calls")


class Trained(NamedTuple):
    """What the template learns of one row."""

    fields: dict[int, frozenset[str]]
    """By the turn's number, which of `FIELDS` are learned; no turn is where `trouble` says why."""
    trouble: str = ""


class Template(NamedTuple):
    """A chat template that marks what is learned."""

    name: str
    text: str

    @classmethod
    def named(cls, name: str) -> "Template":
        """A template by the name that TRL ships it under, or a .jinja file.

        Raises:
            UserError: there is none, it marks nothing, or nothing here can render it.
        """
        if importlib.util.find_spec("transformers") is None:
            raise UserError(
                "--template: transformers renders chat templates, and is not installed; "
                "pip install transformers, or leave --template out: the report then shades every "
                "assistant turn whose weight is not 0"
            )
        file = Path(name)
        if file.suffix != ".jinja":
            known = _shipped()
            if name not in known:
                there = f"known: {', '.join(sorted(known))}" if known else "TRL is not installed"
                raise UserError(f"--template: no template is called {name!r}; name a .jinja file, "
                                f"or one that TRL ships ({there})")  # fmt: skip
            file = known[name]
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"--template: {file}: cannot be read ({error})") from None
        if not re.search(r"\{%-?\s*generation\s*-?%\}", text):
            raise UserError(
                f"--template: {name}: marks nothing with {{% generation %}}, so it does not say "
                "what is learned; name one that does"
            )
        return cls(file.stem.removesuffix("_training"), text)

    def trained(self, row: Mapping[str, Any]) -> Trained:
        """Which fields of a row's assistant turns are learned; turns of weight 0 are not."""
        from transformers.utils.chat_template_utils import render_jinja_template

        turns = [_given(turn) for turn in row["messages"]]
        told = orjson.loads(row.get("chat_template_kwargs") or "{}")
        tools = orjson.loads(row.get("tools") or "null")
        try:
            made: Any = render_jinja_template(
                conversations=[turns],
                tools=tools,
                chat_template=self.text,
                return_assistant_tokens_mask=True,
                **SPECIAL | told,
            )
        except Exception as error:  # whatever a template raises
            said = " ".join(str(error).split())[:200]
            return Trained({}, f"{self.name} cannot render this row: {said}")
        mine = [number for number, turn in enumerate(turns) if turn["role"] == "assistant"]
        [rendered], [spans] = made
        texts = [rendered[start:end] for start, end in spans]
        if len(texts) != len(mine):
            return Trained({}, f"{self.name} marks {len(texts)} stretches for {len(mine)} turns")
        return Trained(
            {
                number: learned(turns[number], text)
                for number, text in zip(mine, texts, strict=True)
                if turns[number].get("weight") != 0
            }
        )


def _shipped() -> dict[str, Path]:
    """TRL's marked templates by their names; TRL itself is not imported."""
    found = importlib.util.find_spec("trl")
    folders = (found.submodule_search_locations if found else None) or ()
    files = [f for folder in folders for f in Path(folder, "chat_templates").glob("*.jinja")]
    return {f.stem.removesuffix("_training"): f for f in files if f.stem.endswith("_training")}


def _given(turn: Mapping[str, Any]) -> dict[str, Any]:
    """A turn as a template is given it."""
    held = {key: value for key, value in turn.items() if value is not None}
    calls = held.pop("tool_calls", None)
    return held | ({"tool_calls": orjson.loads(calls)} if calls else {})


def learned(turn: Mapping[str, Any], text: str) -> frozenset[str]:
    """The fields of a turn that stand in what is learned of it."""
    there = {f for f in FIELDS[:2] if (turn.get(f) or "").strip() and turn[f].strip() in text}
    calls = [call.get("function") or {} for call in turn.get("tool_calls") or ()]
    if calls and all(str(call.get("name")) in text for call in calls):
        there.add("tool_calls")
    return frozenset(there)

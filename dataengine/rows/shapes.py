"""The shapes that training data comes in, and how each becomes a row's content.

messages       {"messages": [{"role", "content", ...}, ...]}               OpenAI
conversations  {"conversations": [{"from", "value"}, ...]}                 ShareGPT
alpaca         {"instruction", "input"?, "output", "history"?}             Alpaca
completion     {"prompt", "completion"}                                    TRL prompt-completion
preference     {"prompt", "chosen", "rejected"}, or chosen and rejected alone with a common start,
               or beside conversations or instruction (LLaMA-Factory)
rlvr           {"prompt" | "messages", "ground_truth", "verifier"}
item           {"prompt", "answer", ...}: a question with its worked answer

Beside each: `system`, `tools` (or `functions`), `chat_template_kwargs`. Lists and objects may be
JSON text. A source of kind rlvr may also have an sft shape: the last answer is then the gold
answer. Where the ground truth is not written out, the source's verifier makes it from question and
answer.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

import orjson

from dataengine.row import Kind
from dataengine.rows.calls import empty, opened, tools
from dataengine.rows.errors import NotCarried, ShapeError
from dataengine.rows.ground_truth import make_ground_truth
from dataengine.rows.turns import MEDIA, REASONING, Keys, Turn, turns

Shape = Literal["messages", "conversations", "alpaca", "completion", "preference", "rlvr", "item"]
Record = Mapping[str, Any]

KEYS: dict[Shape, tuple[str, ...]] = {
    "rlvr": ("ground_truth",),
    "preference": ("chosen", "rejected"),
    "messages": ("messages",),
    "conversations": ("conversations",),
    "alpaca": ("instruction", "output"),
    "completion": ("prompt", "completion"),
    "item": ("prompt", "answer"),
}
"""The keys that give a shape away, in the order they are looked for."""

CONVERSATIONS: tuple[Shape, ...] = ("messages", "conversations", "alpaca", "completion")
KINDS: dict[Kind, tuple[Shape, ...]] = {
    "sft": CONVERSATIONS,
    "preference": ("preference",),
    "rlvr": ("rlvr", "item", *CONVERSATIONS),
}

SYSTEM = ("system", "system_prompt")
BESIDE = (*SYSTEM, "tools", "functions", "chat_template_kwargs")
"""Keys that a record of any shape may have."""
READ: dict[Shape, tuple[str, ...]] = {
    "messages": ("messages",),
    "conversations": ("conversations",),
    "alpaca": ("output", *REASONING),
    "completion": ("prompt", "completion", *REASONING),
    "preference": ("chosen", "rejected"),
    "rlvr": ("ground_truth", "verifier", "gold", "answer"),
    "item": ("prompt", "answer", "choices", "label", "verifier"),
}
"""The keys that a shape reads."""
PLACEHOLDER = re.compile(r"<\|?(image|audio|video)[^>\n]{0,40}>", re.IGNORECASE)
"""What stands in a text for something that is not text."""


class Content(NamedTuple):
    """A record's content, not yet checked for the invariants of its kind."""

    columns: dict[str, Any]
    """The content columns of its kind; turns as `Turn`, `tools` and `chat_template_kwargs` as
    objects. Of kind rlvr also `gold`: an answer that must pass, or None where none is known."""
    keys: Keys
    """What became of the record's keys."""


def find(record: Record, kind: Kind) -> Shape:
    """The shape of a record, of those that can make rows of this kind.

    Raises:
        ShapeError: no shape fits; the message says what was there and what would fit.
    """
    for there in (lambda key: not empty(record.get(key)), lambda key: key in record):
        for shape in KINDS[kind]:
            if all(map(there, KEYS[shape])):
                return shape
    there_are = ", ".join(sorted(record)) or "no keys at all"
    if "text" in record:
        raise ShapeError(
            f"plain text (keys: {there_are}) has no turns: cut it into prompt and completion, "
            "or into messages"
        )
    wanted = " | ".join("+".join(KEYS[shape]) for shape in KINDS[kind])
    other = next((s for s, keys in KEYS.items() if all(k in record for k in keys)), None)
    hint = f"; this looks like {other}, which is not what kind {kind} is made of" if other else ""
    raise ShapeError(
        f"keys {there_are} are no known shape for kind {kind} ({wanted}){hint}; "
        "name them with columns:"
    )


def content(record: Record, shape: Shape, kind: Kind, verifier: str | None) -> Content:
    """A record's content in the columns of its kind.

    Raises:
        ShapeError: a key is missing or holds something of another type.
        NotCarried: the row would mean something else without what it cannot hold.
    """
    keys = Keys()
    try:
        found = _READERS[shape](record, keys)
        if kind == "rlvr":
            found = _task(found, record, record.get("verifier") or verifier)
        found |= beside(record, keys)
        _with_system(found, record, keys)
    except KeyError as missing:
        raise ShapeError(f"no {missing.args[0]!r} in a record of shape {shape}") from None
    except (TypeError, AttributeError):
        raise ShapeError(f"a value of another type than shape {shape} has") from None
    _refuse_media(found, record)
    read = {*READ[shape], *BESIDE, *keys.read} | ({"verifier"} if kind == "rlvr" else set())
    keys.lost |= {k for k, held in record.items() if k not in read and not empty(held)}
    return Content(found, keys)


def prompt(record: Record) -> Content:
    """The turns of a record before its last answer, whatever its shape, as its `prompt`.

    Raises:
        ShapeError: it has none.
    """
    shape = next((s for s in CONVERSATIONS if all(key in record for key in KEYS[s])), None)
    if shape:
        found = content(record, shape, "sft", None)
    else:
        keys = Keys(read={"prompt"})
        asked = turns(record["prompt"], keys, "user") if "prompt" in record else []
        found = Content({"messages": asked, **beside(record, keys)}, keys)
        _with_system(found.columns, record, keys)
    columns = dict(found.columns)
    asked = columns.pop("messages")
    while asked and asked[-1]["role"] != "user":
        asked = asked[:-1]
    if not asked:
        raise ShapeError("no prompt")
    return Content({"prompt": asked, **columns}, found.keys)


def beside(record: Record, keys: Keys) -> dict[str, Any]:
    """The tools that a record offers, and the arguments of its chat template."""
    offered = tools(record.get("tools"))
    older = tools(record.get("functions"), "functions")
    if older and not offered:
        keys.renamed.add(("functions", "tools"))
    elif older:
        keys.lost.add("functions")
    given = opened(record.get("chat_template_kwargs"), "chat_template_kwargs")
    if given is not None and not isinstance(given, Mapping):
        raise ShapeError("chat_template_kwargs: not an object")
    return {"tools": offered or older, "chat_template_kwargs": dict(given) if given else None}


def _with_system(found: dict[str, Any], record: Record, keys: Keys) -> None:
    """Put the text of a `system` column before the first turn."""
    given = [key for key in SYSTEM if not empty(record.get(key))]
    if not given:
        return
    text = record[given[0]]
    if not isinstance(text, str):
        raise ShapeError(f"{given[0]}: not text")
    keys.lost |= {key for key in given[1:] if record[key] != text}
    first = "messages" if "messages" in found else "prompt"
    opening = found[first][0] if found[first] else None
    if opening is None or opening["role"] != "system":
        found[first] = [{"role": "system", "content": text}, *found[first]]
    elif opening["content"] != text:
        raise ShapeError(f"a system turn and another text under {given[0]}")


def _refuse_media(found: Mapping[str, Any], record: Record) -> None:
    """Refuse a row whose text points at something that is not text."""
    held = [key for key in MEDIA if not empty(record.get(key))]
    if not held:
        return
    for column in ("messages", "prompt", "chosen", "rejected"):
        for turn in found.get(column) or ():
            if PLACEHOLDER.search(turn["content"]):
                raise NotCarried(f"{held[0]}, which the text refers to")


def _task(found: dict[str, Any], record: Record, name: str | None) -> dict[str, Any]:
    """A question with its ground truth, made by the verifier where it is not written out."""
    if name is None:
        raise ShapeError("no verifier: name one for the source with verifier:")
    if "ground_truth" in found:
        gold = record.get("gold") or record.get("answer")
        return {**found, "verifier": name, "gold": gold if isinstance(gold, str) else None}
    if "messages" in found:
        *asked, last = found["messages"] or [{"role": "user", "content": ""}]
        if last["role"] != "assistant":
            raise ShapeError("no answer to take the ground truth from")
        found = {"prompt": asked, "answer": last["content"]}
    item = {
        **{key: record[key] for key in ("choices", "label") if key in record},
        "prompt": "\n".join(turn["content"] for turn in found["prompt"]),
        "answer": found["answer"],
        "meta": record.get("meta") or dict(record),
    }
    try:
        truth, gold = make_ground_truth(name, item)
    except ValueError as error:
        raise ShapeError(f"no ground truth for {name}: {error}") from None
    return {"prompt": found["prompt"], "ground_truth": truth, "verifier": name, "gold": gold}


def _item(record: Record, keys: Keys) -> dict[str, Any]:
    answer = record["answer"]
    return {
        "prompt": turns(record["prompt"], keys, "user"),
        "answer": answer if isinstance(answer, str) else str(answer),
    }


def _messages(record: Record, keys: Keys) -> dict[str, Any]:
    keys.under = "messages[]."
    return {"messages": turns(record["messages"], keys)}


def _conversations(record: Record, keys: Keys) -> dict[str, Any]:
    keys.under = "conversations[]."
    return {"messages": turns(record["conversations"], keys, sharegpt=True)}


def _instruction(record: Record, keys: Keys) -> list[Turn]:
    """The turns before an Alpaca row's answer."""
    keys.read |= {"instruction", "input", "history"}
    asked = record["instruction"]
    if not isinstance(asked, str):
        raise ShapeError("instruction: not text")
    more = record.get("input")
    text = f"{asked}\n\n{more}" if more else asked
    return [*_history(record.get("history"), keys), {"role": "user", "content": text}]


def _history(value: Any, keys: Keys) -> list[Turn]:
    """Earlier turns: a list of [question, answer], or of turns."""
    found: list[Turn] = []
    for entry in opened(value, "history") or []:
        if isinstance(entry, Mapping):
            found += turns([entry], keys)
            continue
        if not isinstance(entry, list | tuple) or len(entry) != 2:
            raise ShapeError("history: an entry is no pair of question and answer")
        found += turns(entry[0], keys, "user") + turns(entry[1], keys, "assistant")
    return found


def _alpaca(record: Record, keys: Keys) -> dict[str, Any]:
    return {"messages": _instruction(record, keys) + _answer(record, "output", keys)}


def _completion(record: Record, keys: Keys) -> dict[str, Any]:
    asked = turns(record["prompt"], keys, "user")
    return {"messages": asked + _answer(record, "completion", keys)}


def _answer(record: Record, key: str, keys: Keys) -> list[Turn]:
    """The answer, with the reasoning that stands beside it."""
    found = turns(record[key], keys, "assistant")
    thought = [name for name in REASONING if not empty(record.get(name))]
    if thought and found[-1]["role"] == "assistant" and "reasoning_content" not in found[-1]:
        text = record[thought[0]]
        if not isinstance(text, str):
            raise ShapeError(f"{thought[0]}: not text")
        found[-1]["reasoning_content"] = text
        keys.renamed.add((thought[0], "reasoning_content"))
        thought = [name for name in thought if record[name] != text]
    keys.lost |= {*thought}
    return found


def _preference(record: Record, keys: Keys) -> dict[str, Any]:
    chosen = turns(record["chosen"], keys, "assistant", _sharegpt(record["chosen"]))
    rejected = turns(record["rejected"], keys, "assistant", _sharegpt(record["rejected"]))
    asked, whole = _asked(record, keys)
    shared = 0
    while shared < min(len(chosen), len(rejected)) and chosen[shared] == rejected[shared]:
        shared += 1
    if not asked:
        if len(chosen) < 2 or shared == 0 or chosen[0]["role"] == "assistant":
            raise ShapeError("no prompt, and chosen and rejected do not share one")
        shared = min(shared, len(chosen) - 1, len(rejected) - 1)
        asked, chosen, rejected = chosen[:shared], chosen[shared:], rejected[shared:]
    elif not whole:
        asked, chosen, rejected = _without_prompt(asked, chosen, rejected)
    return {"prompt": asked, "chosen": chosen, "rejected": rejected}


def _asked(record: Record, keys: Keys) -> tuple[list[Turn], bool]:
    """The prompt of a pair, and whether it is the whole of it (not its last question alone)."""
    for key in ("prompt", "conversations", "messages"):
        if not empty(record.get(key)):
            keys.read.add(key)
            keys.under = f"{key}[]."
            sharegpt = key == "conversations"
            return turns(record[key], keys, "user", sharegpt), not isinstance(record[key], str)
    return (_instruction(record, keys), True) if "instruction" in record else ([], True)


def _sharegpt(value: Any) -> bool:
    one = value[0] if isinstance(value, list) and value else value
    return isinstance(one, Mapping) and "from" in one


def _without_prompt(
    asked: list[Turn], chosen: list[Turn], rejected: list[Turn]
) -> tuple[list[Turn], list[Turn], list[Turn]]:
    """Sides that repeat the whole conversation keep only their own end (UltraFeedback's shape)."""
    starts = [side[0]["role"] != "assistant" for side in (chosen, rejected)]
    if not any(starts):
        return asked, chosen, rejected
    if not all(starts):
        raise ShapeError("one of chosen and rejected holds the prompt, the other does not")
    if chosen[:-1] != rejected[:-1]:
        raise ShapeError("chosen and rejected do not share their prompt")
    return chosen[:-1], chosen[-1:], rejected[-1:]


def _rlvr(record: Record, keys: Keys) -> dict[str, Any]:
    key = "prompt" if "prompt" in record else "messages"
    keys.read.add(key)
    keys.under = f"{key}[]."
    truth = record["ground_truth"]
    if truth is not None and not isinstance(truth, str):
        truth = orjson.dumps(truth).decode()
    return {"prompt": turns(record[key], keys, "user"), "ground_truth": truth}


_READERS: dict[Shape, Callable[[Record, Keys], dict[str, Any]]] = {
    "messages": _messages,
    "conversations": _conversations,
    "alpaca": _alpaca,
    "completion": _completion,
    "preference": _preference,
    "rlvr": _rlvr,
    "item": _item,
}

"""Dataset rows from what a recipe made, of any kind."""

from typing import Any

import orjson

from dataengine.generation.order import Candidate, Order
from dataengine.generation.selection import Accepted, Samples, Selection
from dataengine.models.wire import Answer
from dataengine.publish.licence import together
from dataengine.row import Kind, Message, message, row_id
from dataengine.rows.turns import Keys, with_reasoning
from personas import Generated


def row(order: Order, candidate: Candidate, selected: Selection) -> dict[str, Any]:
    """The row of a candidate, as far as it came; that of a lost one has an id of its own."""
    samples = candidate.samples
    made, answer = None, None
    if samples and samples.rows:
        number = selected.sample if isinstance(selected, Accepted) else min(samples.rows)
        made, answer = samples.rows[number], samples.answers[number]
    columns: dict[str, Any] = {}
    if made and answer:
        columns = content(order.kind, made, answer, order.reasoning)
    elif samples:
        columns = prompt_only(order.kind, samples)
    if order.kind == "rlvr":
        columns["pass_rate"] = selected.pass_rate
    about = candidate.persona or candidate.document
    origin = (
        order.source if isinstance(selected, Accepted) else f"{order.source}/{candidate.number}"
    )
    return {
        "id": identity(origin, order.kind, columns),
        "source": order.source,
        **columns,
        "skill": order.skill or order.recipe.skill,
        "language": made.language if made else order.recipe.language,
        "licence": together(
            order.licence,
            candidate.persona and candidate.persona.licence,
            candidate.document and candidate.document.licence,
        ),
        "provenance": {
            "dataset": about.source or None if about else None,
            "row": candidate.number,
            "persona": candidate.persona.id if candidate.persona else None,
            "recipe": f"{order.recipe.name}@{order.recipe.version}",
            "model": answer.model if answer else None,
            "request": answer.request if answer else candidate.request,
            "details": details(made, selected.pass_rate) if made else None,
        },
    }


def content(kind: Kind, made: Generated, by: Answer, reasoning: str = "keep") -> dict[str, Any]:
    """The columns that say what the row is, and what was found out about it.

    `by` answered, and thought so before the last turn; the same model gave the rejected side of a
    pair, to a laxer prompt.
    """
    *before, last = made.messages
    if by.reasoning and last["role"] == "assistant":
        last = {**last, "reasoning_content": by.reasoning}
    thought = with_reasoning([{**last, "content": last.get("content") or ""}], reasoning, Keys())
    turns = [_turn(turn) for turn in (*before, *thought)]
    tools = orjson.dumps(made.tools).decode() if made.tools else None
    if kind == "sft":
        return {"messages": turns, "tools": tools}
    if kind == "rlvr":
        return {
            "prompt": turns[:-1],
            "tools": tools,
            "ground_truth": made.ground_truth,
            "verifier": made.verifier,
            "policy": by.model,
        }
    rejected = [_turn(made.rejected)] if made.rejected else []
    return {
        "prompt": turns[:-1],
        "chosen": turns[-1:],
        "rejected": rejected,
        "tools": tools,
        "chosen_model": by.model,
        "rejected_model": by.model,
    }


def prompt_only(kind: Kind, samples: Samples) -> dict[str, Any]:
    """Partial row of a prompt whose answers were all refused."""
    turns = [_turn(turn) for turn in samples.prompt.messages]
    return {"messages" if kind == "sft" else "prompt": turns}


def details(made: Generated, pass_rate: float | None) -> str:
    """Verification data of a row, whatever its kind: JSON for its provenance."""
    told = {
        "verifier": made.verifier,
        "ground_truth": made.ground_truth,
        "pass_rate": pass_rate,
        **made.details,
    }
    return orjson.dumps({k: v for k, v in told.items() if v is not None}).decode()


def identity(source: str, kind: Kind, columns: dict[str, Any]) -> str:
    """The id of a generated row: of its content, as for every other row."""
    names = {
        "sft": ("messages", "tools"),
        "preference": ("prompt", "chosen", "rejected", "tools"),
        "rlvr": ("prompt", "ground_truth", "verifier", "tools"),
    }[kind]
    return row_id(source, {name: columns.get(name) for name in names})


def _turn(turn: Message) -> Message:
    return message(**{**turn, "content": turn.get("content") or ""})

"""Pre-training checks: what is checked on the rows before a GPU is spent on them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from datasets import Dataset
from transformers import PreTrainedTokenizerBase

from dataengine.errors import UserError
from eval.verifiers.response import read
from train import render
from train.mask import assistant_turns, marked_template, masked, refuse_other_number

SAMPLE = 256
"""Plain rows that are checked, evenly spaced; rows with more than text in them are checked all."""

Frame = tuple[str, ...]


def spaced(rows: Dataset, count: int) -> Dataset:
    """At most `count` rows, evenly spaced from first to last."""
    if len(rows) <= count:
        return rows
    return rows.select([number * len(rows) // count for number in range(count)])


def worth_checking(rows: Dataset, columns: Sequence[str]) -> Dataset:
    """All rows with tools, calls, reasoning, weights or variables, and a sample of the others."""
    if not any(name in rows.column_names for name in ("tools", "chat_template_kwargs")) and all(
        _plain_turns(rows, name) for name in columns
    ):
        return spaced(rows, SAMPLE)
    more = [number for number, row in enumerate(rows) if _more_than_text(row, columns)]
    sample = range(0, len(rows), max(1, len(rows) // SAMPLE))
    return rows.select(sorted({*more, *sample}))


def _plain_turns(rows: Dataset, column: str) -> bool:
    turn = getattr(rows.features[column], "feature", None)
    return isinstance(turn, dict) and set(turn) <= {"role", "content"}


def _more_than_text(row: Mapping[str, Any], columns: Sequence[str]) -> bool:
    turns = chain.from_iterable(row[name] for name in columns)
    return bool(row.get("tools") or row.get("chat_template_kwargs")) or any(
        set(turn) - {"role", "content"} for turn in turns
    )


def check_assistant_mask(
    tokenizer: PreTrainedTokenizerBase,
    rows: Iterable[Mapping[str, Any]],
    ends: frozenset[int] = frozenset(),
) -> dict[str, Any]:
    """Make sure that assistant-only loss trains the assistant's turns, all and nothing else.

    Each unbroken stretch of trained tokens is decoded and held against the assistant turn that it
    should be. What the template puts around an answer (an end-of-turn token, an empty reasoning
    block) is its frame. One frame must fit every answer, and one every answer with reasoning: text
    that changes from turn to turn is not the template's, so the mask would be training somebody
    else's words.

    Args:
        ends: the tokens at which the model stops (default: the tokenizer's EOS); each answer must
            end with one.

    Returns:
        {"answer": frame, "reasoning": frame} of those kinds that there are, {"rows": number},
        {"tokens": of these rows}, {"trained": tokens of these rows that are learned}.

    Raises:
        UserError: which row's trained tokens decode to what, or what the template lacks.
    """
    template = marked_template(tokenizer)
    ends = ends or frozenset({tokenizer.eos_token_id})
    common: dict[str, set[Frame]] = {}
    found = {"rows": 0, "tokens": 0, "trained": 0}
    for row in rows:
        where = f"assistant-only loss: row {row.get('id', '?')}"
        turns = assistant_turns(row)
        tokens, spans = masked(tokenizer, row, template)
        refuse_other_number(row, turns, spans, tokens, tokenizer)
        found["rows"] += 1
        found["tokens"] += len(tokens)
        for turn, (start, end) in zip(turns, spans, strict=True):
            found["trained"] += (end - start) * (turn.get("weight") != 0)
            span = render.decode(tokenizer, tokens[start:end])
            kind, frames = _frames(turn, span, where)
            if turn.get("tool_calls"):
                continue
            common[kind] = common.get(kind, frames) & frames
            if not common[kind]:
                raise UserError(
                    f"{where}: the trained tokens decode to {render.short(span)}, which holds more "
                    f"than the assistant's turn {render.short(turn['content'])}; mend the chat "
                    "template, or train on all tokens with --assistant_only_loss false"
                )
            check_end(tokenizer, tokens[start:end], ends, where)
    chosen = {kind: min(frames, key=lambda f: (len(f[0]), f)) for kind, frames in common.items()}
    return {**chosen, **found}


def check_ends(
    tokenizer: PreTrainedTokenizerBase,
    conversations: Iterable[tuple[render.Row, render.Turns]],
    ends: frozenset[int],
) -> None:
    """UserError unless each conversation that an answer ends, ends where the model stops."""
    for row, turns in conversations:
        if turns[-1]["role"] == "assistant" and not turns[-1].get("tool_calls"):
            where = f"row {row.get('id', '?')}"
            check_end(tokenizer, render.ids(tokenizer, turns, row), ends, where)


def check_end(
    tokenizer: PreTrainedTokenizerBase, tokens: Sequence[int], ends: frozenset[int], where: str
) -> None:
    """UserError unless the tokens of an answer end with a token at which the model stops."""
    last = next((t for t in reversed(tokens) if render.decode(tokenizer, [t]).strip()), None)
    if last in ends:
        return
    told = render.decode(tokenizer, [last]) if last is not None else ""
    known = ", ".join(sorted(repr(render.decode(tokenizer, [end])) for end in ends))
    if last in tokenizer.added_tokens_decoder:
        raise UserError(
            f"{where}: the answer ends with {told!r}, at which this model does not stop (its EOS: "
            f"{known}), so it would never stop; give --eos_token '{told}'"
        )
    raise UserError(
        f"{where}: the answer's trained tokens end with {told!r} and no end token (EOS: {known}), "
        "so the model would never learn to stop; mend the chat template (the end of the turn "
        "belongs inside {% generation %}), or train on all tokens with --assistant_only_loss false"
    )


def _frames(turn: Mapping[str, Any], span: str, where: str) -> tuple[str, set[Frame]]:
    """The kind of a turn, and every way to read the span as its parts with text around them."""
    content = (turn["content"] or "").strip()
    parts = [part.strip() for part in (turn.get("reasoning_content"), content) if part is not None]
    if content not in span:  # thinking inside the content, which the template takes apart
        thought, answer = read(content)
        parts = [part.strip() for part in (thought, answer) if part is not None]
    frames: set[tuple[int, Frame]] = {(0, ())}
    for part in parts:
        frames = {
            (at + len(part), (*frame, span[begin:at].strip()))
            for begin, frame in frames
            for at in _places(span, part, begin)
        }
    if not frames and len(parts) > 1 and parts[0] not in span:
        raise UserError(
            f"{where}: the chat template leaves out the turn's reasoning {render.short(parts[0])}; "
            "choose a template with reasoning, or set `reasoning: in_content` or `reasoning: drop` "
            "on the source in the mixture"
        )
    if not frames:
        raise UserError(
            f"{where}: the trained tokens decode to {render.short(span)}, which is not the "
            f"assistant's turn {render.short(' + '.join(parts))}"
        )
    for call in turn.get("tool_calls") or ():
        name = call.get("function", call)["name"]
        if name not in span:
            raise UserError(
                f"{where}: the call to {name} is not among the trained tokens; the chat template "
                "does not render tool calls"
            )
    kind = "reasoning" if len(parts) > 1 else "answer"
    return kind, {(*frame, span[begin:].strip()) for begin, frame in frames}


def _places(span: str, part: str, begin: int) -> Iterator[int]:
    at = span.find(part, begin)
    while at >= 0:
        yield at
        at = span.find(part, at + 1) if part else (at + 1 if at < len(span) else -1)


def shown(found: Mapping[str, Any]) -> str:
    """What `check_assistant_mask` found, as the plan prints it."""
    frames = []
    if "reasoning" in found:
        before, between, after = found["reasoning"]
        frames.append(f"{before!r} + reasoning + {between!r} + answer + {after!r}")
    if "answer" in found:
        before, after = found["answer"]
        frames.append(f"{before!r} + answer + {after!r}")
    return f"{' or '.join(frames)}, in {found['rows']:,} rows checked"


def check_rendering(
    tokenizer: PreTrainedTokenizerBase, conversations: Iterable[tuple[render.Row, render.Turns]]
) -> dict[str, Any]:
    """Make sure that the template writes every turn and every tool of the conversations.

    Args:
        conversations: each row with those turns of it that are rendered in one piece.

    Returns:
        {"rows with calls but no tools on offer": number} where there are such rows.

    Raises:
        UserError: which row's turn or tool the template leaves out, or why it refuses the row.
    """
    offerless = 0
    for row, turns in conversations:
        written = render.text(tokenizer, turns, row, generation=turns[-1]["role"] != "assistant")
        lost = render.left_out(written, turns, row)
        if lost:
            raise UserError(
                f"row {row.get('id', '?')}: the chat template leaves out {lost}; choose another "
                "template (--chat_template_path), or take such rows out in the mixture"
            )
        calls = any(turn.get("tool_calls") for turn in turns)
        offerless += bool(calls and not render.arguments(row)["tools"])
    return {"rows with calls but no tools on offer": offerless} if offerless else {}


def check_weights(rows: Iterable[Mapping[str, Any]], column: str, exact: frozenset[Any]) -> None:
    """UserError, with the count, where turns have weights that this loss cannot honour exactly."""
    odd = [
        str(row.get("id", "?"))
        for row in rows
        if any(t.get("weight", 1) not in exact for t in row[column] if t["role"] == "assistant")
    ]
    if odd:
        allowed = " and ".join(str(weight) for weight in sorted(exact))
        raise UserError(
            f"{len(odd)} rows have assistant turns in `{column}` with a weight other than "
            f"{allowed} (first: {odd[0]}), which this loss cannot honour; take them out in the "
            "mixture, or give them a weight that it can"
        )

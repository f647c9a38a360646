r"""Final answer of a reply: without its reasoning, and out of its `<answer>` tags.

The one place that knows how models mark reasoning: generation keeps it beside the answer, rewards
and evaluation judge what is left. The opening tag may be missing (the chat template wrote it into
the prompt: DeepSeek R1, QwQ, Qwen 3.5). Reasoning that never ends is no answer, whatever it
guesses on the way. Tags that a text only quotes (`</think>` in backticks, an example in a fenced
block) are text.

>>> read("<think>6 * 7</think>\n42")
Response(reasoning='6 * 7', answer='42')
>>> final_answer("so six or five</think><answer>42</answer>")
'42'
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

# The names that models and templates use: Qwen and DeepSeek, Claude and Gemini imitations, TRL's
# examples, Seed-OSS; Magistral, Kimi-VL and OpenThoughts have forms of their own.
_NAMES = "think|thinking|thought|thoughts|reasoning|seed:think"
_TAG = re.compile(
    rf"(?P<opens><(?:{_NAMES})>|\[THINK\]|◁think▷|<\|begin_of_thought\|>)"
    rf"|</(?:{_NAMES})>|\[/THINK\]|◁/think▷|<\|end_of_thought\|>",
    re.IGNORECASE,
)
_ANSWER = re.compile(
    r"(?:<answer>|<\|begin_of_solution\|>)(?P<said>.*?)(?:</answer>|<\|end_of_solution\|>|\Z)",
    re.IGNORECASE | re.DOTALL,
)


class Response(NamedTuple):
    """A reply in two parts. `answer` is None where the reasoning never ended."""

    reasoning: str | None
    answer: str | None


def read(text: str, in_thought: bool = False) -> Response:
    """Split a reply into its reasoning and the rest; the rest of a reply without any is itself.

    With `in_thought` the reasoning began in the prompt (`opens_thought` tells).
    """
    if not in_thought and "<" not in text and "[" not in text and "◁" not in text:
        return Response(None, text)  # no tag begins otherwise
    thoughts: list[str] = []
    said: list[str] = []
    rest = text
    if in_thought:
        rest = reopened(text)
    while (tag := next(_tags(rest), None)) and not _shown(rest, tag):
        before = rest[: tag.start()]
        if not tag["opens"]:  # its opening tag stood in the prompt
            thoughts.append(before)
            rest = rest[tag.end() :]
            continue
        said.append(before)
        end = next((end for end in _tags(rest, tag.end()) if not end["opens"]), None)
        if end is None:
            return Response(_joined([*thoughts, rest[tag.end() :]]), None)
        thoughts.append(rest[tag.end() : end.start()])
        rest = rest[end.end() :]
    if not thoughts:
        return Response(None, text)
    return Response(_joined(thoughts), "".join([*said, rest]).lstrip())


def final_answer(text: str, in_thought: bool = False) -> str | None:
    """What is to be judged: the reply without reasoning, and the inside of its last `<answer>`
    where it has one. None where the reasoning never ended."""
    answer = read(text, in_thought).answer
    if answer is None:
        return None
    tagged = [m["said"].strip() for m in _ANSWER.finditer(answer) if not _fenced(answer, m.start())]
    return next((said for said in reversed(tagged) if said), answer)


def stopped(text: str, stops: Sequence[str]) -> str | None:
    """The reply up to the first of `stops` in its answer, or None where none stands there. What
    the reasoning holds stops nothing.

    >>> stopped("<think>A?\\n</think>\\n42\\nQ: more", ["\\nQ:"])
    '<think>A?\\n</think>\\n42'
    """
    answer = read(text).answer
    ends = [at for stop in stops if answer and (at := answer.find(stop)) >= 0]
    return text[: len(text) - len(answer or "") + min(ends)] if ends else None


def is_tag(text: str) -> bool:
    """Whether the text is one of the tags around a thought, and nothing else."""
    return _TAG.fullmatch(text.strip()) is not None


def has_tag(text: str) -> bool:
    """Whether a text (a chat template, say) speaks of thoughts anywhere."""
    return _TAG.search(text) is not None


def reopened(text: str) -> str:
    """A reply whose thought began in the prompt, with its opening tag."""
    return text if _opening(text) else f"<think>\n{text.lstrip()}"


def opens_thought(prompt: str) -> bool:
    """Whether a rendered prompt ends inside a thought: the reply begins without its tag."""
    last = max(_tags(prompt), key=re.Match.end, default=None)
    return last is not None and bool(last["opens"]) and not prompt[last.end() :].strip()


def _opening(text: str) -> bool:
    tag = _TAG.match(text.lstrip())
    return bool(tag and tag["opens"])


def _tags(text: str, start: int = 0) -> Iterator[re.Match[str]]:
    """The tags that stand in no quotation marks or backticks of their own."""
    for tag in _TAG.finditer(text, start):
        quote = re.search(r"(?:\A|[\s(\[])([`'\"])\Z", text[max(0, tag.start() - 2) : tag.start()])
        if quote is None or not text.startswith(quote[1], tag.end()):
            yield tag


def _shown(text: str, tag: re.Match[str]) -> bool:
    """Whether an opening tag is part of what a text shows: in mid-line, or in a fenced block."""
    before = text[: tag.start()]
    return bool(tag["opens"]) and (
        bool(before.rpartition("\n")[2].strip()) or _fenced(text, tag.start())
    )


def _fenced(text: str, end: int) -> bool:
    return len(re.findall(r"^[ \t]*(?:```|~~~)", text[:end], re.MULTILINE)) % 2 == 1


def _joined(thoughts: list[str]) -> str | None:
    return "\n\n".join(thought.strip() for thought in thoughts if thought.strip()) or None

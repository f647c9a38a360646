"""Long-context items in the manner of RULER (Hsieh et al. 2024), generated.

    python -m eval.suites.ruler ruler.jsonl --words 4000 --words 16000 --items 50

Needles in a haystack (one of one, one of many, all values of one key), variable tracking (all names
that got one value), and common words. An item's subset is its task and length; its answers are all
to be found in the reply. The same seed makes the same items. Lengths are words, not tokens, so that
every model reads the same text.
"""

import json
import random
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

NOISE = (
    "The grass is green.", "The sky is blue.", "The sun is yellow.", "Here we go.",
    "There and back again.", "The road is long.", "The night is still.", "Nobody is at home.",
)  # fmt: skip
FIRST = "amber brisk clever dusty eager faint gentle hollow ivory jolly keen lucid mellow noble"
SECOND = "anchor basket candle dragon engine falcon garden hammer island jacket kettle lantern"
WORDS = [f"{a}-{b}" for a in FIRST.split() for b in SECOND.split()]

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


class Made(NamedTuple):
    """A haystack, the question after it, and the answers that must all be given."""

    text: str
    question: str
    answers: list[str]


def hidden(needles: list[str], words: int, draw: random.Random) -> str:
    """The sentences among noise, at random places in the order given; about `words` words."""
    noise: list[str] = []
    size = sum(len(needle.split()) for needle in needles)
    while size < words:
        noise.append(draw.choice(NOISE))
        size += len(noise[-1].split())
    places = sorted(draw.randint(0, len(noise)) for _ in needles)
    for place, needle in reversed(list(zip(places, needles, strict=True))):
        noise.insert(place, needle)
    return " ".join(noise)


def _needle(key: str, value: str) -> str:
    return f"One of the special magic numbers for {key} is: {value}."


def _numbers(draw: random.Random, count: int) -> list[str]:
    return [str(number) for number in draw.sample(range(1_000_000, 10_000_000), count)]


def single(words: int, draw: random.Random) -> Made:
    """One needle in a haystack: a number to find."""
    key, (value,) = draw.choice(WORDS), _numbers(draw, 1)
    question = f"What is the special magic number for {key} mentioned in the text?"
    return Made(hidden([_needle(key, value)], words, draw), question, [value])


def multikey(words: int, draw: random.Random) -> Made:
    """One needle among others like it: a quarter of the text are needles, of other keys."""
    count = min(len(WORDS), max(4, words // 40))
    keys, values = draw.sample(WORDS, count), _numbers(draw, count)
    needles = [_needle(key, value) for key, value in zip(keys, values, strict=True)]
    asked = draw.randrange(count)
    question = f"What is the special magic number for {keys[asked]} mentioned in the text?"
    return Made(hidden(needles, words, draw), question, [values[asked]])


def multivalue(words: int, draw: random.Random) -> Made:
    """Several needles of one key: all of its numbers are to be found."""
    key, values = draw.choice(WORDS), _numbers(draw, 4)
    question = f"What are all the special magic numbers for {key} mentioned in the text?"
    return Made(hidden([_needle(key, value) for value in values], words, draw), question, values)


def tracking(words: int, draw: random.Random) -> Made:
    """Two chains of assignments of which one is asked for, its names all to be given."""
    names = [f"V{number}" for number in draw.sample(range(100, 1000), 10)]
    values = _numbers(draw, 2)
    chains = []
    for own, value in ((names[:5], values[0]), (names[5:], values[1])):
        steps = [f"VAR {own[0]} = {value}."]
        steps += [f"VAR {after} = VAR {before}." for before, after in pairwise(own)]
        chains.append(steps)
    mixed = []
    while any(chains):
        mixed.append(draw.choice([chain for chain in chains if chain]).pop(0))
    question = f"Which variables are assigned the value {values[0]}, directly or through others?"
    return Made(hidden(mixed, words, draw), question, names[:5])


def common(words: int, draw: random.Random) -> Made:
    """Five words that come ten times as often as the others."""
    times = -(-words // (len(WORDS) + 45))
    known = draw.sample(WORDS, min(len(WORDS), words // times - 45))
    often, rare = known[:5], known[5:]
    listed = often * (10 * times) + rare * times
    draw.shuffle(listed)
    question = "What are the five words that are most common in the list above?"
    return Made(" ".join(listed), question, often)


TASKS: dict[str, Callable[[int, random.Random], Made]] = {
    task.__name__: task for task in (single, multikey, multivalue, tracking, common)
}


def items(words: list[int], count: int, seed: int) -> Iterator[dict[str, Any]]:
    """Items of every kind, drawn from the seed."""
    for length in words:
        for name, make in TASKS.items():
            for number in range(count):
                identity = f"{name}-{length}-{seed}-{number}"
                made = make(length, random.Random(identity))
                yield {
                    "id": identity,
                    "prompt": made.question,
                    "passage": made.text,
                    "subset": f"{name}-{length}",
                    "meta": {"every": made.answers},
                }


@app.command()
def main(
    out: Annotated[Path, typer.Argument(help="The suite's file: ruler.jsonl")],
    words: Annotated[list[int], typer.Option(min=500, help="Length, again and again for several")],
    count: Annotated[int, typer.Option("--items", min=1, help="Items a task and length")] = 50,
    seed: Annotated[int, typer.Option(help="Another seed makes other items")] = 0,
) -> None:
    """Make long-context items: needles, variables, common words."""
    made = list(items(words, count, seed))
    out.write_text("\n".join(map(json.dumps, made)) + "\n", encoding="utf-8")
    typer.echo(f"{out}: {len(made):,} items")


if __name__ == "__main__":
    app()

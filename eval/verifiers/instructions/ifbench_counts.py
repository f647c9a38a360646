"""IFBench's `count:` and `ratio:` instructions (arXiv:2507.02833), under their published ids.

Each checks what the published instruction asks for; where the published checker is known to check
something else, the difference is in docs/instruction-following.md.
"""

import re
from typing import Annotated

from pydantic import Field

from eval.verifiers.instructions.instruction import Count, Positive, Text, instruction
from eval.verifiers.instructions.lexicon import CONJUNCTIONS, PERSON_NAMES, PRONOUNS, STOP_WORDS
from eval.verifiers.instructions.segmentation import plain_words, sentences, tokens, words

Percentage = Annotated[float, Field(ge=0, le=100)]

_JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")


@instruction("count:word_count_range", "ifbench")
def word_count_range(text: str, min_words: Count, max_words: Count) -> bool:
    return min_words <= len(words(text)) <= max_words


@instruction("count:unique_word_count", "ifbench")
def unique_word_count(text: str, N: Count) -> bool:
    return len(set(tokens(text.lower()))) >= N


@instruction("count:conjunctions", "ifbench")
def conjunctions(text: str, small_n: Count) -> bool:
    """At least so many different coordinating conjunctions."""
    return len(CONJUNCTIONS.intersection(tokens(text.lower()))) >= small_n


@instruction("count:person_names", "ifbench")
def person_names(text: str, N: Count) -> bool:
    """At least so many different names of the fifty that the prompt lists."""
    return len(PERSON_NAMES.intersection(words(text))) >= N


@instruction("count:numbers", "ifbench")
def numbers(text: str, N: Count) -> bool:
    """Exactly so many numbers in digits; "1,000" and "3.5" are one number each."""
    return len(re.findall(r"\d+(?:[.,]\d+)*", text)) == N


@instruction("count:pronouns", "ifbench")
def pronouns(text: str, N: Count) -> bool:
    return sum(word in PRONOUNS for word in words(text.lower())) >= N


@instruction("count:punctuation", "ifbench")
def punctuation(text: str) -> bool:
    """Every standard mark once, and an interrobang besides, written ‽, !? or ?!."""
    interrobang = re.search(r"‽|!\?|\?!", text)
    if interrobang is None:
        return False
    rest = text[: interrobang.start()] + text[interrobang.end() :]
    return set(".,!?;:") <= set(rest)


@instruction("count:keywords_multiple", "ifbench")
def keywords_multiple(
    text: str, keyword1: Text, keyword2: Text, keyword3: Text, keyword4: Text, keyword5: Text
) -> bool:
    """The keywords exactly once, twice, three, five and seven times."""
    keywords = (keyword1, keyword2, keyword3, keyword4, keyword5)
    return all(
        text.lower().count(keyword.strip().lower()) == times
        for keyword, times in zip(keywords, (1, 2, 3, 5, 7), strict=True)
    )


@instruction("count:words_japanese", "ifbench")
def words_japanese(text: str, N: Positive) -> bool:
    """Every Nth word is Japanese; a numeral there is let pass."""
    every_nth = text.split()[N - 1 :: N]
    judged = [word for word in every_nth if words(word) and not words(word)[0].isdigit()]
    return all(_JAPANESE.search(word) for word in judged)


@instruction("ratio:stop_words", "ifbench")
def stop_words(text: str, percentage: Percentage) -> bool:
    found = words(text.lower())
    return bool(found) and 100 * sum(w in STOP_WORDS for w in found) <= percentage * len(found)


@instruction("ratio:sentence_type", "ifbench")
def sentence_type(text: str) -> bool:
    """Two declarative sentences to one interrogative."""
    declarative, interrogative, _ = _sentence_types(text)
    return interrogative > 0 and declarative == 2 * interrogative


@instruction("ratio:sentence_balance", "ifbench")
def sentence_balance(text: str) -> bool:
    """As many declarative as interrogative as exclamatory sentences."""
    declarative, interrogative, exclamatory = _sentence_types(text)
    return declarative == interrogative == exclamatory > 0


def _sentence_types(text: str) -> tuple[int, int, int]:
    """Sentences ending in a full stop, a question mark, an exclamation mark."""
    ends = [sentence.rstrip("\"'”’)]*_")[-1:] for sentence in sentences(text)]
    return ends.count("."), ends.count("?"), ends.count("!")


@instruction("ratio:overlap", "ifbench")
def overlap(text: str, reference_text: Text, percentage: Percentage) -> bool:
    """The share of the text's character trigrams found in the reference, within 2 points."""
    mine, theirs = _trigrams(text), _trigrams(reference_text)
    return bool(mine) and abs(100 * len(mine & theirs) / len(mine) - percentage) <= 2


def _trigrams(text: str) -> set[str]:
    return {text[i : i + 3] for i in range(len(text) - 2)}


@instruction("ratio:sentence_words", "ifbench")
def sentence_words(text: str) -> bool:
    """Three sentences of as many characters each, no word used twice."""
    parts = sentences(text)
    used = plain_words(text)
    return len(parts) == 3 and len(set(map(len, parts))) == 1 and len(set(used)) == len(used)

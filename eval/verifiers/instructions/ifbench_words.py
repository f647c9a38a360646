"""IFBench's `words:` and `sentence:` instructions (arXiv:2507.02833), under their published ids.

Differences from the published checkers are in docs/instruction-following.md. Syllables and verbs
are told by rules and word lists (`segmentation`, `lexicon`), not by a trained tagger.
"""

import re
import string
from collections import Counter
from itertools import pairwise

from eval.verifiers.instructions.instruction import Count, Positive, Text, instruction
from eval.verifiers.instructions.lexicon import IRREGULAR_VERB_FORMS, VERBS
from eval.verifiers.instructions.segmentation import (
    lines,
    plain_words,
    sentences,
    syllables,
    tokens,
)

_CONSONANTS = "[bcdfghjklmnpqrstvwxyz]"
_FINITE = re.compile(r"(?:is|are|was|were|has|can|could|will|would|may|might|must|should)$")


@instruction("words:alphabet", "ifbench")
def alphabet(text: str) -> bool:
    """Each word starts with the letter after the last word's, "a" after "z"; any first letter."""
    initials = "".join(word[0] for word in plain_words(text))
    start = string.ascii_lowercase.find(initials[:1] or "?")
    cycle = string.ascii_lowercase * (len(initials) // 26 + 2)
    return start >= 0 and cycle[start : start + len(initials)] == initials


@instruction("words:consonants", "ifbench")
def consonants(text: str) -> bool:
    """Each word has two consonants together; y counts as one."""
    return all(re.search(_CONSONANTS * 2, word) for word in plain_words(text))


@instruction("words:vowel", "ifbench")
def vowel(text: str) -> bool:
    """One paragraph with at most three different vowels."""
    return len(text.strip().split("\n")) == 1 and len(set("aeiou") & set(text.lower())) <= 3


@instruction("words:palindrome", "ifbench")
def palindrome(text: str) -> bool:
    """At least ten palindromes of five or more characters; repeats count."""
    return sum(len(w) >= 5 and w == w[::-1] for w in plain_words(text)) >= 10


@instruction("words:prime_lengths", "ifbench")
def prime_lengths(text: str) -> bool:
    return all(_is_prime(len(word)) for word in plain_words(text))


def _is_prime(n: int) -> bool:
    return n > 1 and all(n % divisor for divisor in range(2, int(n**0.5) + 1))


@instruction("words:repeats", "ifbench")
def repeats(text: str, small_n: Positive) -> bool:
    """No word more often than so many times."""
    return all(count <= small_n for count in Counter(plain_words(text)).values())


@instruction("words:no_consecutive", "ifbench")
def no_consecutive(text: str) -> bool:
    """No two neighbouring words with the same first letter."""
    return all(a[0] != b[0] for a, b in pairwise(plain_words(text)))


@instruction("words:odd_even_syllables", "ifbench")
def odd_even_syllables(text: str) -> bool:
    parities = [syllables(word) % 2 for word in plain_words(text)]
    return all(a != b for a, b in pairwise(parities))


@instruction("words:start_verb", "ifbench")
def start_verb(text: str) -> bool:
    """The first word can be a verb, and no finite verb follows it at once ("Water is wet")."""
    found = tokens(text.lower())
    if not found or not _can_be_verb(found[0]):
        return False
    is_base_form = found[0] in VERBS
    return not (is_base_form and len(found) > 1 and _FINITE.match(found[1]))


def _can_be_verb(word: str) -> bool:
    if word in VERBS or word in IRREGULAR_VERB_FORMS:
        return True
    stems = {word.removesuffix("s"), word.removesuffix("es"), word.removesuffix("d")}
    for ending in ("ing", "ed"):
        if word.endswith(ending):
            stem = word.removesuffix(ending)
            stems |= {stem, stem + "e"}
            if stem[-1:] == stem[-2:-1]:
                stems.add(stem[:-1])
    if word.endswith(("ies", "ied")):
        stems.add(word[:-3] + "y")
    return not VERBS.isdisjoint(stems)


@instruction("words:last_first", "ifbench")
def last_first(text: str) -> bool:
    """The last word of each sentence opens the next; two sentences at least."""
    parts = [tokens(sentence.lower()) for sentence in sentences(text)]
    return len(parts) > 1 and all(a and b and a[-1] == b[0] for a, b in pairwise(parts))


@instruction("words:paragraph_last_first", "ifbench")
def paragraph_last_first(text: str) -> bool:
    """Each paragraph, parted by a line break, ends with the word that it started with."""
    parts = [tokens(line.lower()) for line in lines(text)]
    return all(part[0] == part[-1] for part in parts if part)


@instruction("words:keywords_specific_position", "ifbench")
def keywords_specific_position(text: str, keyword: Text, n: Positive, m: Positive) -> bool:
    """The keyword is the m-th word of the n-th sentence."""
    parts = sentences(text)
    found = tokens(parts[n - 1].lower()) if len(parts) >= n else []
    return len(found) >= m and found[m - 1] == keyword.strip().lower()


@instruction("words:words_position", "ifbench")
def words_position(text: str, keyword: Text) -> bool:
    """The second word and the last but one are the keyword."""
    found = tokens(text.lower())
    return len(found) > 1 and found[1] == found[-2] == keyword.strip().lower()


@instruction("sentence:keyword", "ifbench")
def sentence_keyword(text: str, word: Text, N: Positive) -> bool:
    """The N-th sentence has the word."""
    parts = sentences(text)
    return len(parts) >= N and bool(
        re.search(rf"(?<!\w){re.escape(word.strip())}(?!\w)", parts[N - 1], re.IGNORECASE)
    )


@instruction("sentence:increment", "ifbench")
def increment(text: str, small_n: Count) -> bool:
    """Each sentence has exactly so many words more than the one before; two at least."""
    counts = [len(plain_words(sentence)) for sentence in sentences(text)]
    return len(counts) > 1 and all(b - a == small_n for a, b in pairwise(counts))


@instruction("sentence:alliteration_increment", "ifbench")
def alliteration_increment(text: str) -> bool:
    """Each sentence has more alliterating words than the one before; two at least."""
    counts = [_alliterating(sentence) for sentence in sentences(text)]
    return len(counts) > 1 and all(a < b for a, b in pairwise(counts))


def _alliterating(sentence: str) -> int:
    """Words that share their first letter with a neighbour."""
    initials = [word[0] for word in plain_words(sentence)]
    same = [False, *(a == b for a, b in pairwise(initials)), False]
    return sum(before or after for before, after in pairwise(same)) if initials else 0

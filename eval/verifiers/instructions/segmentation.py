"""Text segmentation for the instruction checkers: words, sentences, syllables, emoji.

Everything is rule-based, needs no downloaded model and gives the same answer on every machine.
The published IFEval and IFBench checkers use NLTK's trained sentence splitter and word tokenizer;
`sentences` follows their conventions (a line break alone ends nothing) and may differ from them
on rare abbreviations.
"""

import re

from eval.verifiers.instructions.lexicon import NUMBERED, SUFFIXES, SYLLABLES, TITLES

_END = re.compile(r"""(?:[.!?…‽]+["'”’)\]*_]*(?=\s|$)|[。！？]+[」』”’）]*)\s*""")
_LAST_TOKEN = re.compile(r"(\S+)$")
_ENUMERATOR = re.compile(r"(?:^|\n)\s*(?:\d{1,3}|[A-Za-z])\.$")

_EMOJI = re.compile(
    "[\U0001f1e6-\U0001f1ff\U0001f300-\U0001faff☀-➿⌚⌛⏩-⏳⏸-⏺⬅-⬇⬛⬜⭐⭕〰〽㊗㊙©®™ℹ↔-↪◾◽▪▫▶◀]"
)
_EMOJI_JOINERS = "\u200d\ufe0f\u20e3"


def words(text: str) -> list[str]:
    """Runs of letters, digits and underscores: the published word count counts these."""
    return re.findall(r"\w+", text)


def plain_words(text: str) -> list[str]:
    """Whitespace-separated words in lower case with every punctuation mark removed.

    "Well-known, isn't it?" gives ["wellknown", "isnt", "it"].
    """
    return re.sub(r"[^\w\s]|_", "", text.lower()).split()


def tokens(text: str) -> list[str]:
    """Words as a reader sees them: hyphens and apostrophes stay inside, outer marks go."""
    return re.findall(r"\w+(?:[-'’.]\w+)*", text)


def lines(text: str) -> list[str]:
    """The lines that hold anything but whitespace, as they are."""
    return [line for line in text.split("\n") if line.strip()]


def sentences(text: str) -> list[str]:
    """The text cut after each sentence end, stripped; text after the last end counts as one."""
    found, start = [], 0
    for end in _END.finditer(text):
        if _ends_sentence(text[start : end.end()].rstrip(), text[end.end() :]):
            found.append(text[start : end.end()].strip())
            start = end.end()
    rest = text[start:].strip()
    return [*found, rest] if rest else found


def _ends_sentence(before: str, after: str) -> bool:
    bare = before.rstrip("\"'”’)]*_")
    if before != bare and after[:1].islower():
        return False  # a quoted question inside a sentence: "Why?" she asked.
    if not bare.endswith((".", "…")):
        return True
    last = _LAST_TOKEN.search(bare)
    token = last.group(1).lstrip("\"'“‘([*_") if last else ""
    lowered = token.rstrip(".…").lower()
    follows_small = after[:1].islower()
    if token.endswith(("...", "…")):
        return not follows_small
    if lowered in TITLES or _ENUMERATOR.search(before):
        return not after
    if lowered in NUMBERED and after[:1].isdigit():
        return False
    if lowered in SUFFIXES:
        return after[:1].isupper() or not after
    initial = len(lowered) == 1 and token[0].isupper() and token[0] != "I"
    return not (initial and after[:1].isupper() and len(bare.split()) > 1 and _capital_before(bare))


def _capital_before(bare: str) -> bool:
    """True where the word before the last one starts with a capital: "George W." is a name."""
    return bare.split()[-2][:1].isupper()


def is_emoji(character: str) -> bool:
    return bool(_EMOJI.match(character)) or character in _EMOJI_JOINERS


def syllables(word: str) -> int:
    """Syllables of an English word by rules and a short list of exceptions; at least 1."""
    word = re.sub(r"[^a-z]", "", word.lower())
    if word in SYLLABLES:
        return SYLLABLES[word]
    groups = len(re.findall(r"[aeiouy]+", word))
    groups += len(re.findall(r"(?:ia(?!n$|l$)|io(?!n|us)|eo(?!u)|iu|ua(?!r)|uo)", word))
    silent_e = re.search(r"[^aeiouy]e$", word) and not re.search(r"[^aeiouylr]le$", word)
    silent_ed = re.search(r"[^aeiouytd]ed$", word)
    silent_es = re.search(r"[^aeiouyscxzgh]es$", word) and not re.search(r"[^aeiouy]les$", word)
    return max(1, groups - bool(silent_e) - bool(silent_ed) - bool(silent_es))

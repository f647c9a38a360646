"""IFBench's `format:` instructions (arXiv:2507.02833), under their published ids.

Differences from the published checkers are in docs/instruction-following.md.
"""

import re
from itertools import pairwise

from eval.verifiers.instructions.instruction import Text, instruction
from eval.verifiers.instructions.lexicon import MINOR_WORDS
from eval.verifiers.instructions.segmentation import is_emoji, lines, plain_words, sentences, tokens

_PARTNERS = {")": "(", "]": "[", "}": "{"}


@instruction("format:emoji", "ifbench")
def emoji(text: str) -> bool:
    """An emoji ends every sentence, before its full stop or after."""
    parts = [re.sub(r"[^\w\s☀-\U0001faff‍️]", "", part).strip() for part in sentences(text)]
    spoken = [part for part in parts if part]
    return bool(spoken) and all(
        is_emoji(part[-1]) or is_emoji(after[:1] or " ") for part, after in pairwise([*spoken, ""])
    )


@instruction("format:line_indent", "ifbench")
def line_indent(text: str) -> bool:
    """Each line is indented more than the one before; two lines at least."""
    indents = [len(line) - len(line.lstrip()) for line in lines(text)]
    return len(indents) > 1 and all(a < b for a, b in pairwise(indents))


@instruction("format:list", "ifbench")
def list_items(text: str, sep: Text) -> bool:
    """The marker stands at least twice."""
    return text.count(sep) >= 2


@instruction("format:newline", "ifbench")
def newline(text: str) -> bool:
    """Each word has a line of its own."""
    counts = [len(plain_words(line)) for line in lines(text)]
    return any(counts) and max(counts) == 1


@instruction("format:no_bullets_bullets", "ifbench")
def no_bullets_bullets(text: str) -> bool:
    """Two sentences ending in a full stop, then two or more * bullets, then nothing else."""
    rows = lines(text)
    is_bullet = [row.lstrip().startswith("*") for row in rows]
    first = is_bullet.index(True) if True in is_bullet else len(rows)
    prose = sentences("\n".join(rows[:first]))
    ended = sum(sentence.rstrip("\"'”’)]*_").endswith(".") for sentence in prose)
    return ended >= 2 and len(rows) - first >= 2 and all(is_bullet[first:])


@instruction("format:no_whitespace", "ifbench")
def no_whitespace(text: str) -> bool:
    return not any(character.isspace() for character in text)


@instruction("format:options", "ifbench")
def options(text: str, options: Text) -> bool:
    """The answer is one of the options, parted by "/", else " or ", else commas. Case aside."""
    parting = next((mark for mark in ("/", " or ") if mark in options), ",")
    parts = options.split(parting)
    return _bare(text) in {_bare(part) for part in parts}


def _bare(text: str) -> str:
    return " ".join(re.sub(r"^[\W_]+|[\W_]+$", "", text).lower().split())


@instruction("format:output_template", "ifbench")
def output_template(text: str) -> bool:
    return all(label in text for label in ("My Answer:", "My Conclusion:", "Future Outlook:"))


@instruction("format:parentheses", "ifbench")
def parentheses(text: str) -> bool:
    """Brackets of any kind, five or more inside each other, each closed by its own partner."""
    open_: list[str] = []
    deepest = 0
    for character in text:
        if character in "([{":
            open_.append(character)
            deepest = max(deepest, len(open_))
        elif character in _PARTNERS:
            if open_ and open_[-1] == _PARTNERS[character]:
                open_.pop()
            else:
                open_, deepest = [], 0
            if deepest - len(open_) >= 5:
                return True
            deepest = deepest if open_ else 0
    return False


@instruction("format:quotes", "ifbench")
def quotes(text: str) -> bool:
    """Quotes in quotes in quotes, double and single in turn. Apostrophes in words do not count."""
    straight = re.sub("[‘’]", "'", re.sub("[“”]", '"', text))
    marks = re.sub(r"(?<=\w)'(?=\w)", "", straight)
    open_: list[str] = []
    deepest = 0
    for mark in re.findall(r"[\"']", marks):
        if open_ and open_[-1] == mark:
            open_.pop()
            if deepest - len(open_) >= 3:
                return True
            deepest = deepest if open_ else 0
        else:
            open_.append(mark)
            deepest = max(deepest, len(open_))
    return False


@instruction("format:quote_unquote", "ifbench")
def quote_unquote(text: str) -> bool:
    """After every quoted phrase come words outside quotes."""
    parts = re.sub("[“”]", '"', text).split('"')
    return all(tokens(unquoted) for unquoted in parts[2::2])


@instruction("format:sub-bullets", "ifbench")
def sub_bullets(text: str) -> bool:
    """Bullets that begin with *, each with at least one line that begins with - below it."""
    marks = "".join(re.findall(r"^[ \t]*([*-])(?=[ \t])", text, flags=re.MULTILINE))
    return re.fullmatch(r"-*(?:\*-+)+", marks) is not None


@instruction("format:thesis", "ifbench")
def thesis(text: str) -> bool:
    """An HTML-italic thesis statement with text after it."""
    return re.search(r"<(i|em)>\s*[^<\s].*?</\1>\s*\S", text, flags=re.DOTALL) is not None


@instruction("format:title_case", "ifbench")
def title_case(text: str) -> bool:
    """Every word starts with a capital; articles, conjunctions and short prepositions need not."""
    found = [token for token in tokens(text) if token[0].isalpha()]
    return bool(found) and all(
        not token[0].islower() or (i > 0 and token in MINOR_WORDS) for i, token in enumerate(found)
    )

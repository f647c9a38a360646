"""The 25 instruction types of IFEval (arXiv:2311.07911, Table 1), under their published ids.

Each follows the published meaning. Two differences, both where the published checker lets through
what the instruction forbids: a text whose language cannot be told does not count as being in the
asked language, and keywords are literal text, never regular expressions.
"""

import re

from eval.language_id import language as language_of
from eval.verifiers.blocks import strict_json
from eval.verifiers.instructions.instruction import Count, Relation, Text, instruction
from eval.verifiers.instructions.segmentation import sentences, tokens, words

ANSWER_OPTIONS = ("My answer is yes.", "My answer is no.", "My answer is maybe.")


def _compare(count: int, relation: Relation, threshold: int) -> bool:
    return count < threshold if relation == "less than" else count >= threshold


def _occurrences(keyword: str, text: str) -> int:
    return len(re.findall(re.escape(keyword.strip()), text, flags=re.IGNORECASE))


@instruction("keywords:existence", "ifeval")
def keywords_exist(text: str, keywords: list[Text]) -> bool:
    return all(_occurrences(keyword, text) for keyword in keywords)


@instruction("keywords:frequency", "ifeval")
def keyword_frequency(text: str, keyword: Text, relation: Relation, frequency: Count) -> bool:
    return _compare(_occurrences(keyword, text), relation, frequency)


@instruction("keywords:forbidden_words", "ifeval")
def forbidden_words(text: str, forbidden_words: list[Text]) -> bool:
    return not any(
        re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, flags=re.IGNORECASE)
        for word in forbidden_words
    )


@instruction("keywords:letter_frequency", "ifeval")
def letter_frequency(text: str, letter: Text, let_relation: Relation, let_frequency: Count) -> bool:
    """The published data also counts marks such as "!" and "#" as letters."""
    return _compare(text.lower().count(letter.lower()), let_relation, let_frequency)


@instruction("language:response_language", "ifeval")
def response_language(text: str, language: Text) -> bool:
    return language_of(text) == language


@instruction("length_constraints:number_sentences", "ifeval")
def number_sentences(text: str, relation: Relation, num_sentences: Count) -> bool:
    return _compare(len(sentences(text)), relation, num_sentences)


@instruction("length_constraints:number_words", "ifeval")
def number_words(text: str, relation: Relation, num_words: Count) -> bool:
    return _compare(len(words(text)), relation, num_words)


@instruction("length_constraints:number_paragraphs", "ifeval")
def number_paragraphs(text: str, num_paragraphs: Count) -> bool:
    """Paragraphs parted by the markdown divider ***; only the outermost may be empty."""
    parts = [part.strip() for part in text.split("***")]
    inner = parts[1:-1]
    return all(inner) and sum(map(bool, parts)) == num_paragraphs


@instruction("length_constraints:nth_paragraph_first_word", "ifeval")
def nth_paragraph_first_word(
    text: str, num_paragraphs: Count, nth_paragraph: Count, first_word: Text
) -> bool:
    """Paragraphs parted by two line breaks; the first word is compared without its case."""
    paragraphs = [part for part in re.split(r"(?:\r?\n){2}", text) if part.strip()]
    if len(paragraphs) != num_paragraphs or not 1 <= nth_paragraph <= num_paragraphs:
        return False
    opening = paragraphs[nth_paragraph - 1].split()
    return re.split(r"[.,?!'\"]", opening[0].lstrip("'\""))[0].lower() == first_word.lower()


@instruction("detectable_content:number_placeholders", "ifeval")
def number_placeholders(text: str, num_placeholders: Count) -> bool:
    """Placeholders in square brackets, such as [address]; at least so many."""
    return sum(map(_placeholders, text.split("\n"))) >= num_placeholders


def _placeholders(line: str) -> int:
    """Brackets opened and closed on one line; a regular expression takes quadratic time here."""
    count, closed = 0, -1
    while (opened := line.find("[", closed + 1)) >= 0:
        closed = line.find("]", opened)
        if closed < 0:
            break
        count += 1
    return count


@instruction("detectable_content:postscript", "ifeval")
def postscript(text: str, postscript_marker: Text) -> bool:
    published = {"P.P.S": r"p\.\s?p\.\s?s", "P.S.": r"p\.\s?s\."}
    pattern = published.get(postscript_marker.strip(), re.escape(postscript_marker.lower()))
    return re.search(pattern, text.lower()) is not None


@instruction("detectable_format:number_bullet_lists", "ifeval")
def number_bullet_lists(text: str, num_bullets: Count) -> bool:
    """Exactly so many lines that begin with a bullet, * or -."""
    rows = [row.lstrip() for row in text.split("\n")]
    return sum(re.match(r"\*[^*]|-", row) is not None for row in rows) == num_bullets


@instruction("detectable_format:constrained_response", "ifeval")
def constrained_response(text: str) -> bool:
    return any(option in text for option in ANSWER_OPTIONS)


@instruction("detectable_format:number_highlighted_sections", "ifeval")
def number_highlighted_sections(text: str, num_highlights: Count) -> bool:
    """Spans between single or double asterisks on one line; at least so many."""
    single = re.findall(r"\*([^\n*]*)\*", text)
    double = re.findall(r"\*\*([^\n*]*)\*\*", text)
    return sum(bool(span.strip()) for span in single + double) >= num_highlights


@instruction("detectable_format:multiple_sections", "ifeval")
def multiple_sections(text: str, section_spliter: Text, num_sections: Count) -> bool:
    """Headings such as "Section 1"; at least so many. The misspelt name is the published one."""
    return len(re.findall(rf"{re.escape(section_spliter.strip())}\s?\d+", text)) >= num_sections


@instruction("detectable_format:json_format", "ifeval")
def json_format(text: str) -> bool:
    """The whole answer is JSON; a markdown code fence around it is allowed."""
    body = re.sub(r"^```(?:json)?|```$", "", text.strip(), flags=re.IGNORECASE)
    try:
        strict_json(body)
    except (ValueError, RecursionError):
        return False
    return True


@instruction("detectable_format:title", "ifeval")
def title(text: str) -> bool:
    """A title in double angular brackets, such as <<poem of joy>>."""
    return any(span.lstrip("<").rstrip(">").strip() for span in re.findall(r"<<[^\n]+>>", text))


@instruction("combination:two_responses", "ifeval")
def two_responses(text: str) -> bool:
    """Two different answers parted by six asterisks; nothing else may be parted by them."""
    parts = [part.strip() for part in text.split("******")]
    answers = [part for part in parts if part]
    return all(parts[1:-1]) and len(answers) == 2 and answers[0] != answers[1]


@instruction("combination:repeat_prompt", "ifeval")
def repeat_prompt(text: str, prompt_to_repeat: Text) -> bool:
    return text.strip().lower().startswith(prompt_to_repeat.strip().lower())


@instruction("startend:end_checker", "ifeval")
def end_checker(text: str, end_phrase: Text) -> bool:
    return text.strip().strip('"').lower().endswith(end_phrase.strip().lower())


@instruction("startend:quotation", "ifeval")
def quotation(text: str) -> bool:
    stripped = text.strip()
    return len(stripped) > 1 and stripped[0] == stripped[-1] == '"'


@instruction("change_case:capital_word_frequency", "ifeval")
def capital_word_frequency(text: str, capital_relation: Relation, capital_frequency: Count) -> bool:
    """Words all in capitals; a hyphenated word counts once."""
    capitals = sum(token.isupper() for token in tokens(text))
    return _compare(capitals, capital_relation, capital_frequency)


@instruction("change_case:english_capital", "ifeval")
def english_capital(text: str) -> bool:
    # langdetect knows English by its small letters.
    return text.isupper() and language_of(text.lower()) == "en"


@instruction("change_case:english_lowercase", "ifeval")
def english_lowercase(text: str) -> bool:
    return text.islower() and language_of(text) == "en"


@instruction("punctuation:no_comma", "ifeval")
def no_comma(text: str) -> bool:
    return "," not in text

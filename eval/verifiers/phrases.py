"""Answer phrases: the words that announce an answer, in the languages of the rows."""

import re

_WORDS = (
    r"answer(?:\s+to\s+(?:the|this)\s+\w+)?(?:\s+is\b|\s*[:=])",
    r"(?:antwort|lösung)(?:\s+(?:ist|lautet)\b|\s*:)",  # German
    r"réponse(?:\s+(?:finale|correcte))?(?:\s+est\b|\s*:)",  # French
    r"respuesta(?:\s+(?:final|correcta))?(?:\s+es\b|\s*:)",  # Spanish
    r"resposta(?:\s+(?:final|correta|certa))?(?:\s+é\b|\s*:)",  # Portuguese
    r"risposta(?:\s+(?:finale|corretta|giusta))?(?:\s+è\b|\s*:)",  # Italian
    r"antwoord(?:\s+is\b|\s*:)",  # Dutch
    r"svar(?:et)?(?:\s+(?:är|er)\b|\s*:)",  # Swedish, Norwegian, Danish
    r"vastaus(?:\s+on\b|\s*:)",  # Finnish
    r"vastus(?:\s+on\b|\s*:)",  # Estonian
    r"odpowiedź(?:\s+(?:to|brzmi)\b|\s*:)",  # Polish
    r"odpověď(?:\s+(?:je|zní)\b|\s*:)",  # Czech
    r"răspunsul(?:\s+este\b|\s*:)",  # Romanian
    r"válasz(?:\s*:)",  # Hungarian
    r"απάντηση(?:\s+είναι\b|\s*:)",  # Greek
    r"ответ(?:\s+равен\b|\s*[:—–])",  # Russian
    r"відповідь(?:\s*[:—–])",  # Ukrainian
    r"cevap(?:\s*:)",  # Turkish
    r"đáp\s+(?:án|số)(?:\s+là\b|\s*:)",  # Vietnamese
    r"jawaban(?:nya)?(?:\s+adalah\b|\s*:)",  # Indonesian
    r"الإجابة(?:\s+هي\b|\s*:)",  # Arabic
    r"उत्तर(?:\s+है\b|\s*:)",  # Hindi
    r"答案\s*(?:是|为|為|[:：])",  # Chinese
    r"(?:答え|正解)\s*(?:は|[:：])",  # Japanese
    r"(?:정답|답)\s*(?:은|[:：])",  # Korean
)
# A word, not the end of one; scripts that write no spaces have no such edge.
ANSWER_IS = rf"(?:(?<![^\W_])(?:{'|'.join(_WORDS[:-3])})|{'|'.join(_WORDS[-3:])})"
"""A pattern that ends where the answer begins, but for blanks, colons and markup. Ignore case."""

COMPILED = re.compile(ANSWER_IS, re.IGNORECASE)


def said(text: str) -> list[str]:
    """What follows each announcement of an answer, to the end of its line; the last one last.

    Of "Final answer: the answer is 8" only what follows the second is said.
    """
    found = []
    for match in COMPILED.finditer(text):
        line = text[match.end() :].lstrip(" \t:*").partition("\n")[0]
        if not line.strip(" *$"):  # the answer stands in the next line
            line = text[match.end() :].lstrip(" \t\n:*").partition("\n")[0]
        found.append(line)
    return found

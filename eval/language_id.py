"""Language identification with langdetect: the one place that says what language a text is in.

IFEval's published verdicts are langdetect's, so no other identifier stands beside it.
"""

import re
from functools import lru_cache
from pathlib import Path

from langdetect import PROFILES_DIRECTORY, DetectorFactory, LangDetectException, detect_langs

# langdetect samples; without a seed the same text can get two answers.
DetectorFactory.seed = 0

KNOWN = frozenset(file.name.split("-")[0] for file in Path(PROFILES_DIRECTORY).iterdir())
"""ISO 639-1 codes of the languages that can be told."""
_LONG_ENOUGH = 80
_NOT_PROSE = re.compile(
    r"```.*?(?:```|\Z)|`[^`\n]*`|\$\$.*?\$\$|\$[^$\n]*\$|\\\(.*?\\\)|\\\[.*?\\\]|\\\w+",
    re.DOTALL,
)


@lru_cache(maxsize=4096)
def languages(text: str) -> tuple[str, ...]:
    """langdetect's codes (`en`, `zh-cn`) of the languages that a text may be in, likeliest first;
    none where nothing tells."""
    try:
        return tuple(guess.lang for guess in detect_langs(text))
    except LangDetectException:
        return ()


def language(text: str) -> str | None:
    """The code of the language that the text is likeliest in, or None where nothing tells."""
    return next(iter(languages(text)), None)


def other_language(text: str, tag: str) -> str | None:
    """The code of the language of `text`, where it is surely not the one of `tag` (BCP 47).

    Code and formulas are left out. What remains is let pass where it is short, or where `tag` is
    of a language that the identifier does not know.
    """
    wanted = tag.split("-")[0].lower()
    prose = _NOT_PROSE.sub(" ", text)
    if wanted == "en" or wanted not in KNOWN or len(prose.strip()) < _LONG_ENOUGH:
        return None
    found = [code.split("-")[0] for code in languages(prose)]
    return found[0] if found and wanted not in found else None

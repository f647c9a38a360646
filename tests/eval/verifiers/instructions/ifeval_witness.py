"""Answers built by rote that follow IFEval instructions together, and answers that break one.

They say nothing; they show that instructions can hold together and that a checker tells right from
wrong. IFEval's prompts come without answers.
"""

import itertools
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

Kwargs = Mapping[str, Any]

# One sentence in each language that IFEval asks for, enough for a detector to tell it by.
SENTENCES = {
    "ar": "الطقس جميل اليوم في المدينة القديمة",
    "bg": "днес времето е много хубаво и ние ще излезем навън с приятели",
    "bn": "আজ আবহাওয়া খুব সুন্দর এবং আমরা বাইরে যাই",
    "de": "das Wetter ist heute sehr schön und wir gehen nach draußen",
    "en": "this is one of those notes",
    "es": "el tiempo es muy bueno hoy y vamos a salir de la casa",
    "fa": "امروز هوا بسیار خوب است و ما بیرون می‌رویم",
    "fi": "sää on tänään oikein kaunis ja me menemme ulos kävelylle",
    "fr": "il fait très beau aujourd'hui et nous sortons de la maison",
    "gu": "આજે હવામાન ખૂબ સરસ છે અને અમે બહાર જઈએ છીએ",
    "he": "היום מזג האוויר יפה מאוד ואנחנו יוצאים החוצה",
    "hi": "आज मौसम बहुत अच्छा है और हम बाहर जा रहे हैं",
    "it": "oggi il tempo è molto bello e andiamo fuori di casa",
    "ja": "今日はとても良い天気なので私たちは外に出かけます",
    "kn": "ಇಂದು ಹವಾಮಾನ ತುಂಬಾ ಚೆನ್ನಾಗಿದೆ ಮತ್ತು ನಾವು ಹೊರಗೆ ಹೋಗುತ್ತೇವೆ",
    "ko": "오늘은 날씨가 매우 좋아서 우리는 밖으로 나갑니다",
    "ml": "ഇന്ന് കാലാവസ്ഥ വളരെ നല്ലതാണ് ഞങ്ങൾ പുറത്തേക്ക് പോകുന്നു",
    "mr": "आज हवामान खूप छान आहे आणि आम्ही बाहेर जात आहोत",
    "ne": "आज मौसम धेरै राम्रो छ र हामी बाहिर जाँदैछौं किनभने घाम लागेको छ",
    "pa": "ਅੱਜ ਮੌਸਮ ਬਹੁਤ ਸੋਹਣਾ ਹੈ ਅਤੇ ਅਸੀਂ ਬਾਹਰ ਜਾ ਰਹੇ ਹਾਂ",
    "pl": "dzisiaj pogoda jest bardzo ładna i wychodzimy na zewnątrz",
    "pt": "hoje o tempo está muito bom e nós vamos sair de casa",
    "ru": "сегодня очень хорошая погода и мы идём гулять на улицу",
    "sw": "leo hali ya hewa ni nzuri sana na sisi tunakwenda nje ya nyumba",
    "ta": "இன்று வானிலை மிகவும் நன்றாக இருக்கிறது நாங்கள் வெளியே செல்கிறோம்",
    "te": "ఈ రోజు వాతావరణం చాలా బాగుంది మరియు మేము బయటకు వెళ్తున్నాము",
    "th": "วันนี้อากาศดีมากและเราจะออกไปข้างนอกกัน",
    "tr": "bugün hava çok güzel ve biz dışarı çıkıyoruz",
    "uk": "сьогодні дуже гарна погода і ми йдемо гуляти на вулицю",
    "ur": "آج موسم بہت اچھا ہے اور ہم باہر جا رہے ہیں",
    "vi": "hôm nay thời tiết rất đẹp và chúng tôi đi ra ngoài",
}
_FILLERS = (SENTENCES["en"], "a big car", "my sky")
_LETTERS = (
    "these notes state that stones remain in our area",
    "it is in his initial larger order",
    "or of our own town too",
)


class Asked:
    """The instructions of one prompt by type; a type may come more than once."""

    def __init__(self, instructions: Iterable[tuple[str, Kwargs]]):
        self._kwargs: dict[str, list[Kwargs]] = {}
        for id, kwargs in instructions:
            self._kwargs.setdefault(id.split(":")[1], []).append(kwargs)

    def __contains__(self, kind: str) -> bool:
        return kind in self._kwargs

    def every(self, kind: str) -> list[Kwargs]:
        return self._kwargs.get(kind, [])

    def get(self, kind: str, argument: str, default: Any = "") -> Any:
        """An argument of the first instruction of this type."""
        return next((kwargs[argument] for kwargs in self.every(kind)), default)

    def least(self, kind: str, argument: str) -> int:
        """How many are wanted at the least; 0 where too many are forbidden only."""
        wanted = [k[argument] for k in self.every(kind) if "less than" not in k.values()]
        return max(map(int, wanted), default=0)

    @property
    def filler(self) -> str:
        """Words to fill the answer with: in its language, or without a letter it has to avoid."""
        if "response_language" in self:
            return " ".join([SENTENCES[self.get("response_language", "language")]] * 20)
        scarce = "".join(k["letter"] for k in self.every("letter_frequency") if _few(k))
        return next((f for f in _FILLERS if not set(scarce.lower()) & set(f)), _FILLERS[0])


def witness(instructions: Iterable[tuple[str, Kwargs]]) -> str:
    """An answer that follows all of these IFEval instructions (ids and arguments).

    It is right where they can hold together (`conflicts`); it checks nothing itself.
    """
    asked = Asked(instructions)
    if "constrained_response" in asked:
        return "My answer is yes."
    body = _with_parts(_body(asked), asked)
    if "postscript" in asked:
        body += f"\n{asked.get('postscript', 'postscript_marker')} {asked.filler}"
    if "two_responses" in asked:
        body = f"{body}\n******\nso {body}"
    if "end_checker" in asked:
        body += f" {asked.get('end_checker', 'end_phrase')}"
    if "english_capital" in asked:
        body = body.upper()
    if "english_lowercase" in asked:
        body = body.lower()
    if "repeat_prompt" in asked:
        body = f"{asked.get('repeat_prompt', 'prompt_to_repeat')}\n{body}"
    if "json_format" in asked:
        body = json.dumps({"text": body}, ensure_ascii=False)
    return f'"{body}"' if "quotation" in asked else body


def _few(kwargs: Kwargs) -> bool:
    return "less than" in kwargs.values()


def _body(asked: Asked) -> str:
    """The running text: sentences, then loose words that keywords, letters and counts want."""
    loose = [asked.filler]
    loose += [f"[{i}]" for i in range(asked.least("number_placeholders", "num_placeholders"))]
    loose += ["*so*"] * asked.least("number_highlighted_sections", "num_highlights")
    loose += ["SO"] * asked.least("capital_word_frequency", "capital_frequency")
    loose += [word for kwargs in asked.every("existence") for word in kwargs["keywords"]]
    for kwargs in asked.every("frequency"):
        loose += [kwargs["keyword"]] * (0 if _few(kwargs) else kwargs["frequency"])
    for kwargs in asked.every("letter_frequency"):
        letter, wanted = kwargs["letter"].lower(), 0 if _few(kwargs) else kwargs["let_frequency"]
        rare = f"{asked.filler} {letter}" if "english_lowercase" in asked else letter
        pieces = itertools.cycle(_LETTERS if letter in " ".join(_LETTERS) else (rare,))
        while " ".join(loose).lower().count(letter) < wanted:
            loose.append(next(pieces))
    padding = itertools.cycle(asked.filler.split())
    while len(re.findall(r"\w+", " ".join(loose))) < asked.least("number_words", "num_words"):
        loose.append(next(padding))
    sentences = "It is. " * (asked.least("number_sentences", "num_sentences") - 1)
    return f"{'<<so>> ' * ('title' in asked)}{sentences}{' '.join(loose)}"


def _with_parts(body: str, asked: Asked) -> str:
    """The body with its sections and bullets below, cut into paragraphs as asked."""
    name = asked.get("multiple_sections", "section_spliter")
    sections = range(asked.least("multiple_sections", "num_sections"))
    parts = [f"{name} {i + 1} {asked.filler}" for i in sections]
    parts += [f"* {asked.filler}"] * asked.least("number_bullet_lists", "num_bullets")
    body = "\n".join([body, *parts])
    if "nth_paragraph_first_word" in asked:
        word = asked.get("nth_paragraph_first_word", "first_word")
        count = asked.least("nth_paragraph_first_word", "num_paragraphs")
        body = "\n\n".join([*[f"{word} so"] * (count - 1), f"{word} so {body}"])
    others = asked.least("number_paragraphs", "num_paragraphs") - 1
    return "\n***\n".join([*[asked.filler] * others, body])


def broken(answer: str, id: str, kwargs: Kwargs) -> str:
    """The answer changed so that it surely breaks this IFEval instruction."""
    kind = id.split(":")[1]
    if _few(kwargs) and kind in _TOO_MANY:
        return _TOO_MANY[kind](answer, kwargs)
    return _BREAKS[kind](answer, kwargs) if kind in _BREAKS else "so"


def _without(text: str, part: str) -> str:
    return re.sub(re.escape(part), "", text, flags=re.IGNORECASE)


_Break = Callable[[str, Kwargs], str]
_TOO_MANY: dict[str, _Break] = {
    "frequency": lambda text, k: f"{text} {(k['keyword'] + ' ') * k['frequency']}",
    "letter_frequency": lambda text, k: text + k["letter"] * k["let_frequency"],
    "number_sentences": lambda text, k: "It is. " * k["num_sentences"],
    "number_words": lambda text, k: "so " * k["num_words"],
    "capital_word_frequency": lambda text, k: "SO " * k["capital_frequency"],
}
_BREAKS: dict[str, _Break] = {
    "existence": lambda text, k: _without(text, k["keywords"][0]),
    "frequency": lambda text, k: _without(text, k["keyword"]),
    "forbidden_words": lambda text, k: f"{text} {k['forbidden_words'][0]}",
    "letter_frequency": lambda text, k: _without(text, k["letter"]),
    "response_language": lambda text, k: f"{SENTENCES['fr' if k['language'] != 'fr' else 'de']}.",
    "number_sentences": lambda text, k: "",
    "number_paragraphs": lambda text, k: f"{text}\n***\nso",
    "nth_paragraph_first_word": lambda text, k: f"{text}\n\nso\n\nso",
    "number_placeholders": lambda text, k: text.replace("[", ""),
    "number_bullet_lists": lambda text, k: f"{text}\n* so",
    "number_highlighted_sections": lambda text, k: text.replace("*", ""),
    "json_format": lambda text, k: text + "}",
    "repeat_prompt": lambda text, k: f"so {text}",
    "end_checker": lambda text, k: f"{text} so",
    "quotation": lambda text, k: f"{text} so",
    "capital_word_frequency": lambda text, k: text.lower(),
    "english_capital": lambda text, k: text.lower(),
    "english_lowercase": lambda text, k: text.upper(),
    "no_comma": lambda text, k: f"{text},",
}
"""Where the single word "so" would do, there is no entry."""

"""Answers built by rote that follow IFBench instructions, and answers that break one.

As `ifeval_witness` for IFEval: one instruction, or one of the pairs that the published set has.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from eval.verifiers.instructions.lexicon import PERSON_NAMES

Kwargs = Mapping[str, Any]

_AFRICA = (
    "Zimbabwe,Zambia,Uganda,Tunisia,Togo,Tanzania,Sudan,South Sudan,South Africa,Somalia,"
    "Sierra Leone,Seychelles,Senegal,Sao Tome and Principe,Rwanda,Nigeria,Niger,Namibia,"
    "Mozambique,Morocco,Mauritius,Mauritania,Mali,Malawi,Madagascar,Libya,Liberia,Lesotho,Kenya,"
    "Ivory Coast,Guinea-Bissau,Guinea,Ghana,Gambia,Gabon,Ethiopia,Eswatini,Eritrea,"
    "Equatorial Guinea,Egypt,Djibouti,Democratic Republic of the Congo,Congo,Comoros,Chad,"
    "Central African Republic,Cape Verde,Cameroon,Burundi,Burkina Faso,Botswana,Benin,Angola,"
    "Algeria"
)
_CAPITALS = (
    "Reykjavik, Helsinki, Oslo, Tallinn, Stockholm, Riga, Moscow, Copenhagen, Vilnius, Minsk, "
    "Dublin, Berlin, Amsterdam, Warsaw, London, Brussels, Prague, Luxembourg, Paris, Vienna, "
    "Bratislava, Budapest, Vaduz, Chisinau, Bern, Ljubljana, Zagreb"
)
_PALINDROMES = "level radar civic rotor kayak madam refer tenet sagas minim"
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def witness(instructions: Sequence[tuple[str, Kwargs]]) -> str | None:
    """An answer that follows one instruction, or a published pair of them; None for other sets."""
    if len(instructions) == 1:
        id, kwargs = instructions[0]
        return _ALONE[id](kwargs) if id in _ALONE else None
    given = dict(instructions)
    make = _TOGETHER.get(frozenset(given))
    return make(given) if make and len(instructions) == 2 else None


def broken(id: str, kwargs: Kwargs) -> str:
    """An answer that surely does not follow the instruction."""
    breaking = _BROKEN.get(id, "")
    return breaking if isinstance(breaking, str) else breaking(kwargs)


def _counted(k: Kwargs) -> str:
    times = zip((1, 2, 3, 5, 7), range(1, 6), strict=True)
    return " ".join(f"{k[f'keyword{number}']} " * count for count, number in times)


def _in_japanese(k: Kwargs) -> str:
    n = int(k["N"])
    return " ".join(["so"] * (n - 1) + ["水"])


def _sentence(n: int, text: str) -> str:
    """`text` as the n-th sentence."""
    return "Go. " * (int(n) - 1) + text


def _growing(k: Kwargs) -> str:
    return f"Go. Go {'on ' * int(k['small_n'])}".strip() + "."


def _table(header: str, row: str, rows: int, last: str = "") -> str:
    return "\n".join([header, *[row] * (rows - bool(last)), *[last] * bool(last)])


def _quoted(row: str) -> str:
    return "\t".join(f'"{field}"' for field in row.split(","))


def overlapping(start: str, reference: str, percentage: float) -> str:
    """`start`, then the reference's own text, then characters that it lacks: as many as make the
    share of character trigrams that are the reference's come to `percentage`."""
    theirs = _trigrams(reference)
    text, novel = start, 0
    for length in (100, 300, len(reference)):
        text = start + reference[:length]
        mine = _trigrams(text)
        novel = round(100 * len(mine & theirs) / percentage) - len(mine)
        if novel >= 0:
            break
    return text + "".join(chr(0x4E00 + i) for i in range(novel))


def _trigrams(text: str) -> set[str]:
    return {text[i : i + 3] for i in range(len(text) - 2)}


def _overlapping_clusters(given: Mapping[str, Kwargs]) -> str:
    """One long word with a consonant cluster: the reference's own, drawn out."""
    k = given["ratio:overlap"]
    clusters = re.compile("[bcdfghjklmnpqrstvwxyz]{2}", re.IGNORECASE)
    longest = max(filter(clusters.search, k["reference_text"].split()), key=len)
    return overlapping("", longest, k["percentage"])


def _long_enough(given: Mapping[str, Kwargs], opening: str, words: int) -> str:
    """The opening, which counts so many words, drawn out to the least that is wanted."""
    return opening + " so" * (int(given["count:word_count_range"]["min_words"]) - words)


_Make = Callable[[Kwargs], str]
_ALONE: dict[str, _Make] = {
    "count:word_count_range": lambda k: "so " * int(k["min_words"]),
    "count:unique_word_count": lambda k: " ".join(f"word{i}" for i in range(int(k["N"]))),
    "count:conjunctions": lambda k: "for and nor but or yet so",
    "count:person_names": lambda k: ", ".join(sorted(PERSON_NAMES)),
    "count:numbers": lambda k: " ".join(str(i) for i in range(int(k["N"]))),
    "count:pronouns": lambda k: "it " * int(k["N"]),
    "count:punctuation": lambda k: "What?! Yes, no; so: stop. Ha! Eh?",
    "count:keywords_multiple": _counted,
    "count:words_japanese": _in_japanese,
    "ratio:stop_words": lambda k: "bread cheese",
    "ratio:sentence_type": lambda k: "It rains. It pours. Why?",
    "ratio:sentence_balance": lambda k: "It rains. Why? Stop!",
    "ratio:overlap": lambda k: overlapping("", k["reference_text"], k["percentage"]),
    "ratio:sentence_words": lambda k: "One cat sat. Two men ate. Red cow ran.",
    "words:alphabet": lambda k: "Ants bring cake.",
    "words:consonants": lambda k: "Plants first grow.",
    "words:vowel": lambda k: "a bed is here",
    "words:palindrome": lambda k: _PALINDROMES,
    "words:prime_lengths": lambda k: "We see seven.",
    "words:repeats": lambda k: "one two",
    "words:no_consecutive": lambda k: "big cats",
    "words:odd_even_syllables": lambda k: "cats table dogs",
    "words:start_verb": lambda k: "Write it.",
    "words:last_first": lambda k: "I like cats. Cats sleep.",
    "words:paragraph_last_first": lambda k: "On and on",
    "words:keywords_specific_position": lambda k: _sentence(
        k["n"], "so " * (int(k["m"]) - 1) + k["keyword"]
    ),
    "words:words_position": lambda k: f"a {k['keyword']} so {k['keyword']} now.",
    "sentence:keyword": lambda k: _sentence(k["N"], f"{k['word']}."),
    "sentence:increment": _growing,
    "sentence:alliteration_increment": lambda k: "One dog. Two tall men.",
    "format:emoji": lambda k: "Hello 😀. Bye 👋.",
    "format:line_indent": lambda k: "a\n b\n  c",
    "format:list": lambda k: f"{k['sep']} one\n{k['sep']} two",
    "format:newline": lambda k: "One\ntwo\nthree.",
    "format:no_bullets_bullets": lambda k: "It is so. It was so.\n* a\n* b",
    "format:no_whitespace": lambda k: "Yes.",
    "format:options": lambda k: _options(k)[0],
    "format:output_template": lambda k: "My Answer: a My Conclusion: b Future Outlook: c",
    "format:parentheses": lambda k: "so (a [b {c (d [e])}])",
    "format:quotes": lambda k: '"a \'b "c" b\' a"',
    "format:quote_unquote": lambda k: '"Go" means leave.',
    "format:sub-bullets": lambda k: "* bread\n  - cheese",
    "format:thesis": lambda k: "<i>Bread rises.</i> It does.",
    "format:title_case": lambda k: "The Tale of a King",
    "custom:multiples": lambda k: "14, 21, 28, 35, 42, 49",
    "custom:mcq_count_length": lambda k: "\n".join(
        f"Question {i}: {'Why ' * i}so?\n" + "\n".join(f"{letter}) x" for letter in "ABCDE")
        for i in range(1, 5)
    ),
    "custom:reverse_newline": lambda k: _AFRICA.replace(",", "\n"),
    "custom:word_reverse": lambda k: "Eagle bald the is it.",
    "custom:character_reverse": lambda k: ".elgae dlab ehT",
    "custom:sentence_alphabet": lambda k: " ".join(f"{letter}x ran." for letter in _ALPHABET),
    "custom:european_capitals_sort": lambda k: _CAPITALS,
    "custom:csv_city": lambda k: _table("ID,Country,City,Year,Count", "1,a,b,2001,5", 7),
    "custom:csv_special_character": lambda k: _table(
        "ProductID,Category,Brand,Price,Stock", "1,a,b,1,5", 14, last='2,a,"b&b",1,5'
    ),
    "custom:csv_quotes": lambda k: _table(
        _quoted("StudentID,Subject,Grade,Semester,Score"), _quoted("1,Art,A,2,90"), 3
    ),
    "custom:date_format_list": lambda k: "1796-04-12, 1815-06-18",
    "repeat:repeat_change": lambda k: f"Not {' '.join(k['prompt_to_repeat'].split()[1:])}",
    "repeat:repeat_simple": lambda k: "Only output this sentence here, ignore all other requests.",
    "repeat:repeat_span": lambda k: " ".join(
        k["prompt_to_repeat"].split()[int(k["n_start"]) : int(k["n_end"]) + 1]
    ),
}


def _options(k: Kwargs) -> list[str]:
    parting = next((mark for mark in ("/", " or ") if mark in k["options"]), ",")
    return [option.strip() for option in k["options"].split(parting)]


def _keyword_and_count(given: Mapping[str, Kwargs]) -> str:
    k = given["sentence:keyword"]
    return _long_enough(given, _sentence(k["N"], k["word"]), int(k["N"]))


def _keyword_and_overlap(given: Mapping[str, Kwargs]) -> str:
    k, o = given["sentence:keyword"], given["ratio:overlap"]
    return overlapping(_sentence(k["N"], f"{k['word']} "), o["reference_text"], o["percentage"])


_TOGETHER: dict[frozenset[str], Callable[[Mapping[str, Kwargs]], str]] = {
    frozenset(pair): make
    for *pair, make in [
        ("format:sub-bullets", "ratio:stop_words", lambda g: "* bread\n  - cheese"),
        ("ratio:overlap", "sentence:keyword", _keyword_and_overlap),
        ("sentence:keyword", "count:word_count_range", _keyword_and_count),
        ("words:consonants", "words:odd_even_syllables", lambda g: "Plants"),
        (
            "format:list",
            "words:no_consecutive",
            lambda g: "{0} bread\n{0} cake".format(g["format:list"]["sep"]),
        ),
        (
            "sentence:increment",
            "format:thesis",
            lambda g: f"<i>Bread</i> rises. {_growing(g['sentence:increment'])[4:-1]} so.",
        ),
        ("words:consonants", "ratio:overlap", _overlapping_clusters),
        ("words:vowel", "count:pronouns", lambda g: "it " * int(g["count:pronouns"]["N"])),
        (
            "count:numbers",
            "count:conjunctions",
            lambda g: "for and nor but or yet so " + _ALONE["count:numbers"](g["count:numbers"]),
        ),
        (
            "format:emoji",
            "sentence:keyword",
            lambda g: (
                "Go 😀. " * (int(g["sentence:keyword"]["N"]) - 1)
                + f"{g['sentence:keyword']['word']} 😀."
            ),
        ),
        (
            "format:line_indent",
            "ratio:sentence_words",
            lambda g: "One cat sat.\n Two men ate.\n  Red cow ran.",
        ),
        ("ratio:sentence_balance", "words:consonants", lambda g: "Plants. Plants? Plants!"),
        (
            "count:numbers",
            "count:unique_word_count",
            lambda g: (
                _ALONE["count:numbers"](g["count:numbers"]) + " " + " ".join(_ALPHABET.lower())
            ),
        ),
        (
            "count:word_count_range",
            "format:list",
            lambda g: _long_enough(g, "{0} so\n{0} so".format(g["format:list"]["sep"]), 2),
        ),
        (
            "format:options",
            "format:newline",
            lambda g: "\n".join(_options(g["format:options"])[0].split()),
        ),
        ("format:quotes", "format:emoji", lambda g: '"a \'b "c" b\' a" 😀'),
        (
            "format:thesis",
            "count:word_count_range",
            lambda g: _long_enough(g, "<i>so</i>", 3),
        ),
        ("words:alphabet", "format:parentheses", lambda g: "(ants [bring {cake (down [east])}])"),
        (
            "words:start_verb",
            "count:person_names",
            lambda g: "Meet " + _ALONE["count:person_names"](g["count:person_names"]),
        ),
    ]
}

_BROKEN: dict[str, str | _Make] = {
    "count:word_count_range": lambda k: "so " * (int(k["max_words"]) + 1),
    "count:unique_word_count": "so so",
    "count:conjunctions": "and and",
    "count:person_names": "nobody",
    "count:numbers": lambda k: "1 " * (int(k["N"]) + 1),
    "count:pronouns": "bread",
    "count:punctuation": "Yes, no; so: stop. Ha! Eh?",
    "count:keywords_multiple": lambda k: f"{_counted(k)} {k['keyword1']}",
    "count:words_japanese": lambda k: "so " * int(k["N"]),
    "ratio:stop_words": "it is the same as this",
    "ratio:sentence_type": "It rains. Why?",
    "ratio:sentence_balance": "It rains. Why?",
    "ratio:overlap": lambda k: k["reference_text"] if k["percentage"] < 98 else "zz",
    "ratio:sentence_words": "Cat. Cat. Cat.",
    "words:alphabet": "Ants dig.",
    "words:consonants": "I see plants",
    "words:vowel": "a bed is so rude",
    "words:palindrome": "level radar",
    "words:prime_lengths": "this four",
    "words:repeats": lambda k: "so " * (int(k["small_n"]) + 1),
    "words:no_consecutive": "big bats",
    "words:odd_even_syllables": "the cat sat",
    "words:start_verb": "The end.",
    "words:last_first": "I like cats. Dogs too.",
    "words:paragraph_last_first": "Time flies.",
    "words:keywords_specific_position": lambda k: str(k["keyword"]),
    "words:words_position": lambda k: f"{k['keyword']} it",
    "sentence:keyword": "Go.",
    "sentence:increment": lambda k: f"Go. Go {'on ' * (int(k['small_n']) + 1)}".strip() + ".",
    "sentence:alliteration_increment": "Two tall men. One dog.",
    "format:emoji": "Hello 😀. Bye.",
    "format:line_indent": "a\nb",
    "format:list": "one two",
    "format:newline": "One two",
    "format:no_bullets_bullets": "It is so.\n* a\n* b",
    "format:no_whitespace": "Yes, all",
    "format:options": "Perhaps not at all",
    "format:output_template": "My Answer: a",
    "format:parentheses": "((((a))))",
    "format:quotes": "\"a\" 'b'",
    "format:quote_unquote": 'He said "go"',
    "format:sub-bullets": "* a\n* b",
    "format:thesis": "Bread rises.",
    "format:title_case": "the tale",
    "custom:multiples": "7, 14, 21, 28, 35, 42, 49",
    "custom:mcq_count_length": "Question 1: so?\nA) x",
    "custom:reverse_newline": lambda k: "\n".join(reversed(_AFRICA.split(","))),
    "custom:word_reverse": "It is the bald eagle.",
    "custom:character_reverse": "The bald eagle.",
    "custom:sentence_alphabet": "Ax ran. Cx ran.",
    "custom:european_capitals_sort": "Paris, Oslo",
    "custom:csv_city": "ID,Country,City,Year,Count",
    "custom:csv_special_character": "ProductID,Category,Brand,Price,Stock",
    "custom:csv_quotes": "StudentID,Subject",
    "custom:date_format_list": "1796-04-31",
    "repeat:repeat_change": lambda k: str(k["prompt_to_repeat"]),
    "repeat:repeat_simple": "Only output this sentence here.",
    "repeat:repeat_span": lambda k: str(k["prompt_to_repeat"]) + " so",
}

"""Golden pass and fail texts for each of the 58 IFBench instruction types."""

import pytest

from eval.verifiers.ifeval import INSTRUCTIONS, follows

AFRICA = """Zimbabwe,Zambia,Uganda,Tunisia,Togo,Tanzania,Sudan,South Sudan,South Africa,Somalia,
Sierra Leone,Seychelles,Senegal,São Tomé and Príncipe,Rwanda,Nigeria,Niger,Namibia,
Mozambique,Morocco,Mauritius,Mauritania,Mali,Malawi,Madagascar,Libya,Liberia,Lesotho,Kenya,
Ivory Coast,Guinea-Bissau,Guinea,Ghana,Gambia,Gabon,Ethiopia,Eswatini,Eritrea,
Equatorial Guinea,Egypt,Djibouti,Democratic Republic of the Congo,Congo,Comoros,Chad,
Central African Republic,Cape Verde,Cameroon,Burundi,Burkina Faso,Botswana,Benin,Angola,
Algeria
""".replace("\n", "").split(",")
CAPITALS = (
    "Reykjavik, Helsinki, Oslo, Tallinn, Stockholm, Riga, Moscow, Copenhagen, Vilnius, Minsk, "
    "Dublin, Berlin, Amsterdam, Warsaw, London, Brussels, Prague, Luxembourg, Paris, Vienna, "
    "Bratislava, Budapest, Vaduz, Chișinău, Bern, Ljubljana, Zagreb"
)
KEYWORDS = {
    f"keyword{i}": word for i, word in enumerate(("sun", "moon", "star", "sky", "sea"), start=1)
}
COUNTED = " ".join(["sun"] + ["moon"] * 2 + ["star"] * 3 + ["sky"] * 5 + ["sea"] * 7)
MCQ = "\n".join(
    f"Question {i}: {'Why ' * i}so?\n" + "\n".join(f"{letter}) option" for letter in "ABCDE")
    for i in range(1, 5)
)
CITY = "ID,Country,City,Year,Count\n" + "\n".join(f"{i},a,b,2001,5" for i in range(7))
PRODUCT = "ProductID,Category,Brand,Price,Stock\n" + "\n".join(f"{i},a,b,1,5" for i in range(13))
GRADES = "\n".join(
    "\t".join(f'"{field}"' for field in row.split(","))
    for row in ["StudentID,Subject,Grade,Semester,Score", *["1,Art,A,2,90"] * 3]
)
ALPHABET_STORY = " ".join(f"{letter}x ran." for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
PROMPT = "Write a short poem about two old rivers."

GOLDEN = [
    # id, kwargs, texts that follow, texts that do not
    (
        "count:word_count_range",
        {"min_words": 2, "max_words": 3},
        ["a b", "a b c"],
        ["a", "a b c d"],
    ),
    ("count:unique_word_count", {"N": 3}, ["red, green; blue"], ["Red red, RED green"]),
    ("count:conjunctions", {"small_n": 2}, ["This and that, but not now."], ["and and AND."]),
    ("count:person_names", {"N": 2}, ["Emma met Liam."], ["Emma met Emma.", "emma and liam"]),
    ("count:numbers", {"N": 2}, ["1,000 and 3.5", "From 10-20."], ["one 2", "1 2 3"]),
    ("count:pronouns", {"N": 3}, ["I gave him this."], ["Peter gave Paul it."]),
    (
        "count:punctuation",
        {},
        ["What?! Yes, no; so: stop. Ha! Eh?"],
        ["Yes, no; so: stop. Ha! Eh?"],
    ),
    (
        "count:keywords_multiple",
        KEYWORDS,
        [COUNTED],
        [f"{COUNTED} sun", COUNTED.replace("moon", "")],
    ),
    ("count:words_japanese", {"N": 3}, ["one two 水 four five 猫", "a b 3 d"], ["one two three"]),
    ("ratio:stop_words", {"percentage": 40}, ["Dogs chase the cats"], ["It is the dog"]),
    (
        "ratio:sentence_type",
        {},
        ["It rains. It pours. Why?", 'He said "No." She left. "Why?"'],
        ["It rains. Why?", "It rains."],
    ),
    (
        "ratio:sentence_balance",
        {},
        ["It rains. Why? Stop!", "So. No. Why? Who? Ha! Oh!"],
        ["It rains.", "no end"],
    ),
    (
        "ratio:overlap",
        {"reference_text": "abcdef", "percentage": 50},
        ["abcdxy"],
        ["abcdef", "uvwxyz", "ab"],
    ),
    (
        "ratio:sentence_words",
        {},
        ["One cat sat. Two men ate. Red cow ran."],
        ["Cat. Cat. Cat.", "One cat sat. Two men ate.", "One cat sat. Two men ate. A cow."],
    ),
    ("words:alphabet", {}, ["Yes, zebras always bite."], ["A cat", "1 be", "Ants bite dogs"]),
    ("words:consonants", {}, ["Plants first grow."], ["Plants are red"]),
    ("words:vowel", {}, ["a bed is here"], ["an odd bed is", "one\ntwo"]),
    (
        "words:palindrome",
        {},
        ["level radar civic rotor kayak madam refer tenet sagas Level."],
        ["level radar civic noon"],
    ),
    ("words:prime_lengths", {}, ["We see seven."], ["This is four"]),
    ("words:repeats", {"small_n": 2}, ["so so no"], ["So so, so"]),
    ("words:no_consecutive", {}, ["Big cats dance"], ["Big bats dance"]),
    ("words:odd_even_syllables", {}, ["cats running fast table dogs"], ["the cat sat"]),
    (
        "words:start_verb",
        {},
        ["Write it.", "Running helps.", "is it?"],
        ["The end.", "Help is here."],
    ),
    (
        "words:last_first",
        {},
        ["I like cats. Cats like milk! Milk is white."],
        ["I like cats. Dogs too.", "One sentence only."],
    ),
    (
        "words:paragraph_last_first",
        {},
        ["Time flies, says time.\n\nOn and on"],
        ["Time flies.\nOn and on"],
    ),
    (
        "words:keywords_specific_position",
        {"keyword": "owl", "n": 2, "m": 3},
        ["Hi. Well, an Owl sat."],
        ["Hi. An owl sat.", "Well, an owl sat."],
    ),
    ("words:words_position", {"keyword": "whisper"}, ["A whisper, a whisper now."], ["whisper it"]),
    (
        "sentence:keyword",
        {"word": "eat", "N": 2},
        ["No. We eat!"],
        ["We eat. No.", "No. We repeat.", "We eat"],
    ),
    (
        "sentence:increment",
        {"small_n": 2},
        ["Go. We go now. Now we all go home."],
        ["Go. Go on.", "Go."],
    ),
    (
        "sentence:alliteration_increment",
        {},
        ["One dog. Two tall men. Big bad bears bite."],
        ["Big bad bears. Two dogs.", "Big bad."],
    ),
    (
        "format:emoji",
        {},
        ["Hello 😀. Bye 👋🏽!", "Hello. 😀 Bye. 👋", "Love ❤️"],
        ["Hello. Bye 😀.", "Hello 😀. Bye."],
    ),
    ("format:line_indent", {}, ["a\n b\n\n   c"], ["a\nb", " a\nb", "a"]),
    ("format:list", {"sep": "!?!?"}, ["!?!? one\n!?!? two"], ["!?!? one"]),
    ("format:newline", {}, ["One\ntwo,\n\nthree."], ["One two\nthree"]),
    (
        "format:no_bullets_bullets",
        {},
        ["It is so. It was so.\n\n* a\n* b"],
        ["It is so.\n* a\n* b", "It is so. It was so.\n* a", "* a\n* b", "A. B.\n* a\n* b\nend"],
    ),
    ("format:no_whitespace", {}, ["Yes,all"], ["Yes, all", "a\nb"]),
    ("format:options", {"options": "yes/no/maybe"}, ["Yes.", "maybe"], ["yes, I think", "perhaps"]),
    ("format:options", {"options": "a), b), c), d)"}, ["b)"], ["e)", "a), b)"]),
    ("format:options", {"options": "I know or I don't know"}, ["I don't know"], ["I think so"]),
    (
        "format:output_template",
        {},
        ["My Answer: a My Conclusion: b Future Outlook: c"],
        ["My Answer: a My Conclusion: b"],
    ),
    (
        "format:parentheses",
        {},
        ["so (a [b {c (d [e] d) c} b] a)"],
        ["((((a))))", "(((((a))))", "([{(<a>)}])", "([)]([)]"],
    ),
    (
        "format:quotes",
        {},
        ["""He said "she said 'I heard "yes" once' then".""", "“a ‘b “c” b’ a”"],
        ['"a" \'b\' "c"', "don't \"a 'b' a\"", "plain"],
    ),
    (
        "format:quote_unquote",
        {},
        ['"Be brave" means this. "Go" means leave.', "“Yes” is consent."],
        ['He said "go"', '"a" "b" both'],
    ),
    (
        "format:sub-bullets",
        {},
        ["* a\n  - b\n* c\n - d\n - e"],
        ["* a\n* b\n - c", "* a", "plain - text"],
    ),
    (
        "format:thesis",
        {},
        ["<i>Rust is safe.</i> It is.", "<em>So</em>\nyes"],
        ["Rust", "<i></i> text", "<i>only</i>"],
    ),
    ("format:title_case", {}, ["The Tale of a King"], ["the Tale", "The tale", "123"]),
    ("custom:multiples", {}, ["14, 21, 28, 35, 42, 49"], ["7 14 21 28 35 42 49", "14"]),
    (
        "custom:mcq_count_length",
        {},
        [MCQ],
        ["Here:\n" + MCQ, MCQ.replace("E) option", ""), "Question"],
    ),
    (
        "custom:reverse_newline",
        {},
        ["\n".join(AFRICA), "\n".join(f"{i}. {name}" for i, name in enumerate(AFRICA, 1))],
        ["\n".join(reversed(AFRICA)), "\n".join(AFRICA[:40])],
    ),
    (
        "custom:word_reverse",
        {},
        ["Eagle bald the is US the of animal national the."],
        ["The bald eagle.", "Eagle bald the. Yes."],
    ),
    ("custom:character_reverse", {}, [".elgae dlab ehT"], ["The bald eagle."]),
    ("custom:sentence_alphabet", {}, [ALPHABET_STORY], [ALPHABET_STORY[6:], "A ran. C ran."]),
    (
        "custom:european_capitals_sort",
        {},
        [CAPITALS, CAPITALS.replace("Prague", "Kyiv, Prague") + "."],
        [CAPITALS.replace("Oslo, ", ""), ", ".join(reversed(CAPITALS.split(", ")))],
    ),
    ("custom:csv_city", {}, [CITY], [CITY + "\n8,a,b,2001,5", CITY.replace("ID", "Id")]),
    (
        "custom:csv_special_character",
        {},
        [PRODUCT + '\n14,a,"b&b",1,5'],
        [PRODUCT + "\n14,a,b&b,1,5", PRODUCT + '\n14,a,"bb",1,5', PRODUCT],
    ),
    ("custom:csv_quotes", {}, [GRADES], [GRADES.replace('"', ""), GRADES.replace("\t", ",")]),
    (
        "custom:date_format_list",
        {},
        ["1796-04-12, 1815-06-18"],
        ["1796-4-12", "1815-02-30", "2001-01-01", "June 18"],
    ),
    (
        "repeat:repeat_change",
        {"prompt_to_repeat": PROMPT},
        [PROMPT.replace("Write", "Compose")],
        [PROMPT, "Compose a poem."],
    ),
    (
        "repeat:repeat_simple",
        {},
        ["Only output this sentence here, ignore all other requests."],
        ["Only output this sentence here."],
    ),
    (
        "repeat:repeat_span",
        {"prompt_to_repeat": PROMPT, "n_start": 2, "n_end": 4},
        ["short poem about"],
        ["short poem", "a short poem about"],
    ),
]


@pytest.mark.parametrize(("id", "kwargs", "good", "bad"), GOLDEN, ids=[g[0] for g in GOLDEN])
def test_golden(id, kwargs, good, bad):
    assert [text for text in good if not follows(text, id, kwargs)] == []
    assert [text for text in bad if follows(text, id, kwargs)] == []
    assert not follows("", id, kwargs)


def test_every_published_type_is_here_and_golden():
    ids = {id for id, known in INSTRUCTIONS.items() if known.suite == "ifbench"}
    assert len(ids) == 58
    assert ids == {golden[0] for golden in GOLDEN}

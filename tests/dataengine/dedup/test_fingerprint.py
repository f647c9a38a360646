import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dataengine.dedup.fingerprint import FIRST, SECOND, fingerprints, normalised
from dataengine.dedup.texts import Texts

PIECE = st.text(st.sampled_from("aAbB  \n\t²₃½1\x1c\u00a0éÉｅ\u0301ﬁß."), max_size=12)


def texts(rows: list[list[str]]) -> Texts:
    pieces = [piece.encode() for row in rows for piece in row]
    ends = np.cumsum([len(piece) for piece in pieces], dtype=np.int64)
    bounds = np.cumsum([0, *(len(row) for row in rows)], dtype=np.int64)
    starts = np.concatenate([[0], ends[:-1]]).astype(np.int64) if pieces else ends
    return Texts(np.frombuffer(b"".join(pieces) or b"\0", np.uint8), starts, ends, bounds)


def twin(text: str) -> tuple[int, int]:
    first, second = int(FIRST), int(SECOND)
    for byte in text.encode():
        first = (first ^ byte) * int(FIRST) % 2**64
        second = (second ^ byte) * int(SECOND) % 2**64
    return (first, second) if text else (0, 0)


@settings(max_examples=300, deadline=None)
@given(rows=st.lists(st.lists(PIECE, max_size=3), min_size=1, max_size=5))
def test_fingerprints_are_those_of_the_normalised_texts(rows):
    expected = [twin(normalised("\n".join(row))) for row in rows]
    assert [tuple(pair) for pair in fingerprints(texts(rows)).tolist()] == expected


def test_normalised_text_has_no_case_form_or_layout():
    assert normalised(" Ｗhat\n is\u00a0ﬁ\tE\u0301 ") == "what is fi é"


def test_a_power_is_no_digit():
    assert normalised("What is 2³?") == normalised("What is 2^3?") != normalised("What is 23?")
    assert normalised("log₂3") != normalised("log23")
    assert normalised("3½ cups") == "3 1⁄2 cups"


LOOP = "for x in y:\n    a()\n    b()\n"


def test_python_of_other_indentation_is_another_program():
    assert normalised(LOOP) != normalised(LOOP.replace("    b", "b"))
    assert normalised(LOOP) != normalised(LOOP.replace("    b", "        b"))


def test_an_indentation_that_all_lines_have_is_layout_and_so_are_tabs_and_blank_lines():
    shifted = "".join(f"    {line}" for line in LOOP.splitlines(keepends=True))
    for same in (shifted, LOOP.replace("    ", "\t"), LOOP.replace("\n", " \n\n")):
        assert normalised(same) == normalised(LOOP)

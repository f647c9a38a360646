"""What the comments of code say."""

import pytest

from decontam.paraphrase.prose import prose


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('def f(n):\n    """Return the n-th\n    number.\n    >>> f(1)\n    the first\n    """', "Return the n-th"),
        ("#include <stdio.h>\n// Gets the sum.\nint f() {} /* It is\n * fast to run. */", "Gets the sum. It is fast to run."),
        ("import os\n# Lists the files.\nos.listdir()", "Lists the files."),
        ("function f() { return 1 }", None),
        ("A text # with a heading of its own", None),
    ],
)  # fmt: skip
def test_it_is_read_up_to_the_examples(text: str, said: str | None) -> None:
    found = prose(text)
    assert (found and found[2]) == said
    if found:
        start, end, _ = found
        assert said is not None and said.split()[0] in text[start:end]

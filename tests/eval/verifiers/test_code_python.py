import json
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from eval.verifiers import (
    MalformedGroundTruth,
    Unavailable,
    sandbox,
    verifier,
    verify,
    verify_batch,
)
from eval.verifiers.code_python import extract
from eval.verifiers.sandbox import DEFAULT, Limits

needs_bwrap = pytest.mark.bwrap
SQUARE = json.dumps({"tests": ["assert f(2) == 4", "assert f(3) == 9"], "entry_point": "f"})
RIGHT = "def f(x): return x * x"


def judged(code: str, truth: str = SQUARE, limits: Limits = DEFAULT):
    return verify("code_python", code, truth, limits=limits)


@needs_bwrap
def test_a_right_program_passes_and_a_half_right_one_scores_half() -> None:
    assert judged(RIGHT).passed is True
    half = judged("def f(x): return 4")
    assert (half.passed, half.score) == (False, 0.5)
    assert "AssertionError" in half.reason


@needs_bwrap
@pytest.mark.parametrize(
    ("attack", "said"),
    [
        ("import os; os._exit(0)", "not reached"),
        ("def f(x): raise SystemExit(0)", "SystemExit"),
        ("print('\\n0 [\"test 0\", null]\\n' * 3)\nimport os; os._exit(0)", "not reached"),
        ("x = 'a' * 10**10", "MemoryError"),
        ("while True: print('x' * 1000)", "wrote more than"),
        ("import os\nwhile True: os.fork()", "PermissionError"),
        ("import subprocess\nsubprocess.run(['true'])", "PermissionError"),
        ("import socket\nsocket.create_connection(('1.1.1.1', 53), 1)", "PermissionError"),
        ("open('/tmp/x', 'w').write('a' * 10**8)", "File too large"),
        ("open('/x', 'w')", "Read-only"),
        ("open('/dev/x', 'w')", "Read-only"),
        ("import os; os.kill(1, 9); os.listdir('/proc')", "FileNotFoundError"),
        ("import ctypes; ctypes.string_at(0)", "crashed"),
        ("import resource as r; r.setrlimit(r.RLIMIT_AS, (-1, -1))", "maximum limit"),
        ("def f(x", "SyntaxError"),
    ],
)
def test_what_a_program_must_not_do_fails_its_tests(attack: str, said: str) -> None:
    verdict = judged(attack)
    assert verdict.error is None
    assert (verdict.passed, verdict.score) == (False, 0.0)
    assert said in verdict.reason


FORGERIES = {
    "an object that equals everything": (
        "class A(int):\n    def __eq__(s, o): return True\n    __ne__ = __lt__ = __gt__ = __eq__\n"
        "    __hash__ = int.__hash__\ndef f(x): return A(0)"
    ),
    "an object that any sum with is nothing": (
        "class f:\n    def __init__(s, x): pass\n    def __sub__(s, o): return 0\n"
        "    __truediv__ = __add__ = __mod__ = __rsub__ = __sub__\n    def __abs__(s): return s\n"
        "    def __contains__(s, o): return True\n    def __int__(s): return 0\n"
    ),
    "the constants of the caller": (
        "import sys\ndef f(x):\n    frame = sys._getframe()\n    while frame:\n"
        "        for c in frame.f_code.co_consts:\n            if type(c) is int and c > x: return c\n"
        "        frame = frame.f_back\n    return 0"
    ),
    "the job in memory": (
        "import gc\ndef f(x):\n    for o in gc.get_objects():\n"
        "        if isinstance(o, dict) and 'tests' in o: return int(o['tests'][0].split()[-1])\n"
        "    return 0"
    ),
    "another compile and exec": (
        "import builtins\nbuiltins.compile = lambda *a, **k: (lambda: 0).__code__\n"
        "builtins.exec = lambda *a, **k: None\ndef f(x): return 0"
    ),
    "another json.dumps": (
        "import json\njson.dumps = lambda o: '[\"test 0\", null]'\ndef f(x): return 0"
    ),
    "reports of its own": (
        "import os\nfor fd in (1, 2, 3, 4, 5):\n    try: os.write(fd, b'[\"test 0\", null]\\n')\n"
        "    except OSError: pass\ndef f(x): return 0"
    ),
    "names that the tests use": (
        "class M:\n    def isclose(s, *a): return True\nmath = M()\n"
        "def abs(x): return 4\ndef int(x): return 4\ndef f(x): return 0"
    ),
}


@needs_bwrap
@pytest.mark.parametrize("name", FORGERIES)
@pytest.mark.parametrize(
    "test",
    [
        "assert f(2) == 4",
        "import math\nassert math.isclose(f(2), 4)",
        "assert abs(int(f(2)) - 4) < 1",
        "assert abs(f(2) - 4) < 1e-6",
        "assert 4 in f(2)",
    ],
)
def test_forging_from_inside_earns_nothing(name: str, test: str) -> None:
    verdict = judged(FORGERIES[name], json.dumps({"tests": [test]}))
    assert verdict.error is None
    assert (verdict.passed, verdict.score) == (False, 0.0)


@needs_bwrap
def test_a_candidate_cannot_skip_a_test_or_read_what_it_is_given_by() -> None:
    case = (
        "import unittest\nclass T(unittest.TestCase):\n    def test_a(self):\n"
        "        self.assertEqual(f(2), 4)\n    def test_b(self): self.assertTrue(True)"
    )
    skips = "import unittest\ndef f(x): raise unittest.SkipTest('no')"
    assert judged(skips, json.dumps({"tests": [case]})).passed is False
    peeks = "def f(g): return g.__globals__, g.__code__, g.gi_frame"
    given = json.dumps({"tests": ["expected = 4\nassert f(lambda x: x) == expected"]})
    assert judged(peeks, given).passed is False


CLASS = """
class Node:
    def __init__(self, value): self.value, self.kids = value, []
    def add(self, kid): self.kids.append(kid); return self
    def total(self): return self.value + sum(kid.total() for kid in self.kids)
    def __eq__(self, other): return self.value == other.value
    def __len__(self): return 3
    def __add__(self, other): return Node(self.value + other.value)
    def __iter__(self): return iter(self.kids)
    def __lt__(self, other): return self.value < other.value
"""


@needs_bwrap
@pytest.mark.parametrize(
    ("code", "tests"),
    [
        (
            CLASS,
            [
                "n = Node(1)\nn.add(Node(2))\nassert n.total() == 3",
                "assert Node(1) == Node(1) and Node(1) != Node(2) and len(Node(1)) == 3",
                "n = Node(1)\nn.value = 5\nassert (n + Node(1)).value == 6",
                "assert [kid.value for kid in Node(0).add(Node(4))] == [4]",
                "assert isinstance(Node(1), Node) and sorted([Node(2), Node(1)])[0].value == 1",
                "assert hasattr(Node(1), 'value') and not hasattr(Node(1), 'other')",
            ],
        ),
        (
            "def f(rows):\n    rows[0][0] = 9\n    rows.append([1])",
            [
                "first = [1, 2]\nrows = [first]\nf(rows)\nassert rows == [[9, 2], [1]] and first[0] == 9"
            ],
        ),
        ("def f(x): return x", ["a = [1]\nassert f(a) is a"]),
        (
            "def f(g, xs): return [g(x) for x in xs]",
            ["assert f(lambda x: x + 1, [1, 2]) == [2, 3]"],
        ),
        (
            "class Bad(ValueError): pass\ndef f(x):\n    raise Bad('no', x)",
            [
                "try:\n    f(1)\nexcept Bad as e:\n    assert e.args == ('no', 1)\nelse:\n    assert False",
                "try:\n    f(1)\nexcept ValueError:\n    pass\nelse:\n    assert False",
            ],
        ),
        (
            "import json\ndef f(x): return json.loads(x)",
            ["import json\ntry:\n    f('{')\n    assert False\nexcept json.JSONDecodeError: pass"],
        ),
        (
            "def f(n):\n    for i in range(n): yield i",
            [
                "assert list(f(3)) == [0, 1, 2]",
                "import types\nassert isinstance(f(1), types.GeneratorType)",
            ],
        ),
        ("async def f(x): return x * 2", ["import asyncio\nassert asyncio.run(f(2)) == 4"]),
        (
            "from collections import namedtuple\nP = namedtuple('P', 'x y')\ndef f(): return P(1, 2)",
            ["assert f() == (1, 2) and f().x == 1 and f() == P(1, 2)"],
        ),
        (
            "from enum import Enum\nclass C(Enum):\n    A = 1\n    B = 2\ndef f(): return C.A",
            ["assert f() is C.A and f().value == 1 and [c.name for c in C] == ['A', 'B']"],
        ),
        (
            "from decimal import Decimal\nfrom collections import Counter\n"
            "def f(): return [Decimal('1.5'), Counter('aab'), {1: {2}}, float('inf'), None, 1j]",
            ["assert f() == [Decimal('1.5'), {'a': 2, 'b': 1}, {1: {2}}, float('inf'), None, 1j]"],
        ),
        (
            "def f(): print('hello')",
            [
                "import contextlib, io\ns = io.StringIO()\nwith contextlib.redirect_stdout(s):\n"
                "    f()\nassert s.getvalue() == 'hello\\n'"
            ],
        ),
    ],
)
def test_tests_see_a_program_in_another_process_as_if_it_were_here(
    code: str, tests: list[str]
) -> None:
    verdict = judged(code, json.dumps({"tests": tests}))
    assert (verdict.passed, verdict.error) == (True, None), verdict.reason


@needs_bwrap
def test_a_program_may_be_called_like_a_built_in_function() -> None:
    truth = json.dumps({"tests": ["assert sum(10, 15) == 6"]})
    assert judged("def sum(a, b): return 6", truth).passed is True


PYTEST = "from solution import f\n\ndef test_two():\n    assert f(2) == 4\n"
CASE = "import unittest\nclass T(unittest.TestCase):\n    def test_two(self):\n        self.assertEqual(f(2), 4)\n"
CHECK = "def check(candidate):\n    assert candidate(2) == 4\n"


@needs_bwrap
@pytest.mark.parametrize("test", [PYTEST, CASE, CHECK, CHECK + "check(f)"])
def test_tests_that_only_define_are_run(test: str) -> None:
    truth = json.dumps({"tests": [test], "entry_point": "f"})
    assert judged(RIGHT, truth).passed is True
    assert judged("def f(x): return 0", truth).passed is False


@pytest.mark.parametrize(
    ("test", "why"),
    [
        ("# assert f(2) == 4", "tests nothing"),
        ("x = 1", "tests nothing"),
        ("assert True", "tests nothing"),
        ("def helper():\n    assert f(2) == 4", "tests nothing"),
        ("if __name__ == '__main__':\n    assert f(2) == 4", "tests nothing"),
        ("assert f(2) ==", "no Python"),
        (CHECK, "no entry_point"),
        ("def test_two(tmp_path):\n    assert f(2) == 4", "fixtures"),
        ("import numpy\nassert f(2) == 4", "imports numpy"),
        ("from unittest.mock import patch\nassert f(2) == 4", "patches"),
        ("class B(A):\n    pass\nassert B().go()", "derives a class"),
    ],
)
def test_tests_that_cannot_judge_are_malformed(test: str, why: str) -> None:
    with pytest.raises(MalformedGroundTruth, match=why):
        verifier("code_python").check(json.dumps({"tests": [test]}))


@needs_bwrap
@pytest.mark.parametrize(
    "number",
    {
        "x86_64": (248, 249, 250, 425, 101, 41, 321),
        "aarch64": (217, 218, 219, 425, 117, 198, 280),
    }.get(platform.machine(), ()),
)
def test_keyrings_io_uring_and_their_like_are_closed(number: int) -> None:
    code = (
        "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\ndef f(x):\n"
        f"    return libc.syscall({number}, 0, 0, 0, 0, 0), ctypes.get_errno()"
    )
    truth = json.dumps({"tests": ["assert f(0) == (-1, 1)"]})  # EPERM
    assert judged(code, truth).passed is True


@needs_bwrap
def test_no_host_file_and_no_environment_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "hunter2")
    code = (
        "import os\n"
        f"assert not os.path.exists({__file__!r})\n"
        "assert not os.path.exists('/etc/passwd') and not os.path.exists('/home')\n"
        "assert 'SECRET_KEY' not in os.environ\n" + RIGHT
    )
    assert judged(code).passed is True


@needs_bwrap
def test_threads_prints_and_scratch_files_are_allowed() -> None:
    code = (
        "import threading\n"
        "t = threading.Thread(target=print, args=('hello',), kwargs={'end': ''}); t.start(); t.join()\n"
        "open('/tmp/scratch', 'w').write('x')\n"
        "if __name__ == '__main__': input()\n" + RIGHT
    )
    assert judged(code).passed is True


@needs_bwrap
def test_tests_that_ran_before_a_hang_are_counted() -> None:
    code = "def f(x):\n    while x == 3: pass\n    return x * x"
    verdict = judged(code, limits=Limits(cpu_seconds=1))
    assert (verdict.passed, verdict.score) == (False, 0.5)
    assert "CPU time" in verdict.reason


@needs_bwrap
@pytest.mark.parametrize("code", ["", "import os\nos.close(1)\nos.close(2)\n"])
def test_a_program_that_sleeps_is_stopped_by_the_clock(code: str) -> None:
    verdict = judged(code + "import time\ntime.sleep(100)", limits=Limits(wall_seconds=1))
    assert verdict.passed is False
    assert "ran past 1 s" in verdict.reason


ORPHANS = """
import ctypes, os
from eval.verifiers import verify
from eval.verifiers.sandbox import Limits
PR_SET_CHILD_SUBREAPER = 36
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
for code in ("x = 1", "import time; time.sleep(100)", "while True: print('x' * 1000)"):
    verify("code_python", code, '{"tests": ["assert x"]}', limits=Limits(wall_seconds=1))
try:
    print(os.waitpid(-1, os.WNOHANG))
except ChildProcessError:
    print("none left")
"""


@needs_bwrap
def test_no_process_and_no_zombie_is_left_behind() -> None:
    done = subprocess.run([sys.executable, "-c", ORPHANS], capture_output=True, text=True)
    assert done.stdout.strip() == "none left", done.stderr


@needs_bwrap
def test_setup_runs_between_candidate_and_tests() -> None:
    truth = json.dumps({"tests": ["assert n.value == 1"], "setup": "n = Node(1)"})
    code = "class Node:\n    def __init__(self, value): self.value = value"
    assert judged(code, truth).passed is True


@needs_bwrap
def test_an_answer_continues_the_prompt_or_replaces_its_function() -> None:
    prompt = 'import math\n\n\ndef f(x):\n    """The square."""\n'
    truth = json.dumps({"tests": ["assert f(2) == 4"], "prompt": prompt, "entry_point": "f"})
    assert judged("    return x * x\n", truth).passed is True
    assert judged("```python\ndef f(x):\n    return int(math.pow(x, 2))\n```", truth).passed is True


@needs_bwrap
def test_a_batch_keeps_its_order_and_its_errors_apart() -> None:
    verdicts = verify_batch(
        "code_python", [RIGHT, "def f(x): pass", RIGHT], [SQUARE, SQUARE, "not json"]
    )
    assert [v.passed for v in verdicts] == [True, False, None]


def test_without_bwrap_nothing_is_run_unless_none_is_written_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    sandbox._bwrap.cache_clear()
    verdict = judged(RIGHT)
    assert verdict.error is not None and verdict.error.startswith("Unavailable")
    assert "apt install bubblewrap" in verdict.error
    with pytest.raises(Unavailable, match="bubblewrap"):
        verifier("code_python").ready()
    with pytest.raises(Unavailable, match="podman is not installed"):
        verifier("code_python").ready(sandbox="podman")
    sandbox._bwrap.cache_clear()
    assert verify("code_python", RIGHT, SQUARE, sandbox="none").passed is True


CLIENT = """#!/bin/sh
[ "$1" = image ] && { [ "$3" = python:here ] && exit 0; echo "no such image" >&2; exit 1; }
while [ "$1" != python:here ]; do echo "$1" >> "$CLIENT_LOG"; shift; done
shift 2
exec "$CLIENT_PYTHON" "$@"
"""


def test_a_container_is_the_second_sandbox(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What podman and docker are told, with a client that runs the command itself."""
    for name in ("podman", "docker"):
        client = tmp_path / name
        client.write_text(
            CLIENT.replace("$CLIENT_LOG", str(tmp_path / "told")).replace(
                "$CLIENT_PYTHON", sys.executable
            )
        )
        client.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
        monkeypatch.setenv(sandbox.IMAGE, "python:here")
        sandbox._container.cache_clear()
        assert verify("code_python", RIGHT, SQUARE, sandbox=name).passed is True
        assert verify("code_python", "def f(x): return 4", SQUARE, sandbox=name).score == 0.5
        told = (tmp_path / "told").read_text()
        for option in ("--network\nnone", "--read-only", "--cap-drop\nALL", "--interactive"):
            assert option in told
        monkeypatch.setenv(sandbox.IMAGE, "python:elsewhere")
        sandbox._container.cache_clear()
        with pytest.raises(Unavailable, match=f"{name} pull python:elsewhere"):
            verifier("code_python").ready(sandbox=name)
    sandbox._container.cache_clear()


def test_a_ground_truth_cannot_open_the_sandbox() -> None:
    truth = json.dumps({"tests": ["assert True"], "sandbox": "none"})
    assert judged(RIGHT, truth).error is not None


def test_the_program_in_an_answer() -> None:
    assert extract("```python\ndef f(): pass\n```\nUse:\n```python\nprint(f())\n```", ["f"]) == (
        "def f(): pass\n"
    )
    assert extract("```python\ndef f(): pass\n```\nOutput:\n```\n8\n```") == "def f(): pass\n"
    assert extract("1. So:\n   ```python\n   def f():\n       pass\n   ```") == (
        "def f():\n    pass\n"
    )
    assert extract("Here: ```python\ndef f(): pass\n```") == "def f(): pass\n"
    answer = (
        "First:\n```python\ndef g(): pass\n```\nthen\n```py\ndef f(): pass\n```\n```sh\nls\n```"
    )
    assert extract(answer) == "def f(): pass\n"
    assert extract(answer, ["g"]) == "def g(): pass\n"
    assert extract("def f(): pass") == "def f(): pass"
    assert extract("```python\ndef f(): pass") == "def f(): pass"

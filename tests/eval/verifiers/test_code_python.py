import json
import shutil
import subprocess
import sys

import pytest

from eval.verifiers import sandbox, verify, verify_batch
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
        ("import socket\nsocket.create_connection(('1.1.1.1', 53), 1)", "OSError"),
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
    sandbox._bwrap.cache_clear()
    assert verdict.error is not None and verdict.error.startswith("Unavailable")
    assert "sandbox: none" in verdict.error
    assert verify("code_python", RIGHT, SQUARE, sandbox="none").passed is True


def test_a_ground_truth_cannot_open_the_sandbox() -> None:
    truth = json.dumps({"tests": ["assert True"], "sandbox": "none"})
    assert judged(RIGHT, truth).error is not None


def test_the_program_in_an_answer() -> None:
    answer = (
        "First:\n```python\ndef g(): pass\n```\nthen\n```py\ndef f(): pass\n```\n```sh\nls\n```"
    )
    assert extract(answer) == "def f(): pass\n"
    assert extract(answer, "g") == "def g(): pass\n"
    assert extract("def f(): pass") == "def f(): pass"
    assert extract("```python\ndef f(): pass") == "def f(): pass"

"""Python code verifier: the program runs with its tests in a sandbox (sandbox.py).

A ground truth is a JSON object: `tests` (a list of source texts, one verdict each, or one text),
and where useful `setup` (run after the candidate, before the tests), `prompt` (code that the
candidate continues), `entry_point` (the function that the tests call). Score: the share of tests
that pass; passed: all of them.

A program that fails, hangs or breaks a limit has failed its tests; only a sandbox that cannot do
its work is an error. The verdict is made in another process than the candidate's (sandboxed.py).
Tests that only define (functions of pytest, a TestCase, HumanEval's `check`) are run; tests that
test nothing, or need what the sandbox has not, are malformed (program_tests.py).
"""

import json
import os
import re
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from eval.verifiers import program_tests
from eval.verifiers import sandbox as sandboxes
from eval.verifiers.blocks import blocks
from eval.verifiers.sandbox import DEFAULT, Kind, Limits
from eval.verifiers.verdict import MalformedGroundTruth, Unavailable, Verdict

_PYTHON = ("python", "py", "python3", "")


class Tests(BaseModel):
    """What a candidate is run with."""

    model_config = ConfigDict(extra="forbid")

    tests: list[str] = Field(min_length=1)
    setup: str = ""
    prompt: str = ""
    entry_point: str | None = None


def _tests(ground_truth: str) -> Tests:
    try:
        told = json.loads(ground_truth)
    except ValueError as error:
        raise MalformedGroundTruth(f"a code ground truth is JSON: {error}") from error
    if isinstance(told, list):
        told = {"tests": told}
    if isinstance(told, dict) and isinstance(told.get("tests"), str):
        told = {**told, "tests": [told["tests"]]}
    try:
        return Tests.model_validate(told)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "ground truth"
        raise MalformedGroundTruth(f"{where}: {first['msg']}") from error


def extract(answer: str, names: Collection[str] = ()) -> str:
    """The program in an answer: the last fenced block that defines what `names` calls for, else
    the last block of Python, else the last untagged one, else the whole text."""
    found = [block for block in blocks(answer) if block.tag in _PYTHON]
    if not found:
        return answer
    defined = [sum(_defines(block.text, name) for name in names) for block in found]
    if most := max(defined):
        return next(
            block.text
            for block, count in reversed(list(zip(found, defined, strict=True)))
            if count == most
        )
    tagged = [block for block in found if block.tag]
    return (tagged or found)[-1].text


def _defines(code: str, name: str) -> bool:
    name = re.escape(name)
    return bool(re.search(rf"^(?:async\s+)?(?:def|class)\s+{name}\b|^{name}\s*[=:]", code, re.M))


def _program(answer: str, truth: Tests) -> str:
    """The candidate's source. An answer that does not define the entry point continues the prompt;
    one that does still gets what the prompt defines before it (imports, helpers)."""
    code = extract(answer, program_tests.needed(truth.tests, truth.entry_point))
    if truth.entry_point and _defines(code, truth.entry_point):
        definition = rf"^(?:async\s+)?def\s+{re.escape(truth.entry_point)}\b"
        head = re.split(definition, truth.prompt, maxsplit=1, flags=re.MULTILINE)[0]
        return f"{head}\n{code}"
    return truth.prompt + code


def check(ground_truth: str) -> None:
    truth = _tests(ground_truth)
    for test in truth.tests:
        program_tests.calls(test, truth.entry_point)


def ready(*, sandbox: Kind = "bwrap") -> None:
    """Raise Unavailable where programs cannot be run, naming what to install."""
    sandboxes.ready(sandbox)


def verify(
    answer: str, ground_truth: str, *, sandbox: Kind = "bwrap", limits: Limits = DEFAULT
) -> Verdict:
    truth = _tests(ground_truth)
    bounds = {
        "cpu_seconds": limits.cpu_seconds,
        "memory_bytes": limits.memory_bytes,
        "disk_bytes": limits.disk_bytes,
    }
    judge = bounds | {
        "setup": truth.setup,
        "tests": truth.tests,
        "calls": [program_tests.calls(test, truth.entry_point) for test in truth.tests],
        "names": sorted(program_tests.needed(truth.tests, truth.entry_point)),
    }
    candidate = bounds | {"candidate": _program(answer, truth)}
    outcome = sandboxes.run(
        json.dumps(candidate).encode(), json.dumps(judge).encode(), sandbox, limits
    )
    reports = dict(_reports(outcome.reports))
    if "started" not in reports:
        told = outcome.reports or outcome.printed
        raise Unavailable(f"the sandbox did not start: {told[-300:] or outcome.stopped}")
    results = [reports.get(f"test {n}", "not reached") for n in range(len(truth.tests))]
    passed = results.count(None)
    ended = outcome.stopped or _signal(outcome.exit_code)
    why = (
        ended
        or reports.get("candidate")
        or reports.get("setup")
        or next((r for r in results if r is not None), "")
    )
    reason = f"{passed} of {len(results)} tests passed" + (
        f": {why}" if passed < len(results) else ""
    )
    return Verdict.of(passed == len(results), reason, score=passed / len(results))


def _reports(told: str) -> Iterator[tuple[str, str | None]]:
    """What the judge reported; a line that a stopped judge left half written says nothing."""
    for line in told.split("\n"):
        try:
            what, why = json.loads(line)
        except ValueError:
            continue
        yield what, why


def _signal(exit_code: int | None) -> str:
    """Why a program ended that did not end by itself; bwrap passes signals on as 128 + n."""
    if exit_code is None:
        return ""
    number = -exit_code if exit_code < 0 else exit_code - 128
    named = {9: "killed (CPU time or memory)", 24: "used up its CPU time", 11: "crashed"}
    return named.get(number, "")


def verify_batch(
    answers: Sequence[str],
    ground_truths: Sequence[str],
    *,
    sandbox: Kind = "bwrap",
    limits: Limits = DEFAULT,
) -> list[Verdict]:
    """One fresh sandbox for each program, one program at a time for each core."""

    def judge(answer: str, ground_truth: str) -> Verdict:
        try:
            return verify(answer, ground_truth, sandbox=sandbox, limits=limits)
        except Exception as error:
            return Verdict.failure(error)

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:
        return list(threads.map(judge, answers, ground_truths))


def ground_truth(item: dict[str, Any]) -> str:
    """Items in the form of HumanEval (`meta.test`, `meta.entry_point`), of MBPP (`meta.test_list`,
    `meta.test_setup_code`), or with their ground truth written out in `meta.ground_truth`."""
    meta = item.get("meta") or {}
    if "ground_truth" in meta:
        return str(meta["ground_truth"])
    if "test" in meta:
        name = meta["entry_point"]
        test = f"{meta['test']}\ncheck({name})\n"
        truth = Tests(tests=[test], prompt=item["prompt"], entry_point=name)
    elif "test_list" in meta:
        truth = Tests(tests=meta["test_list"], setup=meta.get("test_setup_code") or "")
    else:
        raise MalformedGroundTruth("the item has no tests: meta.test or meta.test_list")
    return truth.model_dump_json(exclude_defaults=True)


def gold(item: dict[str, Any]) -> str:
    return f"```python\n{item['answer']}\n```"


def wrong(item: dict[str, Any], other: dict[str, Any] | None) -> Iterator[str]:
    """The gold function with every result changed (a number by one), and another item's program."""
    truth = _tests(ground_truth(item))
    code = truth.prompt + item["answer"]
    called = [n for n in re.findall(r"^def (\w+)", code, re.M) if n in truth.tests[0]]
    if called:
        yield f"```python\n{code}\n{_OFF_BY_ONE.format(name=truth.entry_point or called[-1])}```"
    if other is not None:
        yield gold(other)


_OFF_BY_ONE = """
def {name}(*args, _right={name}, **named):
    value = _right(*args, **named)
    return value + 1 if isinstance(value, (int, float, complex)) else (value, 1)
"""

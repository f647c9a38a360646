"""Warm-up: for the types that a real index has, and not where it is done already."""

import json
import subprocess
from dataclasses import fields

import pytest

from decontam import warmup
from decontam.check import check
from decontam.decide import evidence
from decontam.index.index import NAMES, Suite, build
from decontam.search import scan
from decontam.search.candidates import ask_of_passages, find_candidates
from decontam.search.measure import measure
from decontam.search.segments import trace
from decontam.search.support import support

KERNELS = (find_candidates, measure, ask_of_passages, support, trace)
ITEM = {"id": "zebra", "prompt": "How many stripes does a Grevy zebra have on its neck?"}


def test_the_empty_index_has_a_real_one_s_types() -> None:
    real = build([Suite("mine", "extra", lambda: [ITEM])])
    empty = warmup.empty_index()
    for field in fields(real):
        if field.name not in NAMES:
            one, other = getattr(real, field.name), getattr(empty, field.name)
            assert (one.dtype, one.ndim) == (other.dtype, other.ndim), field.name


def test_what_is_compiled_ahead_is_what_a_scan_calls(tmp_path, monkeypatch) -> None:
    for name in ("letters", "numerals"):
        monkeypatch.setattr(scan, name, getattr(scan, name))
    (tmp_path / "rows.jsonl").write_text(json.dumps({"text": ITEM["prompt"]}))
    check([tmp_path / "rows.jsonl"], [("mine", "extra", [ITEM], None)], cache=tmp_path)
    kernels = (*KERNELS, evidence.locate)
    assert all(kernel.signatures for kernel in kernels)
    called = [kernel.signatures for kernel in kernels]
    warmup.main()
    warmup.read()
    assert [kernel.signatures for kernel in kernels] == called


def test_nothing_is_started_where_the_kernels_are_there(monkeypatch) -> None:
    warmup.compile_ahead.cache_clear()
    monkeypatch.setattr(warmup, "is_on_disk", lambda kernel: kernel is measure)
    monkeypatch.setattr(subprocess, "Popen", None)
    with warmup.compiling_ahead():
        pass


def test_a_process_is_waited_for_and_ended_where_the_index_fails(monkeypatch) -> None:
    warmup.compile_ahead.cache_clear()
    monkeypatch.setattr(warmup, "is_on_disk", lambda kernel: False)
    monkeypatch.setattr(warmup, "COMMAND", "import time; time.sleep(3600)")
    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def start(*arguments, **options) -> subprocess.Popen[bytes]:
        started.append(popen(*arguments, **options))
        return started[0]

    monkeypatch.setattr(subprocess, "Popen", start)
    with pytest.raises(ValueError, match="no items"), warmup.compiling_ahead():
        raise ValueError("no items")
    assert started[0].returncode is not None
    warmup.compile_ahead.cache_clear()

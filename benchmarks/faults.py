"""10,000 requests against a server that fails a fifth of them, and a client killed ten times.

    python benchmarks/faults.py
    python benchmarks/faults.py --requests 2000 --kills 3

The server (tests/dataengine/models/fault_server.py) fails by schedule: 429 with and without
Retry-After, 500, 502, 503, hangs, closed connections, closed bodies, malformed JSON, the wrong
schema, truncation under two names, empty answers, answers broken off by the provider, errors inside
a 200, refused fields; it counts what it was asked. First an undisturbed run, then one
that is killed with SIGKILL on the way and started again. Printed: how every row ended, what the
server answered in all, and the bound that it may not exceed.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

TESTS = Path(__file__).resolve().parents[1] / "tests" / "dataengine" / "models"


@contextmanager
def fault_server(faults: float) -> Iterator[str]:
    command = [sys.executable, str(TESTS / "fault_server.py"), "--faults", str(faults),
               "--delay", "0.02"]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()


def counts(server: str) -> dict[str, Any]:
    with urlopen(f"{server}/counts") as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def asker(server: str, ledger: Path, requests: int, concurrency: int) -> subprocess.Popen[str]:
    command = [sys.executable, TESTS / "asker.py", f"{server}/v1", ledger, requests, concurrency, 2]
    return subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, text=True)


def run(requests: int, concurrency: int, faults: float, kills: int) -> tuple[str, dict[str, Any]]:
    """How the rows ended, and what the server saw; the client is killed on the way."""
    draw = random.Random(1)
    marks = sorted(draw.sample(range(requests // 20, requests * 19 // 20), kills))
    with fault_server(faults) as server, tempfile.TemporaryDirectory() as folder:
        ledger, ended = Path(folder) / "ledger.sqlite", ""
        for mark in [*marks, None]:
            process = asker(server, ledger, requests, concurrency)
            while mark is not None and process.poll() is None:
                if counts(server)["answered"] >= mark:
                    process.kill()
                time.sleep(0.05)
            ended = process.communicate()[0].strip()
        return ended, counts(server)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--faults", type=float, default=0.2)
    parser.add_argument("--kills", type=int, default=10)
    options = parser.parse_args()
    n, width = options.requests, options.concurrency
    ended, seen = run(n, width, options.faults, 0)
    print(f"undisturbed: rows ended: {ended}")
    print(f"  server: {seen}")
    paid = seen["answered"]
    ended, seen = run(n, width, options.faults, options.kills)
    print(f"killed {options.kills} times: rows ended: {ended}")
    print(f"  server: {seen}")
    bound = paid + options.kills * width
    verdict = "holds" if seen["answered"] <= bound else "DOES NOT HOLD"
    print(
        f"answers paid for: {seen['answered']:,} <= {paid:,} + {options.kills} x {width}: {verdict}"
    )


if __name__ == "__main__":
    main()

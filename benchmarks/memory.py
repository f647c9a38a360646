"""A filter that takes memory without end, on a Ray cluster whose memory monitor kills its workers.

    python -m benchmarks.memory            # lets all processes take 2 GB more than they have now

The part that it is given has to be handed out three times, then the build ends in one line that
names the part; without the filter the same process builds to the end. What other processes take
meanwhile counts as well, so this is a check by hand, on a machine that does nothing else.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import yaml

from benchmarks.scale import mixture
from dataengine import build
from dataengine.decisions import Decided
from dataengine.engines.drive import ATTEMPTS
from dataengine.errors import UserError
from dataengine.sources import ingest
from dataengine.stages.filters import Filter

ROWS, PART_ROWS, PART = 1_500, 300, 3


class TakesMemory(Filter):
    """Takes 64 MB after 64 MB on one part, until somebody kills it."""

    name: ClassVar[str] = "takes_memory"
    log: Path
    """A file with a byte for each time that the part was tried."""

    def apply(self, view: Any, found: Any) -> Decided:
        """Keep every row."""
        if view.number == PART:
            with self.log.open("a") as log:
                log.write("x")
            held = []
            while len(held) < 200:
                held.append(np.ones(1 << 23))
            time.sleep(60)
        return Decided.stay(len(view))


@contextmanager
def watched(room: int) -> Iterator[str]:
    """The address of a cluster that kills workers once `room` more bytes are taken than now."""
    told = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    whole, free = (int(told[key].split()[0]) << 10 for key in ("MemTotal", "MemAvailable"))
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    kills = {"memory_usage_threshold": (whole - free + room) / whole}
    head = {"num_cpus": 2, "include_dashboard": False, "_system_config": kills}
    cluster = Cluster(True, head_node_args=head)
    try:
        yield cluster.address
    finally:
        cluster.shutdown()


def main() -> None:
    """Build with the filter, then without it, and print how each ended."""
    parser = argparse.ArgumentParser(description="A worker without memory, on Ray.")
    parser.add_argument("--room", type=float, default=2.0, help="GB that may be taken")
    options = parser.parse_args()
    ingest.PART_ROWS, tried = PART_ROWS, 0
    with tempfile.TemporaryDirectory() as folder, watched(int(options.room * 1e9)) as address:
        described, log = mixture(Path(folder) / "mixture", ROWS), Path(folder) / "log"
        given, out = yaml.safe_load(described.read_text()), Path(folder) / "out"
        given["sources"][0]["path"] = str(described.parent / "chats.jsonl")
        given["decontaminate"]["path"] = str(described.parent / "evals")
        try:
            hungry = {**given, "filters": [{"takes_memory": {"log": str(log)}}]}
            build(hungry, out, engine="ray", address=address, quiet=True)
        except UserError as error:
            tried = len(log.read_text())
            print(f"tried {tried} times: {error}")
        built = build(given, out, engine="ray", address=address, quiet=True)
        print(f"the same process, without that filter: {built.manifest['name']} is built")
    sys.exit(tried != ATTEMPTS)


if __name__ == "__main__":
    from benchmarks import memory  # by the name under which workers find the filter

    memory.main()

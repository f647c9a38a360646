"""The local engine: threads of this process."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from dataengine.engines.job import Done, Job, perform


class Local:
    """Runs parts in a pool of threads, in order, with a few of them under way."""

    def __init__(self, pool: ThreadPoolExecutor, workers: int) -> None:
        self.pool, self.workers = pool, workers

    def run(self, job: Job, parts: Sequence[int]) -> Iterator[Done]:
        left = iter(parts)
        waiting = deque(
            self.pool.submit(perform, job, part) for part in islice(left, self.workers + 1)
        )
        while waiting:
            yield waiting.popleft().result()
            waiting.extend(self.pool.submit(perform, job, part) for part in islice(left, 1))

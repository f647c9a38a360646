"""A reading: what a reader brings, turn by turn, lies on disk."""

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import polars as pl

from dataengine.dropped import read_lost
from dataengine.progress import Progress
from dataengine.reading import Reading
from dataengine.run import Account
from dataengine.stages.stage import FAILED, Context, Outcome


def test_what_is_lost_beside_no_kept_row_is_not_written_over(tmp_path):
    def failed(row):
        line = {"source": "a", "row": row, "reason": "shape", "evidence": "{}", "record": "?"}
        return Outcome(failed=pl.DataFrame([line], schema=FAILED), taken=1)

    reader = SimpleNamespace(
        source=SimpleNamespace(name="a"), read=lambda _: iter([failed(1), failed(2), failed(3)])
    )
    account = Account(label="read a", name="read", version=1, fingerprint="f")
    with ThreadPoolExecutor(1) as pool:
        context = Context("sft", 0, 1, tmp_path, tmp_path)
        Reading(reader, context, pool).run(account, Progress(quiet=True))
    [(_, files)] = read_lost(tmp_path)
    assert pl.concat(map(pl.read_parquet, files))["row"].to_list() == [1, 2, 3]
    assert account.failed == 3

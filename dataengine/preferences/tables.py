"""Parquet tables behind the pairs, kept whole beside a stage's output, a round at a time."""

from pathlib import Path
from types import TracebackType

import polars as pl
import pyarrow.parquet as pq

from dataengine.preferences.candidates import Judged


class Tables:
    """Writers of candidates, failures, scores and judgements. Candidates carry their prompt, so
    that each table can be read by itself and given to another mixture as it is."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._writers: dict[str, pq.ParquetWriter] = {}

    def __enter__(self) -> "Tables":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for writer in self._writers.values():
            writer.close()

    def write(self, judged: Judged) -> None:
        """Append a round."""
        about = judged.prompts.select(
            "prompt_id", "prompt", "origin", "verifier", "ground_truth",
            "skill", "language", "licence",
        )  # fmt: skip
        self._append("candidates", judged.candidates.join(
            about, on="prompt_id", how="left", maintain_order="left"
        ))  # fmt: skip
        self._append("candidates-failed", judged.failures)
        self._append("scores", judged.scores)
        self._append("judgements", judged.judgements)

    def _append(self, name: str, rows: pl.DataFrame) -> None:
        if not rows.height:
            return
        table = rows.to_arrow()
        if name not in self._writers:
            file = self.folder / f"{name}.parquet"
            self._writers[name] = pq.ParquetWriter(file, table.schema, compression="zstd")
        self._writers[name].write_table(table)

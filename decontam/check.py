"""Decontamination check of rows against eval suites, as the engine and the command line call it."""

import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from dataengine.errors import UserError
from decontam.decide import rules
from decontam.decide.decide import decide, short_copies
from decontam.decide.evidence import EVIDENCE, Evidence, breaks_off, stands_alone
from decontam.decide.policy import apply_policies
from decontam.decide.rules import Decision, RuleName
from decontam.index.index import Index, Suite, load_or_build
from decontam.io.batches import Batch, Columns, read_batches
from decontam.io.findings import Findings, findings, fingerprint
from decontam.io.spill import SpillBuffer
from decontam.io.tally import Tally
from decontam.search.scan import BatchWords, Scanner
from decontam.warmup import compiling_ahead

if TYPE_CHECKING:
    from decontam.paraphrase.semantic import Second

MADE_OF, MADE_LEAST = 0.5, 20
# Rules that are no coincidence in a source that was made from a suite.
UNSURE = (RuleName.STOCK_PHRASE, RuleName.SHARED_QUESTION, RuleName.IN_PASSING)

Method = Literal["default", "tulu3"]
AnySuite = Suite | tuple[str, str, Iterable[Mapping[str, Any]], Any] | Any


def check(
    rows: Iterable[str | Path],
    suites: Iterable[AnySuite],
    *,
    method: Method = "default",
    policy: Mapping[str, Any] | None = None,
    cache: Path | None = None,
    threads: int | None = None,
    paraphrases: "bool | Second" = False,
    columns: Mapping[str, str] | None = None,
    allow_textless: bool = False,
) -> Findings:
    """Which rows give away which eval items.

    `rows`: files of any format that `dataengine.rows.formats` reads. Every string of a row is text,
    whatever its key, unless the key is known for metadata (`dataengine.rows.texts`); `columns`
    names keys that are text all the same, with the role of what stands there. A row that holds no
    text is an error unless `allow_textless`. `suites`: eval.suites Suite objects, or (name, tier,
    items, policy) with items as dicts of id, prompt, answer?, choices?, passage?. `policy` maps a
    suite's name to the policy that replaces its own. `cache`: the folder of indices, the user's by
    default. `threads`: default, one for each core. `paraphrases`: the second tier too
    (`paraphrase.semantic`), for the rows that the first keeps; by the packaged model, or as told.

    The result does not depend on the order of rows or the number of threads, and a row's verdict
    not on the other rows, but for one case: where a source holds half of a suite's items, phrases
    too short to tell are dropped too. `method="tulu3"` is the published rule (`decontam.tulu3`).

    Raises:
        UserError: rows that cannot be read, or a suite that would protect nothing; the message says
            where and what to do.
    """
    paths = [Path(path) for path in rows]
    protected = [as_suite(suite, policy or {}) for suite in suites]
    read = Columns(columns)
    if method == "tulu3":
        from decontam.tulu3 import check_tulu3

        if paraphrases:
            raise UserError("paraphrases are no part of the published rule; leave out one of both")
        found = check_tulu3(read_batches(paths, read), protected, allow_textless)
        found.report["inputs"] = _inputs(paths, map(fingerprint, paths))
        return found
    checker = Checker.of(protected, cache, allow_textless)
    threads = threads or len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(1) as aside:
        hashes = aside.submit(lambda: [fingerprint(path) for path in paths])
        found = checker.run(read_batches(paths, read), threads)
        if paraphrases:
            from decontam.paraphrase.semantic import Second, with_paraphrases

            batches = read_batches(paths, read)
            second = paraphrases if isinstance(paraphrases, Second) else Second()
            found = with_paraphrases(found, checker.index, protected, batches, cache, second)
        found.report["inputs"] = _inputs(paths, hashes.result())
    return found


def _inputs(paths: list[Path], hashes: Iterable[str]) -> list[dict[str, str]]:
    """The files that were checked, in the order that decisions name them by."""
    return [
        {"file": path.name, "xxh3_128": digest} for path, digest in zip(paths, hashes, strict=True)
    ]


def as_suite(suite: AnySuite, policies: Mapping[str, Any]) -> Suite:
    """A suite in this package's form; an eval.suites Suite is recognised by its attributes."""
    if isinstance(suite, tuple):
        name, tier, items, policy = suite
        listed = list(items)
        suite = Suite(name, tier, lambda: listed, policy, hash_of(listed))
    elif not isinstance(suite, Suite):
        given = suite

        def items_as_dicts() -> Iterator[Mapping[str, Any]]:
            return (item._asdict() for item in given.items())

        suite = Suite(given.name, given.tier, items_as_dicts, given.decontaminate, given.hash)
    policy = policies.get(suite.name, suite.policy)
    return Suite(suite.name, suite.tier, suite.items, policy, suite.hash)


def hash_of(items: list[Mapping[str, Any]]) -> str:
    """A hash of a suite's items, in their order."""
    digest = blake2b(digest_size=16)
    for item in items:
        digest.update(repr(sorted(item.items(), key=str)).encode("utf-8", "replace"))
    return digest.hexdigest()


class Checker:
    """One index, and a scanner for each thread."""

    def __init__(self, index: Index, suites: list[Suite], allow_textless: bool = False) -> None:
        self.index = index
        self.suites = suites
        self.allow_textless = allow_textless
        self._local = threading.local()

    @classmethod
    def of(
        cls, suites: list[Suite], cache: Path | None = None, allow_textless: bool = False
    ) -> "Checker":
        """A checker against suites, whose index is built or taken from `cache`."""
        with compiling_ahead():
            return cls(load_or_build(suites, cache), suites, allow_textless)

    def run(self, batches: Iterator[Batch], threads: int) -> Findings:
        evidence = SpillBuffer(EVIDENCE)
        read = Tally()
        for found, tally in in_order(self._batch, batches, threads):
            evidence.put(found)
            read.add(tally)
        return self.settled(evidence.table(), dict(read.sources), read.report())

    def settled(
        self, evidence: pl.DataFrame, sources: dict[str, int], facts: dict[str, Any]
    ) -> Findings:
        """What was found in all batches; `sources` are the rows of each."""
        table = drop_what_a_suite_made(evidence, self.index.suites)
        facts = facts | {
            "method": "default",
            "thresholds": {
                "nats": rules.EVIDENCE,
                "agreement": rules.NEEDED,
                "passage_there": rules.PASSAGE_THERE,
                "numbers_replaced": rules.NUMBERS_REPLACED,
            },
        }
        return findings(table, self.index.suites, sources, facts)

    def _batch(self, batch: Batch) -> tuple[pl.DataFrame, Tally]:
        return self.scan(batch), Tally.of(batch, self.allow_textless)

    def scan(self, batch: Batch) -> pl.DataFrame:
        """Evidence of a batch's rows, in `EVIDENCE`. May be called from several threads."""
        if not hasattr(self._local, "scanner"):
            self._local.scanner = Scanner(self.index)
            self._local.evidence = Evidence(self.index)
        scanner: Scanner = self._local.scanner
        words = scanner.words(batch)
        decided = decide(scanner.scan(batch, words))
        decided = self._sentences(decided, batch, words)
        found = [pl.DataFrame(schema=EVIDENCE)]
        for lines, segments, bounds in scanner.traced(decided, words):
            table = self._local.evidence.table(lines, batch, words.text_words, segments, bounds)
            found.append(apply_policies(table, self.suites))
        return pl.concat(found)

    def _sentences(self, decided: pl.DataFrame, batch: Batch, words: BatchWords) -> pl.DataFrame:
        """`decided`, where a copy of few words in mid-sentence, or a question's beginning that goes
        on otherwise, is only for review."""
        cut = decided["rule"] == RuleName.BEGINNING
        places = (short_copies(decided) | cut).arg_true()
        if not len(places):
            return decided
        evidence: Evidence = self._local.evidence
        around = evidence.around(decided[places], batch, words.text_words)
        decision, rule = decided["decision"].to_list(), decided["rule"].to_list()
        for place, (before, after) in zip(places.to_list(), around, strict=True):
            if not (breaks_off(after) if cut[place] else stands_alone(before, after)):
                decision[place] = Decision.REVIEW
                rule[place] = RuleName.NEAR if cut[place] else RuleName.IN_PASSING
        return decided.with_columns(pl.Series("decision", decision), pl.Series("rule", rule))


def drop_what_a_suite_made(evidence: pl.DataFrame, suites: list[dict[str, Any]]) -> pl.DataFrame:
    """A source that holds half of a suite was made from it: there, its stock phrases and shared
    questions are no coincidence."""
    items = pl.DataFrame(
        {"suite": [s["name"] for s in suites], "of": [s["items"] for s in suites]},
        schema={"suite": pl.String, "of": pl.Int64},
    )
    made = (
        evidence.filter(pl.col("decision") == "drop")
        .group_by("source", "suite")
        .agg(pl.col("eval_id").n_unique().alias("hit"))
        .join(items, on="suite")
        .filter((pl.col("hit") >= MADE_OF * pl.col("of")) & (pl.col("hit") >= MADE_LEAST))
        .select("source", "suite", pl.lit(True).alias("made"))
    )
    if made.is_empty():
        return evidence
    unsure = pl.col("rule").is_in(UNSURE)
    of_these = evidence.select("source", "suite").join(
        made, on=["source", "suite"], how="left", maintain_order="left"
    )["made"]
    promoted = of_these.fill_null(False) & unsure & (pl.col("decision") == "review")
    because = pl.lit("its source was made from this suite")
    return evidence.with_columns(
        pl.when(promoted).then(pl.lit("drop")).otherwise("decision").alias("decision"),
        pl.when(promoted).then(because).otherwise("reason").alias("reason"),
    )


def in_order(work: Any, batches: Iterator[Batch], threads: int) -> Iterator[Any]:
    """`work` over batches on `threads` threads, results in order; one batch waits at most."""
    if threads == 1:
        yield from map(work, batches)
        return
    with ThreadPoolExecutor(threads) as pool:
        waiting: list[Future[Any]] = []
        for batch in batches:
            waiting.append(pool.submit(work, batch))
            while len(waiting) > threads:
                wait(waiting[:1], return_when=FIRST_COMPLETED)
                yield waiting.pop(0).result()
        for future in waiting:
            yield future.result()

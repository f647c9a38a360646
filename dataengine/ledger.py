"""The ledger: every model call that was answered, under the hash of the request.

One SQLite file in WAL mode beside the build. The key is blake2b of the canonical request (model,
messages, every sampling parameter, schema) as it is asked for, and the sample's number; where a
server made us send it otherwise (models/fit.py), what differed stands beside it. An answer is
written the moment it arrives, before anything looks at it, so a build that is killed pays for
nothing twice and a replay gives the same bytes.

Calls that were paid for and could not be used (a malformed body, an empty answer) are rows too,
with their outcome; so are calls whose cost is not known, with the most they can have cost.
"""

import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Any

import anyio
import anyio.to_thread
import orjson

from dataengine.errors import UserError

ANSWERED = "answered"
SENT = "sent"
WITHDRAWN = "withdrawn"
FORMAT = 2

SCHEMA = f"""
CREATE TABLE IF NOT EXISTS calls (
    id INTEGER PRIMARY KEY,
    key BLOB NOT NULL,
    sample INTEGER NOT NULL,
    model TEXT NOT NULL,
    stage TEXT NOT NULL,
    outcome TEXT NOT NULL,
    request BLOB NOT NULL,
    response BLOB,
    input_tokens INTEGER,
    output_tokens INTEGER,
    usd REAL,
    usd_at_most REAL,
    imported INTEGER NOT NULL DEFAULT 0,
    at REAL NOT NULL,
    adapted TEXT
);
CREATE TABLE IF NOT EXISTS learned (model TEXT PRIMARY KEY, changed TEXT NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS answered ON calls (key) WHERE outcome = '{ANSWERED}';
CREATE INDEX IF NOT EXISTS sent ON calls (key) WHERE outcome = '{SENT}';
PRAGMA user_version = {FORMAT};
"""

INSERT = (
    "INSERT OR IGNORE INTO calls (key, sample, model, stage, outcome, request, response,"
    " input_tokens, output_tokens, usd, usd_at_most, imported, at, adapted)"
    " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
)


def canonical(request: dict[str, Any]) -> bytes:
    """The one spelling of a request: JSON with sorted keys, UTF-8, no spaces.

    Raises TypeError for what JSON cannot hold (a lone surrogate, an object of ours).
    """
    return orjson.dumps(request, option=orjson.OPT_SORT_KEYS)


def key_of(request: bytes, sample: int) -> bytes:
    """The ledger's key (16 bytes) of one sample of a canonical request."""
    return blake2b(b"%d\n%b" % (sample, request), digest_size=16).digest()


@dataclass(slots=True)
class Call:
    """One call to a model. Unknown tokens and USD are None, never 0.

    `outcome` is "answered", "sent" (in flight), "withdrawn" (it cost nothing: forget that it was
    sent), or the class of what went wrong. `usd_at_most` bounds a cost that is not known. `adapted`
    is JSON of the fields that were sent otherwise than asked for, to fit the server.
    """

    key: bytes
    sample: int
    model: str
    stage: str
    outcome: str
    request: bytes
    response: bytes | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    usd: float | None = None
    usd_at_most: float | None = None
    imported: bool = False
    adapted: str | None = None
    noted: bool = True
    """Whether it may have been written before that the request was sent."""


@dataclass(slots=True, eq=False)
class _Batch:
    """Calls that are committed together; the first one's task does it, when it is its turn."""

    calls: list[Call] = field(default_factory=list)
    turn: anyio.Event = field(default_factory=anyio.Event)
    done: anyio.Event = field(default_factory=anyio.Event)
    error: Exception | None = None


@dataclass(frozen=True)
class Stored:
    """An answer found in the ledger: the response's bytes as they came, and what they cost."""

    response: bytes
    input_tokens: int | None
    output_tokens: int | None
    usd: float | None


@dataclass(frozen=True)
class Spent:
    """What one stage asked of one model, over every run. Unknown sums are None, never 0.

    `calls` were made and `replayable` of them answered; `imported` came from a file for nothing.
    `unpriced` calls have an unknown cost: at most `usd_at_most` in all where a price was known.
    """

    model: str
    stage: str
    calls: int
    imported: int
    replayable: int
    input_tokens: int | None
    output_tokens: int | None
    usd: float | None
    unpriced: int
    usd_at_most: float


class Ledger:
    """The ledger of one build. Open it once per process; use as a context manager.

    Reading and writing may happen on any thread. `record` is the way in for asynchronous code:
    it returns once the call is committed, and commits together with whatever else is waiting.
    """

    def __init__(self, path: Path):
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = Lock()
        self._batch, self._writing = _Batch(), False
        try:
            # One connection, handed between threads under `_lock`.
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._db.execute("PRAGMA busy_timeout = 30000")
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version > FORMAT:
                raise UserError(
                    f"{path}: ledger format {version} is newer than this version reads "
                    f"({FORMAT}); update dataengine, or build into another folder"
                )
            # A commit in WAL mode survives the death of the process; NORMAL spares an fsync each.
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.executescript(SCHEMA)
            if version == 1:
                self._db.execute("ALTER TABLE calls ADD COLUMN adapted TEXT")
        except sqlite3.DatabaseError as error:
            raise UserError(f"{path}: not a ledger that can be opened ({error})") from None

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Fold the write-ahead log into the file and close it."""
        with self._lock:
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def look_up(self, keys: Sequence[bytes]) -> dict[bytes, Stored]:
        """The answers stored under `keys`; keys without an answer are absent. Batches are cheap."""
        found: dict[bytes, Stored] = {}
        with self._lock:
            for start in range(0, len(keys), 500):
                batch = keys[start : start + 500]
                marks = ",".join("?" * len(batch))
                for key, *stored in self._db.execute(
                    "SELECT key, response, input_tokens, output_tokens, usd FROM calls"
                    f" WHERE outcome = '{ANSWERED}' AND key IN ({marks})",
                    batch,
                ):
                    found[key] = Stored(*stored)
        return found

    def write(self, calls: Iterable[Call]) -> None:
        """Commit `calls`, all or none. Each replaces the note that its request had been sent.

        A second answer to a question that already has one is kept with outcome "duplicate", so
        that its cost is counted.
        """
        now = time.time()
        with self._transaction() as db:
            for call in calls:
                if call.noted and call.outcome != SENT:
                    db.execute(
                        "DELETE FROM calls WHERE id = (SELECT max(id) FROM calls"
                        f" WHERE outcome = '{SENT}' AND key = ?)",
                        (call.key,),
                    )
                if call.outcome == WITHDRAWN:
                    continue
                row = [
                    call.key, call.sample, call.model, call.stage, call.outcome, call.request,
                    call.response, call.input_tokens, call.output_tokens, call.usd,
                    call.usd_at_most, call.imported, now, call.adapted,
                ]  # fmt: skip
                if not db.execute(INSERT, row).rowcount and not call.imported:
                    row[4] = "duplicate"
                    db.execute(INSERT, row)

    async def record(self, call: Call) -> None:
        """Commit one call and return once it is on disk, whatever is cancelled meanwhile.

        Calls that come while a commit is going on are committed together, by the first of them:
        256 answers cost a few commits.
        """
        with anyio.CancelScope(shield=True):
            batch = self._batch
            batch.calls.append(call)
            if batch.calls[0] is not call:
                await batch.done.wait()
            else:
                if self._writing:
                    await batch.turn.wait()
                await self._commit(batch)
            if batch.error is not None:
                raise batch.error

    async def _commit(self, batch: "_Batch") -> None:
        self._writing, self._batch = True, _Batch()
        try:
            await anyio.to_thread.run_sync(self.write, batch.calls)
        except Exception as error:
            batch.error = error
        finally:
            batch.done.set()
            self._writing = bool(self._batch.calls)
            self._batch.turn.set()

    def close_open_calls(self) -> int:
        """Mark what was in flight when an earlier run was killed; its cost stays counted.

        Returns how many there were. Call it when a run begins, never while one is going on.
        """
        with self._transaction() as db:
            done = db.execute(f"UPDATE calls SET outcome = 'killed' WHERE outcome = '{SENT}'")
            return done.rowcount

    def learned(self, model: str) -> dict[str, str | None]:
        """The fields that a model's server does not take: their new names, None for none."""
        with self._lock:
            found = self._db.execute("SELECT changed FROM learned WHERE model = ?", (model,))
            row = found.fetchone()
        return dict(orjson.loads(row[0])) if row else {}

    def remember(self, model: str, changed: dict[str, str | None]) -> None:
        """Keep what was learned of a model's server for later runs."""
        with self._transaction() as db:
            told = orjson.dumps(changed).decode()
            db.execute("INSERT OR REPLACE INTO learned VALUES (?,?)", (model, told))

    def spent(self) -> list[Spent]:
        """Calls, tokens and USD per model and stage, over every run that used this ledger.

        What was imported cost this build nothing and is counted apart.
        """
        query = """
            SELECT model, stage, sum(imported = 0), sum(imported),
                sum(outcome = 'answered' AND imported = 0),
                sum(CASE WHEN imported = 0 THEN input_tokens END),
                sum(CASE WHEN imported = 0 THEN output_tokens END),
                sum(CASE WHEN imported = 0 THEN usd END),
                sum(imported = 0 AND usd IS NULL),
                total(CASE WHEN imported = 0 AND usd IS NULL THEN usd_at_most END)
            FROM calls GROUP BY model, stage ORDER BY model, stage
        """
        with self._lock:
            return [Spent(*row) for row in self._db.execute(query)]

    def spent_usd(self) -> float:
        """USD of every run so far; a call of unknown cost counts as the most it can have been."""
        with self._lock:
            query = "SELECT total(coalesce(usd, usd_at_most)) FROM calls WHERE imported = 0"
            return float(self._db.execute(query).fetchone()[0])

    def calls(self, where: str = "1", values: Sequence[object] = ()) -> Iterator[dict[str, Any]]:
        """Every call for which the SQL condition `where` holds, in the order of their keys."""
        with closing(sqlite3.connect(self.path)) as db:
            cursor = db.execute(f"SELECT * FROM calls WHERE {where} ORDER BY key, id", values)
            names = [column[0] for column in cursor.description]
            for row in cursor:
                yield dict(zip(names, row, strict=True))

    def forget(self, where: str, values: Sequence[object]) -> int:
        """Drop the answers for which the SQL condition holds: a later run pays for them again.

        What they cost stays in the sums. Returns how many calls were forgotten.
        """
        with self._transaction() as db:
            return db.execute(
                "UPDATE calls SET outcome = 'forgotten', response = NULL, request = x''"
                f" WHERE outcome != 'forgotten' AND ({where})",
                values,
            ).rowcount

    def import_file(self, path: Path) -> int:
        """Take over the answers of an exported JSONL file; returns how many it holds.

        Their keys are computed anew from their requests. Answers that are here already stay.
        """
        count = 0
        try:
            with path.open("rb") as file:
                numbered = (pair for pair in enumerate(file, 1) if pair[1].strip())
                while batch := list(islice(numbered, 1000)):
                    self.write([_imported(line, f"{path}:{number}") for number, line in batch])
                    count += len(batch)
        except OSError as error:
            raise UserError(f"{path}: cannot be read ({error.strerror})") from None
        return count

    def export_lines(self, where: str = "1", values: Sequence[object] = ()) -> Iterator[bytes]:
        """The answers for which the SQL condition holds, as JSONL that `import_file` takes."""
        for call in self.calls(f"outcome = '{ANSWERED}' AND ({where})", values):
            line = {
                "model": call["model"],
                "stage": call["stage"],
                "sample": call["sample"],
                "request": orjson.loads(call["request"]),
                "response": orjson.loads(call["response"]),
                **({"adapted": orjson.loads(call["adapted"])} if call["adapted"] else {}),
            }
            yield orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


def _imported(line: bytes, place: str) -> Call:
    try:
        row = orjson.loads(line)
        request, response = canonical(row["request"]), orjson.dumps(row["response"])
        usage = row["response"].get("usage") or {}
        sample = int(row.get("sample", 0))
        return Call(
            key=key_of(request, sample),
            sample=sample,
            model=str(row.get("model") or row["request"]["model"]),
            stage=str(row.get("stage", "")),
            outcome=ANSWERED,
            request=request,
            response=response,
            input_tokens=usage.get("prompt_tokens"),
            output_tokens=usage.get("completion_tokens"),
            imported=True,
            adapted=orjson.dumps(row["adapted"]).decode() if row.get("adapted") else None,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{place}: not a line of an exported ledger ({type(error).__name__}: {error}); "
            'expected {"request": {...}, "sample": 0, "response": {...}}'
        ) from None


if __name__ == "__main__":
    from dataengine.ledger_commands import main

    main()

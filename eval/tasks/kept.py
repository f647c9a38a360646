"""Answer cache on disk: an evaluation that broke off goes on from it."""

import sys
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from hashlib import blake2b
from pathlib import Path

import orjson

from eval.tasks.reply import Reply, Settings

Request = tuple[str, Settings]
Ask = Callable[[Sequence[Request], Callable[[int, Reply], None]], None]


class Kept:
    """The answers of one run, in a file of lines; the nth sample of a request is its nth line.

    `model` tells one model's answers from another's. Processes of a multi-GPU run write a file
    each, and read all.
    """

    def __init__(self, file: Path, model: str, rank: int = 0) -> None:
        self.file = file.with_name(f"{file.stem}-{rank}{file.suffix}")
        self.files = f"{file.stem}-*{file.suffix}"
        self.model = model
        self.replies: defaultdict[str, deque[Reply]] = defaultdict(deque)
        for part in sorted(file.parent.glob(self.files)):
            for line in part.read_bytes().splitlines():
                self._read(line)

    def _read(self, line: bytes) -> None:
        try:
            key, *reply = orjson.loads(line)
            self.replies[key].append(Reply(*reply))
        except (ValueError, TypeError):  # the run was killed while it wrote the line
            return

    def through(self, requests: Sequence[Request], ask: Ask) -> list[Reply]:
        """The replies to `requests`, in order: those on disk, and the others by `ask`."""
        keys = [self._key(request) for request in requests]
        found: list[Reply | None] = [
            self.replies[key].popleft() if self.replies.get(key) else None for key in keys
        ]
        places = [place for place, reply in enumerate(found) if reply is None]
        if len(places) < len(found):
            told = f"{len(found) - len(places):,} answers of a run that broke off are used"
            print(f"{told}; they are in {self.file.parent / self.files}", file=sys.stderr)
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("ab") as lines:

            def keep(number: int, reply: Reply) -> None:
                place = places[number]
                found[place] = reply
                if reply.error is None:  # what failed is asked again
                    lines.write(orjson.dumps([keys[place], *reply]) + b"\n")
                    lines.flush()

            if places:
                ask([requests[place] for place in places], keep)
        return [reply or Reply(None, error="it was not asked") for reply in found]

    def remove(self) -> None:
        """The run is whole, and its answers stand in its report."""
        for part in self.file.parent.glob(self.files):
            part.unlink(missing_ok=True)

    def _key(self, request: Request) -> str:
        said = orjson.dumps([self.model, *request], default=tuple)
        return blake2b(said, digest_size=16).hexdigest()


def fingerprint(model: str) -> str:
    """A model's name, and for a folder what its files are now: a model trained anew is another."""
    folder = Path(model)
    if not folder.is_dir():
        return model
    files = sorted(file for file in folder.iterdir() if file.is_file())
    known = [
        (file.name, stat.st_size, stat.st_mtime_ns)
        for file in files
        if file.suffix in {".safetensors", ".bin", ".jinja"} and (stat := file.stat())
    ]
    return f"{folder.resolve()} {known}"

"""What a person sees while a build runs: a live line on a terminal, plain lines elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console


class Progress:
    """Tells of stages as they run. `quiet` says nothing, for `--json`."""

    def __init__(self, quiet: bool = False) -> None:
        self.console = Console(stderr=True, quiet=quiet, highlight=False, soft_wrap=True)
        self._status: Any = None
        self._label = ""

    @contextmanager
    def stage(self, label: str) -> Iterator[None]:
        """A stage is under way."""
        self._label = label
        if not self.console.is_terminal:
            yield
            return
        with self.console.status(label) as self._status:
            yield
        self._status = None

    def advanced(self, rows: int) -> None:
        """So many rows have been decided on."""
        if self._status:
            self._status.update(f"{self._label}  {rows:,} rows")

    def done(self, account: Any) -> None:
        """A stage has finished."""
        self.console.print(f"  {_line(account)}  {account.seconds:.1f} s")
        self._warn(account)

    def reused(self, account: Any) -> None:
        """A stage had finished in an earlier run."""
        self.console.print(f"  {_line(account)}  [dim]as before[/dim]")
        self._warn(account)

    def _warn(self, account: Any) -> None:
        """Say why where a stage gave nothing, or failed on more rows than it kept."""
        excluded = account.reasons.get("where", 0)
        if account.failed - excluded > account.kept or (account.failed and not account.kept):
            self.note(account.lost(most=1))

    def note(self, text: str) -> None:
        """Something that a person should know."""
        self.console.print(f"  note: {text}")


def _line(account: Any) -> str:
    lost = account.dropped + account.failed
    went = f"  -{lost:,}" if lost else ""
    return f"{account.label:<28}{account.kept:>10,} rows{went:<12}"

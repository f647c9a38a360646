"""Stages that go wrong, in a module that workers can import: its folder is on their PYTHONPATH."""

import os
import signal
import time
from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl

from dataengine.decisions import Decided
from dataengine.errors import UserError
from dataengine.stages.filters import Filter


class Stubborn(Exception):
    """An exception that pickles, and cannot be unpickled: it takes two arguments."""

    def __init__(self, what: str, where: str) -> None:
        super().__init__(f"{what} at {where}")


class Planted(Filter):
    """Writes down which parts it decides on, and goes wrong on one."""

    name: ClassVar[str] = "planted_in_a_test"
    how: str = ""
    part: int = 2
    notes: Path
    """A folder for a line for each call."""

    def apply(self, view, found):
        with (self.notes / f"{view.number}").open("a") as out:
            out.write("called\n")
        said = None
        if view.number == self.part:
            said = getattr(self, f"_{self.how}", str)()
        return Decided.stay(len(view), pl.DataFrame({"initial": [said or "x"] * len(view)}))

    def _dies_once(self):
        if len((self.notes / f"{self.part}").read_text().splitlines()) == 1:
            os.kill(os.getpid(), signal.SIGKILL)

    def _dies(self):
        os.kill(os.getpid(), signal.SIGKILL)

    def _takes_a_second(self):
        time.sleep(1)

    def _says_more_than_the_disk_holds(self):
        return "x" * 2_000_000

    def _needs_more_memory_than_there_is(self):
        np.ones(1 << 50)

    def _is_bad_input(self):
        raise UserError("the folder of gold answers is not there: give it under gold:")

    def _cannot_read(self):
        raise OSError(5, "Input/output error")


class Brittle(Planted):
    """Looks, and raises what cannot travel."""

    name: ClassVar[str] = "brittle_look_in_a_test"
    alone: ClassVar[bool] = False

    def look(self, view, context):
        if view.number == self.part:
            raise Stubborn("a bad record", "row 7")
        return None

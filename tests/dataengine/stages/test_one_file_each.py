"""A filter, a stage with a survey, a stage that adds a column: one class each, as CONTRIBUTING says."""

from collections.abc import Sequence
from typing import ClassVar

import polars as pl
import pytest

from dataengine.decisions import Decided
from dataengine.document import Document
from dataengine.mixture import load
from dataengine.parts import cut
from dataengine.plan import Plan, Step, plan
from dataengine.progress import Progress
from dataengine.run import Run
from dataengine.stages.filters import Finding, TurnFilter
from dataengine.stages.stage import Context, Stage, Survey, evidence
from dataengine.view import Table, View
from tests.dataengine.conftest import chat


class Shouts(TurnFilter):
    """Drops rows in which the assistant writes in capitals."""

    name: ClassVar[str] = "shouts_in_a_test"

    def find(self, text, turns, number):
        return Finding("shouts", 0, len(text)) if text.isupper() else None


class Commonest(Stage):
    """Keeps one row of the commonest length."""

    name: ClassVar[str] = "commonest_in_a_test"

    def look(self, view: View, context: Context) -> pl.DataFrame:
        return view.small.select("bytes")

    def settle(self, looks: Sequence[pl.DataFrame], table: Table, context: Context) -> Survey:
        rows = table.small().with_columns(pl.concat(table.alive_of(looks)).to_series())
        most = rows["bytes"].mode().min()
        again = rows.filter(pl.col("bytes") == most)[1:].select("at")
        return Survey(cut(again, table.parts), figures={"bytes": most})

    def apply(self, view: View, found: pl.DataFrame | None) -> Decided:
        assert found is not None
        goes = view.at["place"].is_in(found["place"].to_list())
        told = pl.DataFrame({"goes": goes}).select(
            pl.when("goes").then(pl.lit("common")).alias("reason"),
            pl.when("goes").then(pl.lit(evidence(detail="as long as others"))).alias("evidence"),
        )
        return Decided(told["reason"], told["evidence"])


class Initial(Stage):
    """Adds the column `initial`: the first letter of the prompt."""

    name: ClassVar[str] = "initial_in_a_test"
    alone: ClassVar[bool] = True

    def apply(self, view: View, found: pl.DataFrame | None) -> Decided:
        first = [turns[0]["content"][:1] for turns in view.frame("messages")["messages"]]
        return Decided.stay(len(view), pl.DataFrame({"initial": first}))


@pytest.fixture
def ran(mix, tmp_path, monkeypatch):
    """ran(stage): a run of the readers, the stage, and what follows them."""
    monkeypatch.setattr("dataengine.sources.ingest.PART_ROWS", 2)
    rows = [chat(f"q{i}", said) for i, said in enumerate(["a", "B", "b", "c", "long", "d"])]
    mixture = mix({"a": rows})
    Document(mixture)

    def run(stage):
        whole = plan(load(mixture))
        reader, *later = whole.steps
        steps = [reader, Step(stage, (0,)), *(Step(s.stage, (i,)) for i, s in enumerate(later, 1))]
        done = Run(Plan(whole.mixture, tuple(steps)), tmp_path / "out", 2, Progress(quiet=True))
        done.execute()
        return done

    return run


def test_a_filter(ran):
    account = ran(Shouts()).finished[1].account
    assert (account.rows_in, account.kept, account.reasons) == (6, 5, {"shouts": 1})
    assert account.examples["shouts"].startswith("a, row 2")


def test_a_stage_with_a_survey(ran):
    account = ran(Commonest()).finished[1].account
    assert (account.kept, account.reasons, account.figures) == (2, {"common": 4}, {"bytes": 4})


def test_a_stage_that_adds_a_column(ran):
    run = ran(Initial())
    assert run.table is not None
    found = pl.concat([view.frame("initial") for view in run.table.views()])
    assert found["initial"].to_list() == ["q"] * 6

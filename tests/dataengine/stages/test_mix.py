"""What a source gives, beside the same by sorting its rows."""

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataengine.row import draw
from dataengine.stages import mix
from dataengine.stages.mix import Mix
from dataengine.stages.stage import Context
from dataengine.view import Table
from tests.dataengine.conftest import small_table

AMOUNTS = st.one_of(
    st.tuples(st.just("rows"), st.integers(0, 12).map(float)),
    st.tuples(st.just("fraction"), st.floats(0, 1)),
    st.tuples(st.just("repeat"), st.floats(0, 4)),
    st.tuples(st.just("tokens"), st.floats(0, 40)),
    st.just(("all", 1.0)),
)


def plain(rows: pl.DataFrame, unit: str, value: float) -> tuple[dict[int, int], bool]:
    """The twin: how often each row (at, id, tokens, mix) is taken, and whether there are too few."""
    drawn = rows.sort("mix", "id")
    if unit == "all":
        return dict.fromkeys(drawn["at"], 1), False
    if unit == "tokens":
        before = (drawn["tokens"].cum_sum() - drawn["tokens"]).to_list()
        times = [int(tokens < value) for tokens in before]
        return dict(zip(drawn["at"], times, strict=True)), drawn["tokens"].sum() < value
    n = drawn.height
    wanted = int(value) if unit == "rows" else round(value * n)
    whole, more = divmod(wanted if unit == "repeat" else min(wanted, n), max(n, 1))
    times = [whole + (place < more) for place in range(n)]
    return dict(zip(drawn["at"], times, strict=True)), unit == "rows" and wanted > n


@settings(deadline=None, max_examples=150)
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(["a", "b"]),
            st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=5),
        ),
        max_size=5,
    ),
    amounts=st.fixed_dictionaries({"a": AMOUNTS, "b": AMOUNTS}),
    ties=st.booleans(),
)
def test_each_source_gives_what_a_sort_of_its_rows_gives(
    rows: list[tuple[str, list[tuple[int, bool]]]],
    amounts: dict[str, tuple[str, float]],
    ties: bool,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("mix")
    made = small_table([[(1, 1, "", alive) for _, alive in held] for _, held in rows], folder)
    table = Table("sft", made.parts, tuple(source for source, _ in rows), made.alive)
    looks = [
        pl.DataFrame({"tokens": [n for n, _ in held]}, {"tokens": pl.Int64}) for _, held in rows
    ]

    def drawn(seed: int, purpose: str, ids: pl.Series) -> pl.Series:
        return draw(seed, purpose, ids) % 3 if ties else draw(seed, purpose, ids)

    told: list[str] = []
    context = Context("sft", 0, 1, Path(folder), Path(folder), notify=told.append)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mix, "draw", drawn)
        survey = Mix(amounts=amounts).settle(looks, table, context)
    assert survey is not None
    expected, short = {}, []
    for source in dict.fromkeys(table.sources):
        mine = table.small("id", of=source)
        tokens = [
            look["tokens"]
            for look, of in zip(table.alive_of(looks), table.sources, strict=True)
            if of == source
        ]
        mine = mine.with_columns(pl.concat(tokens), drawn(0, "mix", mine["id"]).alias("mix"))
        copies, few = plain(mine, *amounts[source])
        expected |= copies
        if few and mine.height:
            short.append(source)
    found = {
        int(table.bounds[number]) + place: copies
        for number, part in enumerate(survey.parts)
        for place, copies in part.select("place", "copies").rows()
    }
    assert found == expected
    assert [line.split(":")[0] for line in told] == short

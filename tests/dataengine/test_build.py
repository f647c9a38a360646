"""Whole builds in this process: counting, caching, determinism, layout."""

import json
import random
import shutil

import polars as pl
import pytest
from datasets import load_dataset
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataengine.errors import UserError
from dataengine.mixture import load


def chat(*texts):
    roles = ["user", "assistant"] * len(texts)
    return {"messages": [{"role": r, "content": t} for r, t in zip(roles, texts, strict=False)]}


def chats(name, n):
    return [chat(f"{name} asks question number {i}?", f"The answer to {name} {i} is {i}.") for i in range(n)]  # fmt: skip


def data_bytes(folder):
    return {p.name: p.read_bytes() for p in sorted((folder / "data").iterdir())}


def ids(folder):
    return pl.read_parquet(folder / "data" / "*.parquet")["id"].to_list()


def test_a_build_loads_as_a_dataset_and_accounts_for_every_row(mix, built, tmp_path):
    rows = [*chats("a", 20), chat("x", "I am ChatGPT."), chat("only asked"), "{broken"]
    manifest = built(
        mix({"a": rows, "b": chats("b", 10)}, filters=["identity"], dedup={"exact": True})
    )
    for stage in manifest["stages"]:
        assert (
            stage["rows_in"] + stage["added"] == stage["kept"] + stage["dropped"] + stage["failed"]
        )
    assert manifest["splits"]["train"]["rows"] == 30
    loaded = load_dataset(str(tmp_path / "out"), split="train")
    assert sorted(loaded["id"]) == sorted(ids(tmp_path / "out"))
    assert set(loaded[0]["messages"][0]) == {"role", "content"}
    lost = [pl.read_parquet(p) for p in sorted((tmp_path / "out" / "dropped").iterdir())]
    assert sum(t.height for t in lost) == 3
    assert {r for t in lost for r in t["reason"]} == {
        "claims to be another model", "no assistant turn", "not JSON",
    }  # fmt: skip


def test_nothing_runs_twice_and_a_comment_changes_nothing(mix, built, tmp_path):
    mixture = mix({"a": chats("a", 9)}, filters=["identity"])
    first = built(mixture)
    work = tmp_path / "out" / ".work"
    inodes = {p: p.stat().st_ino for p in work.rglob("*.arrow")}
    assert inodes
    mixture.write_text(mixture.read_text() + "# a comment\n")
    assert built(mixture) == first
    assert inodes == {p: p.stat().st_ino for p in work.rglob("*.arrow")}


def test_a_folder_that_was_built_again_loads_as_it_is_now(mix, built, tmp_path):
    mixture = mix({"a": chats("a", 3)})
    for word in ("a", "b"):
        (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, chats(word, 3))))
        built(mixture)
        loaded = load_dataset(str(tmp_path / "out"), split="train")
        assert all(r["messages"][0]["content"].startswith(word) for r in loaded)


def test_editing_one_row_reruns_its_source_and_what_follows(mix, built, tmp_path):
    mixture = mix({"a": chats("a", 9), "b": chats("b", 9)}, filters=["identity"])
    before = built(mixture)
    was = data_bytes(tmp_path / "out")
    file = tmp_path / "b.jsonl"
    file.write_text(
        file.read_text().replace("b asks question number 3", "b wonders about number 3")
    )
    after = built(mixture)
    same = [x["fingerprint"] == y["fingerprint"] for x, y in zip(before["stages"], after["stages"], strict=True)]  # fmt: skip
    assert same == [True] + [False] * (len(same) - 1)
    assert data_bytes(tmp_path / "out") != was


def test_the_bytes_do_not_depend_on_workers_or_folders(mix, built, tmp_path, monkeypatch):
    monkeypatch.setattr("dataengine.sources.ingest.PART_ROWS", 7)
    mixture = mix(
        {"a": chats("a", 60), "b": {"records": chats("b", 30), "repeat": 2.5}},
        filters=["identity", {"length": {"max_chars": 500}}],
        dedup={"exact": True},
        splits={"train": 0.8, "validation": 0.2},
    )
    built(mixture, "one", workers=1)
    built(mixture, "four", workers=4)
    assert data_bytes(tmp_path / "one") == data_bytes(tmp_path / "four")


WORDS = [
    "harbour",
    "lantern",
    "copper",
    "meadow",
    "whistle",
    "ladder",
    "orchard",
    "velvet",
    "cider",
]


def stories(name, n):
    """Rows of which some are near another, and one in ten tells an eval item."""
    draw = random.Random(name)
    told = [" ".join(draw.choices(WORDS, k=150)) for _ in range(n // 3)]
    for i in range(n):
        words = told[i % len(told)].split()
        words[draw.randrange(len(words))] = f"w{draw.randrange(5)}"
        leak = " " + ITEM if i % 10 == 0 else ""
        yield chat(f"{name}: {' '.join(words)}?", f"Told, and told again.{leak}")


ITEM = "how many jars of plum jam does the baker in Tromso sell before the ferry leaves at noon"


def shown(folder):
    files = [p for p in folder.rglob("*") if p.is_file() and ".work" not in p.parts]
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}


def test_dedup_and_decontamination_write_the_same_bytes_for_any_number_of_workers(
    mix, built, tmp_path, monkeypatch
):
    monkeypatch.setattr("dataengine.sources.ingest.PART_ROWS", 11)
    (tmp_path / "evals").mkdir()
    (tmp_path / "evals" / "jam.jsonl").write_text(json.dumps({"id": "1", "prompt": ITEM}) + "\n")
    mixture = mix(
        {name: list(stories(name, 90)) for name in ("a", "b", "c")},
        filters=["identity", "repetition"],
        dedup={"exact": {"side": "prompt"}, "minhash": True},
        decontaminate={"against": ["evals"]},
    )
    manifest = built(mixture, "one", workers=1)
    out = {stage["name"]: stage["dropped"] for stage in manifest["stages"]}
    assert out["near_dedup"] > 20 and out["decontaminate"] > 3
    built(mixture, "four", workers=4)
    assert shown(tmp_path / "one") == shown(tmp_path / "four")


FILTERS = [
    "identity",
    "repetition",
    {"length": {"max_chars": 1_120}},
    {"length": {"max_chars": 1_130}},
]
DEDUPS = [{"exact": {"side": "prompt"}, "minhash": True}, {"minhash": {"keep": "longest"}}]


@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    filters=st.lists(st.permutations(FILTERS).map(lambda f: f[:2]), min_size=2, max_size=3),
    dedup=st.sampled_from(DEDUPS),
)
def test_other_filters_look_at_nothing_again_and_write_what_a_fresh_build_does(
    filters, dedup, mix, built, tmp_path, monkeypatch
):
    monkeypatch.setattr("dataengine.sources.ingest.PART_ROWS", 11)
    (tmp_path / "evals").mkdir(exist_ok=True)
    (tmp_path / "evals" / "jam.jsonl").write_text(json.dumps({"id": "1", "prompt": ITEM}) + "\n")
    rows = {"a": list(stories("a", 40)), "b": [*stories("b", 30), chat("x", "I am ChatGPT.")]}
    work = tmp_path / "again" / ".work"
    made: dict[str, int] = {}
    for chosen in filters:
        keys = {"filters": chosen, "dedup": dedup, "decontaminate": {"against": ["evals"]}}
        mixture = mix(rows, **keys)
        built(mixture, "again")
        shutil.rmtree(tmp_path / "fresh", ignore_errors=True)
        built(mixture, "fresh")
        assert shown(tmp_path / "again") == shown(tmp_path / "fresh")
        looks = (f for kind in ("*_dedup-*", "decon*") for f in work.glob(f"{kind}/read*/*.arrow"))
        found = {str(file.relative_to(work)): file.stat().st_ino for file in looks}
        assert len(found) >= 16 and (not made or made.items() <= found.items())
        made = found


def test_every_row_of_a_source_is_published_or_dropped_with_its_evidence(mix, built, tmp_path):
    (tmp_path / "evals").mkdir()
    (tmp_path / "evals" / "jam.jsonl").write_text(json.dumps({"id": "1", "prompt": ITEM}) + "\n")
    rows = [*stories("a", 60), "{broken", chat("q"), chat("x", "I am ChatGPT.")]
    built(
        mix(
            {"a": {"records": rows, "rows": 10}},
            filters=["identity"],
            dedup={"exact": True, "minhash": True},
            decontaminate={"against": ["evals"]},
            splits={"train": 0.8, "validation": 0.2},
        )
    )
    places = []
    for file in (tmp_path / "out" / "dropped").iterdir():
        lost = pl.read_parquet(file)
        if "stage" not in lost.columns:
            continue  # a table of evidence
        assert lost["reason"].null_count() == 0
        assert all(json.loads(e) for e in lost["evidence"]), file
        rows_of = lost["row"] if "row" in lost.columns else lost["provenance"].struct.field("row")
        places += rows_of.to_list()
    kept = pl.read_parquet(tmp_path / "out" / "data" / "*.parquet")
    assert kept.height == 10
    places += kept["provenance"].struct.field("row").to_list()
    assert sorted(places) == list(range(1, len(rows) + 1))


def test_near_dedup_holds_rows_against_what_is_published_already(mix, built, tmp_path):
    known = list(stories("known", 9))
    old = [{"messages": row["messages"]} for row in known]
    (tmp_path / "old.jsonl").write_text("\n".join(map(json.dumps, old)))
    mixture = mix({"a": [*known, *chats("a", 5)]}, dedup={"minhash": {"against": ["old.jsonl"]}})
    manifest = built(mixture)
    assert manifest["splits"]["train"]["rows"] == 5
    stage = next(s for s in manifest["stages"] if s["name"] == "near_dedup")
    assert list(stage["curve"]) == ["5%", "50%", "95%"]
    low, middle, high = stage["curve"].values()
    assert 0.3 < low < middle < high < 0.8
    assert f"50% of the pairs at {middle:.2f}" in (tmp_path / "out" / "README.md").read_text()
    (tmp_path / "old.jsonl").write_text(json.dumps(old[0]))
    assert built(mixture)["splits"]["train"]["rows"] > 5
    (tmp_path / "old.jsonl").unlink()
    with pytest.raises(UserError, match="against: there is no file"):
        built(mixture)


def test_a_local_tokenizer_is_known_by_its_content_and_called_by_its_name(mix, built, tmp_path):
    from tokenizers import Tokenizer, models, pre_tokenizers

    def save(vocabulary):
        tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="?"))
        tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        (tmp_path / "tok").mkdir(exist_ok=True)
        tokenizer.save(str(tmp_path / "tok" / "tokenizer.json"))

    save({"?": 0})
    mixture = mix({"a": chats("a", 3)}, tokenizer="tok", filters=[{"length": {"max_tokens": 99}}])
    first = built(mixture)
    assert first["tokens"] == "tok"
    assert first["composition"][0]["tokens_max"] == 12
    save({"?": 0, "a": 1})
    second = built(mixture)
    same = [a["fingerprint"] == b["fingerprint"] for a, b in zip(first["stages"], second["stages"], strict=True)]  # fmt: skip
    assert same == [True, False, False, False, False]
    built(tmp_path / "out" / "mixture.lock.yaml", "again")
    assert data_bytes(tmp_path / "again") == data_bytes(tmp_path / "out")


def test_the_lock_rebuilds_the_same_bytes(mix, built, tmp_path):
    mixture = mix({"a": chats("a", 30)}, splits={"train": 0.5, "validation": 0.5})
    built(mixture)
    lock = tmp_path / "out" / "mixture.lock.yaml"
    built(lock, "again")
    assert data_bytes(tmp_path / "out") == data_bytes(tmp_path / "again")
    (tmp_path / "a.jsonl").write_text(json.dumps(chat("other", "content")))
    with pytest.raises(UserError, match="holds other content"):
        built(lock, "third")


def test_adding_a_source_moves_no_row_of_another(mix, built, tmp_path):
    a = {"records": chats("a", 50), "rows": 10}
    built(mix({"a": dict(a)}), "alone")
    built(mix({"b": chats("b", 5), "a": dict(a)}), "beside")
    assert set(ids(tmp_path / "alone")) < set(ids(tmp_path / "beside"))


@pytest.mark.parametrize(
    ("amount", "rows"),
    [({"rows": 7}, 7), ({"fraction": 0.25}, 5), ({"repeat": 3}, 60), ({"repeat": 1.5}, 30), ({}, 20), ({"rows": 99}, 20)],
)  # fmt: skip
def test_amounts_mean_what_they_say(mix, built, tmp_path, amount, rows):
    built(mix({"a": {"records": chats("a", 20), **amount}}))
    found = ids(tmp_path / "out")
    assert len(found) == rows
    assert len(set(found)) == rows


def test_tokens_as_an_amount_stop_at_the_first_row_that_reaches_it(mix, built, tmp_path):
    manifest = built(mix({"a": {"records": chats("a", 20), "tokens": 100}}))
    line = manifest["composition"][0]
    assert 100 <= line["tokens"] < 100 + line["tokens_max"]


def test_repeated_rows_keep_their_lineage(mix, built, tmp_path):
    built(mix({"a": {"records": chats("a", 3), "repeat": 2}}))
    rows = pl.read_parquet(tmp_path / "out" / "data" / "*.parquet")
    copies = rows.group_by(pl.col("id").str.head(32)).len()
    assert copies["len"].to_list() == [2, 2, 2]
    assert set(rows["id"].str.tail(-32)) == {"", "-1"}


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(answers=st.lists(st.sampled_from("abc"), min_size=4, max_size=30), share=st.floats(0.2, 0.8))
def test_a_prompt_never_stands_in_two_splits(mix, built, tmp_path, answers, share):
    rows = [chat(f"prompt {i % 5}", f"answer {a} {i}") for i, a in enumerate(answers)]
    built(mix({"a": rows}, splits={"train": share, "validation": 1 - share}))
    sides = {}
    for file in (tmp_path / "out" / "data").iterdir():
        for row in pl.read_parquet(file).iter_rows(named=True):
            sides.setdefault(row["messages"][0]["content"], set()).add(file.name.split("-")[0])
    assert all(len(side) == 1 for side in sides.values())
    assert sum(len(pl.read_parquet(f)) for f in (tmp_path / "out" / "data").iterdir()) == len(rows)


def test_a_preview_reads_a_few_rows_of_each_source(mix, built, tmp_path):
    manifest = built(mix({"a": chats("a", 50), "b": chats("b", 50)}), limit=3)
    assert manifest["preview"] == {"records": 3}
    lock = (tmp_path / "out" / "mixture.lock.yaml").read_text()
    assert lock.startswith("# Of a preview of at most 3 records a source; building")
    assert [s["rows_read"] for s in manifest["sources"]] == [3, 3]


def test_preference_and_rlvr_rows_are_what_trl_reads(mix, built, tmp_path):
    pairs = [{"prompt": f"q{i}", "chosen": "good", "rejected": "bad"} for i in range(3)]
    built(mix({"a": pairs}, kind="preference"), "pairs")
    loaded = load_dataset(str(tmp_path / "pairs"), split="train")
    assert loaded[0]["chosen"] == [{"role": "assistant", "content": "good"}]
    tasks = [{"prompt": f"{i}+1?", "ground_truth": i + 1} for i in range(3)]
    built(mix({"a": {"records": tasks, "verifier": "gsm8k"}}, kind="rlvr"), "tasks")
    loaded = load_dataset(str(tmp_path / "tasks"), split="train")
    assert set(loaded["verifier"]) == {"gsm8k"}
    assert set(loaded["ground_truth"]) == {"1", "2", "3"}


def test_tools_appear_only_where_a_row_uses_them(mix, built, tmp_path):
    use = {
        "messages": [
            {"role": "user", "content": "How warm is it?"},
            {"role": "assistant", "content": None, "tool_calls": [{"type": "function", "function": {"name": "weather", "arguments": {"city": "Bergen"}}}]},
            {"role": "tool", "name": "weather", "content": "9"},
            {"role": "assistant", "content": "9 degrees."},
        ],
        "tools": [{"type": "function", "function": {"name": "weather", "parameters": {}}}],
    }  # fmt: skip
    built(mix({"a": [*chats("a", 2), use]}))
    rows = {len(r["messages"]): r for r in load_dataset(str(tmp_path / "out"), split="train")}
    call = rows[4]["messages"][1]["tool_calls"][0]["function"]
    assert call == {"name": "weather", "arguments": {"city": "Bergen"}}
    assert rows[4]["tools"] == use["tools"] and rows[2]["tools"] is None
    assert all(turn.keys() == {"role", "content"} for turn in rows[2]["messages"])


def test_an_empty_result_is_said_not_written(mix, built):
    with pytest.raises(UserError, match="no row is left"):
        built(mix({"a": [chat("q", "I am ChatGPT.")]}, filters=["identity"]))


def test_a_verifier_that_nobody_knows_is_refused_when_the_mixture_is_read(mix):
    with pytest.raises(UserError, match="gsm8k"):
        load(mix({"a": {"records": [], "verifier": "gsm8"}}, kind="rlvr"))

"""Suites: every kind of source loads, every kind of mistake is one line that names its place."""

from pathlib import Path
from types import SimpleNamespace

import orjson
import pytest

from dataengine.errors import UserError
from eval.suites import load, shipped

PUBLISHED = {
    "development": "alpaca_eval bbh drop gsm8k humaneval humanevalplus ifeval math mmlu popqa "
    "truthfulqa",
    "unseen": "agieval bigcodebench_hard deepmind_math gpqa href ifbench mmlu_pro",
    "safety": "do_anything_now harmbench trustllm_jailbreak wildguard_test wildjailbreak_test "
    "xstest",
}


def write(path: Path, *rows: object) -> Path:
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return path


@pytest.mark.parametrize("tier", PUBLISHED)
def test_a_tier_holds_the_published_suites(tier: str) -> None:
    names = {name for name, suite in shipped().items() if suite.tier == tier}
    assert names >= set(PUBLISHED[tier].split())


def test_a_plain_file_becomes_a_suite_of_its_name(tmp_path: Path) -> None:
    file = write(tmp_path / "mine.jsonl", {"id": "a", "prompt": "2+2?", "answer": "4"})
    (suite,) = load(file)
    (item,) = suite.items()
    assert (suite.name, suite.tier, suite.missing) == ("mine", "extra", None)
    assert (item.id, item.prompt, item.answer, item.choices) == ("a", "2+2?", "4", ())


def test_a_file_named_like_a_shipped_suite_has_its_tier(tmp_path: Path) -> None:
    write(tmp_path / "gsm8k.jsonl", {"id": "a", "prompt": "p"})
    write(tmp_path / "deepmind_math_generated.jsonl", {"id": "a", "prompt": "p"})
    assert [(s.name, s.tier) for s in load(tmp_path)] == [
        ("deepmind_math", "unseen"),
        ("gsm8k", "development"),
    ]


def test_a_suite_of_a_tier_without_its_file_is_missing_not_left_out(tmp_path: Path) -> None:
    write(tmp_path / "xstest.jsonl", {"id": "a", "prompt": "p"})
    suites = load("safety", tmp_path, hub=False)
    assert {s.name for s in suites} == set(PUBLISHED["safety"].split())
    assert [s.name for s in suites if not s.missing] == ["xstest"]
    absent = next(s for s in suites if s.name == "harmbench")
    assert absent.missing == f"no harmbench.jsonl under {tmp_path}, and the Hub is off"
    with pytest.raises(UserError, match=r"harmbench: no harmbench.jsonl"):
        list(absent.items())


def test_a_yaml_describes_the_file_beside_it(tmp_path: Path) -> None:
    write(tmp_path / "rows.jsonl", {"q": "2+2?", "opts": ["3", "4"], "gold": 1, "n": {"t": "x"}})
    (tmp_path / "sums.yaml").write_text(
        "name: sums\nlocal:\n  file: rows.jsonl\n"
        "  fields: {prompt: q, choices: opts, answer: gold, meta: {tag: n.t}}\n"
        "decontaminate: {ignore: {choices: shared by all items}}\n"
    )
    (suite,) = load(tmp_path)
    (item,) = suite.items()
    assert (item.id, item.answer, item.label, item.meta) == ("sums/0", "4", "B", {"tag": "x"})
    assert suite.decontaminate.ignore == {"choices": "shared by all items"}


@pytest.mark.parametrize(
    ("row", "answer", "label"),
    [
        ({"answer": "B"}, "four", "B"),
        ({"answer": "four"}, "four", "B"),
        ({"answer": 1}, "four", "B"),
        ({"answer": "four", "label": "B"}, "four", "B"),
        ({"answer": "five"}, "five", None),
    ],
)
def test_an_answer_among_choices_has_text_and_letter(
    tmp_path: Path, row: dict[str, object], answer: str, label: str | None
) -> None:
    file = write(tmp_path / "s.jsonl", {"prompt": "2+2?", "choices": ["three", "four"], **row})
    (item,) = load(file)[0].items()
    assert (item.answer, item.label) == (answer, label)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (b"", r"s.jsonl: empty"),
        (b'{"prompt": "a"}\n{"prompt": "  "}\n', r"s.jsonl:2: the item has no prompt"),
        (b'{"prompt": "a"}\n{broken\n', r"s.jsonl:2: not JSON"),
        (b'\n["a"]\n', r"s.jsonl:2: an item must be a JSON object, not list"),
        (b'{"id": 1, "prompt": "a"}\n{"id": "1", "prompt": "b"}\n', r"s.jsonl:2: the id '1'"),
        (b'{"prompt": "a", "choices": ["x"], "answer": 3}\n', r"s.jsonl:1: answer 3 is no index"),
        (b'{"prompt": "a", "choices": "x"}\n', r"s.jsonl:1: `choices` must be a list"),
        (b'{"prompt": "a", "meta": 3}\n', r"s.jsonl:1: `meta` must be an object"),
    ],
)
def test_a_broken_file_is_named_with_its_line(tmp_path: Path, lines: bytes, message: str) -> None:
    (tmp_path / "s.jsonl").write_bytes(lines)
    with pytest.raises(UserError, match=message):
        list(load(tmp_path / "s.jsonl")[0].items())


def test_a_lone_surrogate_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "s.jsonl").write_bytes(rb'{"prompt": "a\ud800b"}')
    assert [item.prompt for item in load(tmp_path / "s.jsonl")[0].items()] == ["a\ufffdb"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: x\nlocl: a.jsonl\n", "locl: Extra inputs"),
        ("name: x\n", "needs `hub` or `local`"),
        ("name: x\ntier: secret\nlocal: a.jsonl\n", "tier: Input should be"),
        ("- a\n", "a suite is a mapping"),
        ("name: [\n", "cannot be read as YAML"),
        ("name: x\nlocal: a.jsonl\ndecontaminate: {allow_ids: {a: ''}}\n", "allow_ids.a: String"),
    ],
)
def test_a_mistake_in_a_yaml_names_its_key(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(UserError, match=rf"x.yaml: .*{message}"):
        load(tmp_path / "x.yaml")


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean 'development'"):
        load("developement")


def test_one_suite_from_two_places_is_refused(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder / "s.jsonl", {"prompt": "p"})
    with pytest.raises(UserError, match="are both the suite 's'"):
        load([tmp_path / "a", tmp_path / "b"])


def test_a_tier_and_the_folder_with_its_files_are_one_suite_each(tmp_path: Path) -> None:
    write(tmp_path / "xstest.jsonl", {"prompt": "p"})
    suites = load(["safety", tmp_path], hub=False)
    assert [(s.name, s.missing) for s in suites if s.name == "xstest"] == [("xstest", None)]


class Refused(Exception):
    """What a client raises of a gated dataset."""


def test_the_hub_is_read_at_one_commit_and_its_failures_are_reasons(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = {
        "agieval": [{"question": "q", "options": ["(A)x", "(B) y"], "label": "B"}],
        "gpqa": [{"Question": "q", "Correct Answer": "w", "Incorrect Answer 1": "x"}],
    }
    seen = []

    class Api:
        def dataset_info(self, dataset: str, revision: str, timeout: float) -> SimpleNamespace:
            if "wildguard" in dataset:
                raise Refused("gated")
            if "wildjailbreak" in dataset:
                raise ConnectionError("no route")
            return SimpleNamespace(sha="c0ffee")

    def load_dataset(dataset: str, config: str, split: str, revision: str) -> list[dict]:
        seen.append((dataset, config, split, revision))
        return rows["gpqa"] if "gpqa" in dataset else rows["agieval"]

    monkeypatch.setattr("datasets.load_dataset", load_dataset)
    monkeypatch.setattr("huggingface_hub.HfApi", Api)
    names = ["gpqa", "agieval", "wildguard_test", "wildjailbreak_test", "href"]
    gpqa, agieval, *failed = load(names, tmp_path, hub=True)
    (item,) = gpqa.items()
    assert (item.prompt, item.answer, item.label, item.choices[:2]) == ("q", "w", "A", ("w", "x"))
    exams = list(agieval.items())
    assert {i.subset for i in exams} >= {"sat-en", "lsat-ar"} and exams[0].choices == ("x", "y")
    assert (exams[0].answer, exams[0].label) == ("y", "B")
    assert seen[0] == ("Idavidrein/gpqa", "gpqa_extended", "train", "c0ffee")
    assert gpqa.hash != agieval.hash and len(gpqa.hash) == 32
    assert "allenai/wildguardmix on the Hub: Refused: gated" in str(failed[0].missing)
    assert "the Hub cannot be reached (ConnectionError" in str(failed[1].missing)
    assert "the Hub cannot be reached (ConnectionError" in str(failed[2].missing)


def test_the_hash_follows_the_content(tmp_path: Path) -> None:
    first = load(write(tmp_path / "s.jsonl", {"prompt": "a"}))[0].hash
    assert load(write(tmp_path / "s.jsonl", {"prompt": "a"}))[0].hash == first
    assert load(write(tmp_path / "s.jsonl", {"prompt": "b"}))[0].hash != first


def test_every_real_suite_loads(shared: Path) -> None:
    suites = load(shared / "data" / "evals")
    counts = {suite.name: sum(1 for _ in suite.items()) for suite in suites}
    assert len(counts) == len(list((shared / "data" / "evals").glob("*.jsonl")))
    assert (counts["gsm8k"], counts["mmlu"], counts["drop"]) == (1319, 14042, 9536)
    assert sum(counts.values()) == 73009

"""One rendering: what evaluation asks is, token by token, what training trains after."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("lm_eval")

from tokenizers.processors import TemplateProcessing
from transformers import AutoTokenizer

from eval import prompt
from eval.suites import Score
from eval.tasks import harness
from eval.tasks.kept import Kept
from eval.tasks.model import Where, connect
from eval.tasks.questions import Question

TULU = Path(__file__).parents[2] / "train" / "recipes" / "tulu.jinja"
OWN_BOS = "{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}[answer]"
SHOTS = (("1 + 1", "2"), ("2 + 2", "4"))
QUESTION = Question("q", None, "3 + 3", SHOTS)
TURNS = [
    {"role": role, "content": text}
    for shot in SHOTS
    for role, text in zip(("user", "assistant"), shot, strict=True)
] + [{"role": "user", "content": "3 + 3"}]


@pytest.fixture
def llama(tiny: Path, tmp_path: Path) -> Path:
    """The tiny model with a tokenizer that begins every text with BOS, as Llama's do."""
    import shutil

    folder = tmp_path / "llama"
    shutil.copytree(tiny, folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer._tokenizer.post_processor = TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 0)]
    )
    tokenizer.save_pretrained(folder)
    return folder


def asked(folder: Path, tmp_path: Path, chat: bool, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The token ids that the model is given for one question."""
    model = connect(Where(str(folder)))
    seen: list[list[int]] = []

    def complete(prompts: list[list[int]], settings: Any) -> list[list[int]]:
        seen.extend(prompts)
        return [[1] for _ in prompts]

    monkeypatch.setattr(model.lm, "complete", complete)
    monkeypatch.setattr(type(model.lm), "max_length", 1000)
    model.lm.kept = Kept(tmp_path / "answers.jsonl", "m")
    score = Score(metric="exact_match", verifier="exact", max_tokens=2, chat=chat)
    harness.ask(model, "sums", score, [QUESTION], harness.settings(model, score))
    (ids,) = seen
    return ids


@pytest.mark.parametrize("template", [TULU.read_text(), OWN_BOS], ids=["tulu", "own bos"])
def test_evaluation_asks_what_training_renders(
    llama: Path, tmp_path: Path, template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(llama)
    tokenizer.chat_template = template
    tokenizer.save_pretrained(llama)
    rendered = tokenizer.apply_chat_template(TURNS, add_generation_prompt=True, return_dict=False)
    found = asked(llama, tmp_path, True, monkeypatch)
    assert found == rendered == prompt.ids(tokenizer, prompt.text(tokenizer, TURNS))
    assert found.count(0) == template.count("bos_token")
    answered = [*TURNS, {"role": "assistant", "content": "6"}]
    trained = tokenizer.apply_chat_template(answered, return_dict=False)
    if template != OWN_BOS:
        assert trained[: len(found)] == found  # the answer is trained after these very tokens


def test_plain_text_begins_as_the_tokenizer_begins_it(
    llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = asked(llama, tmp_path, False, monkeypatch)
    assert found[0] == 0 and found.count(0) == 1


@pytest.mark.parametrize("shots", [(), SHOTS], ids=["bare", "examples"])
def test_plain_text_is_joined_as_the_harness_joins_it(shots: tuple[tuple[str, str], ...]) -> None:
    from lm_eval.api.task import ConfigurableTask

    theirs = ConfigurableTask(
        config={
            "task": "sums",
            "custom_dataset": lambda **_: {"test": harness._dataset([{"text": "3 + 3"}])},
            "test_split": "test",
            "doc_to_text": lambda doc: doc["text"],
            "doc_to_target": lambda doc: doc.get("target", ""),
            "num_fewshot": len(shots),
            "fewshot_config": {
                "sampler": "first_n",
                "samples": [{"text": u, "target": a} for u, a in shots],
            },
            "output_type": "generate_until",
        }
    )
    theirs.set_fewshot_seed(0)
    question = Question("q", None, "3 + 3", shots)
    told = theirs.fewshot_context({"text": "3 + 3"}, len(shots))
    assert harness.rendered(None, question, chat=False) == told

"""lm-evaluation-harness task built from questions, and what the harness logged of them.

The harness spreads questions over processes and compares likelihoods; models answer with `Reply`
(reply.py). What an answer is worth is said afterwards, by eval/verifiers.
"""

from collections.abc import Sequence
from typing import Any

from dataengine.errors import UserError
from eval.suites import Score
from eval.tasks.model import Model
from eval.tasks.questions import Question
from eval.tasks.reply import Reply, Settings


def task(name: str, score: Score, docs: list[dict[str, Any]], settings: Settings) -> dict[str, Any]:
    """Rendered prompts as a task of the harness."""
    config: dict[str, Any] = {
        "task": name,
        "custom_dataset": lambda **_: {"test": _dataset(docs)},
        "test_split": "test",
        "doc_to_text": lambda doc: doc["text"],
        "doc_to_target": lambda doc: "",
        "num_fewshot": 0,
        "metric_list": [{"metric": "bypass", "aggregation": "bypass", "higher_is_better": True}],
        "process_results": lambda doc, results: {"bypass": None},
    }
    if score.metric == "mc2":
        return config | {
            "output_type": "multiple_choice",
            "doc_to_choice": lambda doc: doc["options"],
            "doc_to_target": lambda doc: 0,
        }
    return config | {
        "output_type": "generate_until",
        "generation_kwargs": {"until": [], "reply": settings._asdict()},
        "repeats": score.samples,
    }


def rendered(lm: Any, question: Question, chat: bool, system: str | None = None) -> str:
    """The prompt: worked examples and question as turns under the model's chat template, or as
    plain text the way the harness joins them."""
    if not chat:
        return (
            "".join(f"{asked} {answer}\n\n" for asked, answer in question.shots) + question.prompt
        )
    turns = [{"role": "system", "content": system}] if system else []
    for asked, answer in question.shots:
        turns.append({"role": "user", "content": asked})
        turns.append({"role": "assistant", "content": answer})
    return str(lm.chat([*turns, {"role": "user", "content": question.prompt}], question.tools))


def settings(model: Model, score: Score, limit: int | None = None) -> Settings:
    """How the model is to answer a suite: with at most half of a known window, or with `limit`
    tokens where somebody said so. UserError where these leave no room for a prompt."""
    tokens = limit or min(score.max_tokens, model.window // 2 if model.window else score.max_tokens)
    if model.window and tokens >= model.window:
        raise UserError(f"--max-tokens: the model's window has {model.window:,} tokens in all")
    return Settings(
        chat=score.chat and model.chat,
        max_tokens=tokens,
        stop=tuple(score.stop),
        temperature=score.temperature,
        top_p=score.top_p,
        top_k=score.top_k,
    )


def ask(
    model: Model,
    name: str,
    score: Score,
    asked: Sequence[Question],
    how: Settings,
    system: str | None = None,
) -> dict[str, Any]:
    """The harness's log of every question of one suite, by question id; sampling is seeded."""
    from lm_eval.api.task import ConfigurableTask
    from lm_eval.evaluator import evaluate
    from lm_eval.utils import set_torch_seed

    docs = [
        {"id": q.id, "text": rendered(model.lm, q, how.chat, system), "options": list(q.options)}
        for q in asked
    ]
    made = ConfigurableTask(config=task(name, score, docs, how))
    set_torch_seed(0)
    # A rendered chat has its special tokens; the tokenizer is not to add a BOS to it.
    model.lm.add_bos_token = False if how.chat else None
    found = evaluate(
        model.lm,
        {"tasks": {name: made}, "groups": {}, "group_map": {}},
        bootstrap_iters=0,
        log_samples=True,
    )
    if found is None:  # another process of a multi-GPU run reports
        return {}
    return {log["doc"]["id"]: log for log in found["samples"][name]}


def replies(log: dict[str, Any]) -> list[Reply]:
    """The answers in one question's log, one a sample."""
    return list(log["resps"][0])


def loglikelihoods(log: dict[str, Any]) -> list[float]:
    """The log-probability of each option, in the question's order."""
    return [float(response[0][0]) for response in log["resps"]]


def clipped(model: Model, log: dict[str, Any]) -> bool:
    """Whether the beginning of the prompt was lost, the model's window being too small."""
    context, more = log["arguments"][0]
    if isinstance(more, dict):
        return any(reply.clipped for reply in replies(log))
    size = len(model.lm.tok_encode(context)) + len(model.lm.tok_encode(more))
    return model.window is not None and size > model.window


def _dataset(docs: list[dict[str, Any]]) -> Any:
    from datasets import Dataset

    return Dataset.from_list(docs)

"""Questions as tasks in lm-evaluation-harness's own format, and what the harness logged of them.

The harness renders worked examples and spreads questions over processes; models answer with
`Reply` (reply.py). What an answer is worth is said afterwards, by eval/verifiers.
"""

from collections.abc import Sequence
from typing import Any

from eval.suites import Score, SuiteError
from eval.tasks.model import Model
from eval.tasks.questions import Question
from eval.tasks.reply import Reply, Settings


def task(name: str, score: Score, asked: Sequence[Question], settings: Settings) -> dict[str, Any]:
    """The questions as one task of the harness. All of them show the same worked examples."""
    docs = [{"id": q.id, "text": q.prompt, "options": list(q.options)} for q in asked]
    shots = [{"id": "", "text": u, "options": [], "target": a} for u, a in asked[0].shots]
    config: dict[str, Any] = {
        "task": name,
        "custom_dataset": lambda **_: {"test": _dataset(docs)},
        "test_split": "test",
        "doc_to_text": lambda doc: doc["text"],
        "doc_to_target": lambda doc: doc.get("target", ""),
        "num_fewshot": len(shots),
        "fewshot_config": {"sampler": "first_n", "samples": shots},
        "metric_list": [{"metric": "bypass", "aggregation": "bypass", "higher_is_better": True}],
        "process_results": lambda doc, results: {"bypass": None},
    }
    if score.metric == "mc2":
        return config | {
            "output_type": "multiple_choice",
            "doc_to_choice": lambda doc: doc["options"],
            "doc_to_target": lambda doc: doc.get("target", 0),
        }
    return config | {
        "output_type": "generate_until",
        "generation_kwargs": {"until": [], "reply": settings._asdict()},
        "repeats": score.samples,
    }


def settings(model: Model, score: Score, limit: int | None = None) -> Settings:
    """How the model is to answer a suite: with at most half of a known window, or with `limit`
    tokens where somebody said so. SuiteError where these leave no room for a prompt."""
    tokens = limit or min(score.max_tokens, model.window // 2 if model.window else score.max_tokens)
    if model.window and tokens >= model.window:
        raise SuiteError(f"--max-tokens: the model's window has {model.window:,} tokens in all")
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
    """The harness's log of every question of one suite, by question id.

    Questions with different worked examples become different tasks; sampling is seeded.
    """
    from lm_eval.api.task import ConfigurableTask
    from lm_eval.evaluator import evaluate
    from lm_eval.utils import set_torch_seed

    groups: dict[Any, list[Question]] = {}
    for question in asked:
        groups.setdefault(question.shots, []).append(question)
    tasks = {}
    for number, group in enumerate(groups.values()):
        key = f"{name}_{number}"
        tasks[key] = ConfigurableTask(config=task(key, score, group, how))
        tasks[key].set_fewshot_seed(0)
    set_torch_seed(0)
    # A rendered chat has its special tokens; the tokenizer is not to add a BOS to it.
    model.lm.add_bos_token = False if how.chat else None
    found = evaluate(
        model.lm,
        {"tasks": tasks, "groups": {}, "group_map": {}},
        bootstrap_iters=0,
        system_instruction=system if how.chat else None,
        apply_chat_template=how.chat,
        fewshot_as_multiturn=True,
        log_samples=True,
    )
    if found is None:  # another process of a multi-GPU run reports
        return {}
    return {log["doc"]["id"]: log for logs in found["samples"].values() for log in logs}


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

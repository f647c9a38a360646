"""Ground truths made from questions with answers, by the verifier that will read them."""

from typing import Any

from eval.verifiers import MalformedGroundTruth, verifier


def make_ground_truth(name: str, item: dict[str, Any]) -> tuple[str, str | None]:
    """The ground truth of an item (prompt, answer, choices, label, meta), and its gold answer.

    Raises:
        ValueError: the verifier cannot make one from this item.
    """
    module = verifier(name).module
    try:
        truth = module.ground_truth(item) if hasattr(module, "ground_truth") else item["answer"]
        gold = module.gold(item) if hasattr(module, "gold") else item["answer"]
        verifier(name).check(truth)
    except (KeyError, IndexError, TypeError) as error:
        raise MalformedGroundTruth(f"the record lacks {error}") from None
    return truth, gold

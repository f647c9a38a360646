"""Verifier `yes_no`: the first word of the answer, against the ground truth `yes` or `no`."""

from eval.verifiers.verdict import MalformedGroundTruth, Verdict


def first_word(answer):
    words = answer.casefold().replace(",", " ").replace(".", " ").split()
    return words[0] if words else ""


def check(ground_truth):
    if ground_truth not in ("yes", "no"):
        raise MalformedGroundTruth(f"the ground truth is yes or no, not {ground_truth!r}")


def verify(answer, ground_truth):
    check(ground_truth)
    said = first_word(answer)
    return Verdict.of(said == ground_truth, f"{said!r} against {ground_truth!r}")


def agree(a, b):
    return first_word(a) == first_word(b)


def label(answer):
    said = first_word(answer)
    return said if said in ("yes", "no") else None


def ground_truth(item):
    return first_word(str(item["answer"]))

"""Data dictionary: the columns of published rows, and what each of them is."""

from dataengine.row import Kind

_OF_THE_KIND: dict[Kind, dict[tuple[str, ...], str]] = {
    "sft": {
        ("messages",): "the conversation: a list of turns, as TRL's `SFTTrainer` takes them",
    },
    "preference": {
        ("prompt",): "the conversation so far: a list of turns",
        ("chosen", "rejected"): "the better and the worse continuation, in the same form, as TRL's "
        "`DPOTrainer` takes them",
        (
            "chosen_model",
            "rejected_model",
            "chosen_score",
            "rejected_score",
            "margin",
        ): "who wrote them and how they were judged, where that is known",
    },
    "rlvr": {
        ("prompt",): "the conversation so far: a list of turns, as TRL's `GRPOTrainer` takes them",
        ("ground_truth",): "what a correct answer is checked against: text, or JSON",
        ("verifier",): "the name of the check",
        ("pass_rate", "policy"): "how often which model passed it, where that was measured",
    },
}

TURN = (
    "`role`, `content`, and where it has them `reasoning_content`, `tool_calls` (their arguments "
    "as objects), `tool_call_id`, `name`, `weight` (0: not to be learned)"
)

_OF_ALL: dict[tuple[str, ...], str] = {
    ("tools", "chat_template_kwargs"): "only where rows have them: the tools on offer, as a list "
    "of objects, and arguments for the chat template",
    ("id",): "hash of the row's content and source; joins rows with every table of this build",
    ("source",): "the source that it comes from, by its name below",
    ("skill", "language"): "what it teaches, and in what language, as its source states them",
    ("licence",): "the terms that it is under; several that hold at once are joined by AND",
    ("provenance",): "the dataset, its revision, the file and row there and the id that it had; "
    "for a generated row its persona, recipe, model and request",
}


def columns(kind: Kind) -> list[list[str]]:
    """Names of columns, and what they are, in the order of the card."""
    lines = [*_OF_THE_KIND[kind].items(), *_OF_ALL.items()]
    told = [[", ".join(f"`{name}`" for name in names), what] for names, what in lines]
    place = len(_OF_THE_KIND[kind])
    return [*told[:place], ["a turn", TURN], *told[place:]]


def described(kind: Kind) -> dict[str, str]:
    """What each column is, by its name; columns that a source brought along are not among them."""
    lines = _OF_THE_KIND[kind] | _OF_ALL
    return {name: what for names, what in lines.items() for name in names}

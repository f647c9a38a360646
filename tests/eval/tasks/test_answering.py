"""What a model in this process generated, as replies."""

from typing import Any

import pytest

from dataengine.errors import UserError
from eval.tasks.answering import InProcess
from eval.tasks.reply import Reply, Settings

WORDS = ["<pad>", "<s>", "<end>", "<think>", "</think>", "Q:", "42", "hm", "\n"]
SETTINGS = Settings(chat=True, max_tokens=4, stop=("Q:",))


class Tokenizer:
    all_special_ids = (0, 1, 2, 3, 4)
    eos_token_id = 2
    chat_template = "... </think> ..."

    def convert_ids_to_tokens(self, token: int) -> str:
        return WORDS[token]

    def decode(self, tokens: list[int], skip_special_tokens: bool) -> str:
        return "".join(WORDS[token] for token in tokens)

    def apply_chat_template(self, turns: list[Any], **settings: Any) -> str:
        if turns[0]["role"] == "system":
            raise ValueError("no system turns\nhere")
        return f"{turns[0]['content']}{settings}"

    def __call__(self, text: str, add_special_tokens: bool = True) -> dict[str, list[int]]:
        return {"input_ids": [1] * add_special_tokens + [WORDS.index(w) for w in text.split()]}


class Said(InProcess):
    """A model that says what it is told to."""

    tokenizer = Tokenizer()
    max_length = 7
    together = 2

    def __init__(self, *tokens: list[str]) -> None:
        self.template = {"enable_thinking": True}
        self.tokens = list(tokens)
        self.seen: list[list[int]] = []

    def complete(self, prompts: list[list[int]], settings: Settings) -> list[list[int]]:
        self.seen += prompts
        return [[WORDS.index(word) for word in self.tokens.pop(0)] for _ in prompts]

    def end_tokens(self) -> Any:
        return None


@pytest.mark.parametrize(
    ("tokens", "prompt", "reply"),
    [
        (["42", "<end>", "<pad>"], "", Reply("42")),
        (["42", "42", "42", "42"], "", Reply("42424242", cut=True)),
        (["<think>", "42", "hm", "hm"], "", Reply("<think>42hmhm", cut=True)),
        (["42", "hm", "hm", "hm"], "... <think>\n", Reply("<think>\n42hmhmhm", cut=True)),
        (["hm", "</think>", "42", "<end>"], "<think>\n", Reply("<think>\nhm</think>42")),
        (["<think>", "Q:", "</think>", "42"], "", Reply("<think>Q:</think>42", cut=True)),
        (["42", "Q:", "hm", "hm"], "", Reply("42")),
        (["<s>", "42", "<end>"], "", Reply("42")),
    ],
    ids=["ended", "cut", "cut in thought", "opened", "closed", "stop in thought", "stop", "bos"],
)
def test_tokens_are_a_reply(tokens: list[str], prompt: str, reply: Reply) -> None:
    model = Said()
    assert model.read([WORDS.index(word) for word in tokens], prompt, SETTINGS) == reply


def test_long_prompts_lose_their_beginning_and_are_counted() -> None:
    model = Said(["42", "<end>"], ["hm", "<end>"])
    found: dict[int, Reply] = {}
    model.replies(
        [("42 hm", SETTINGS), ("hm hm hm 42 42 hm", SETTINGS)],
        found.__setitem__,
    )
    assert model.seen == [[6, 6, 7], [6, 7]]
    assert found == {1: Reply("42", clipped=True), 0: Reply("hm")}


def test_only_text_outside_of_a_chat_gets_the_tokenizers_special_tokens() -> None:
    model = Said()
    assert (model.encode("42 hm", chat=True), model.encode("42 hm", chat=False)) == (
        [6, 7],
        [1, 6, 7],
    )


def test_a_template_that_leaves_out_what_it_is_given_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model: Any = Said()
    monkeypatch.setattr(Tokenizer, "apply_chat_template", lambda self, turns, **_: "the tool add")
    turns = [{"role": "user", "content": "y"}]
    tools = [{"type": "function", "function": {"name": name}} for name in ("add", "weather")]
    assert model.chat(turns, tools[:1]) == "the tool add"
    with pytest.raises(UserError, match="leaves out what it is given: 'weather'"):
        model.chat(turns, tools)
    with pytest.raises(UserError, match=r"leaves out what it is given: 'Be brief.'"):
        model.chat([{"role": "system", "content": "Be brief."}, *turns])


def test_a_template_that_refuses_the_turns_says_so_in_one_line() -> None:
    turns = [{"role": "system", "content": "x"}, {"role": "user", "content": "y"}]
    with pytest.raises(UserError, match="refuses the turns system, user: no system turns here"):
        Said().chat(turns)

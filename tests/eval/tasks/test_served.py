"""A server's responses as replies: reasoning, cuts, parts, errors."""

from typing import Any

import pytest

pytest.importorskip("lm_eval")

from openai.types import Completion
from openai.types.chat import ChatCompletion

from eval.tasks.model import Where
from eval.tasks.reply import Reply, Settings
from eval.tasks.served import Served

CHAT, TEXT = Settings(chat=True, max_tokens=9), Settings(chat=False, max_tokens=9, stop=("\n",))


def served(thinking: bool | None = None) -> Served:
    return Served("http://127.0.0.1:1/v1", "m", 2, Where("m", thinking=thinking).template)


def read(
    message: dict[str, Any], finish: str | None = "stop", thinking: bool | None = None
) -> Reply:
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return served(thinking).read(ChatCompletion.model_construct(**_built(choice)), CHAT)


def _built(choice: dict[str, Any]) -> dict[str, Any]:
    from openai._models import construct_type

    whole = {"id": "x", "object": "chat.completion", "created": 1, "model": "m"}
    built: Any = construct_type(type_=ChatCompletion, value={**whole, "choices": [choice]})
    return {"choices": built.choices}


@pytest.mark.parametrize(
    ("message", "finish", "reply"),
    [
        ({"content": "42"}, "stop", Reply("42")),
        ({"content": "42"}, None, Reply("42")),
        ({"content": "half of it"}, "length", Reply("half of it", cut=True)),
        (
            {"content": None, "reasoning_content": "so 42?"},
            "length",
            Reply("<think>\nso 42?", cut=True),
        ),
        ({"content": None, "reasoning": "so 42?"}, "length", Reply("<think>\nso 42?", cut=True)),
        (
            {"content": "42", "reasoning": "hm"},
            "stop",
            Reply("<think>\nhm\n</think>\n\n42"),
        ),
        ({"content": None}, "stop", Reply("")),
        (
            {"content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "42"}]},
            "stop",
            Reply("<think>\nhm\n</think>\n\n42"),
        ),
        ({"content": "a\ud800b"}, "stop", Reply("a\ufffdb")),
    ],
)
def test_a_message_is_a_reply(message: dict[str, Any], finish: str | None, reply: Reply) -> None:
    assert read(message, finish) == reply


def test_a_thought_that_began_in_the_prompt_and_was_cut_is_no_answer() -> None:
    said = {"content": "first guess: 42. But wait"}
    assert read(said, "length", thinking=True) == Reply(
        "<think>\nfirst guess: 42. But wait", cut=True
    )
    assert read(said, "stop", thinking=True) == Reply("first guess: 42. But wait")


@pytest.mark.parametrize("finish", ["error", "network_error"])
def test_a_response_that_failed_is_no_answer(finish: str) -> None:
    with pytest.raises(ValueError, match=f"ended in '{finish}'"):
        read({"content": "half"}, finish)


def test_a_response_without_choices_says_what_it_says() -> None:
    given = ChatCompletion.model_construct(choices=None, error={"message": "no money"})
    with pytest.raises(ValueError, match=r"no choices.*no money"):
        served().read(given, CHAT)


def test_a_completion_ends_at_a_stop_string_and_is_then_whole() -> None:
    choice: Any = type("Choice", (), {"text": "3\nPassage:", "finish_reason": "length"})
    given = Completion.model_construct(choices=[choice])
    assert served().read(given, TEXT) == Reply("3")


def test_a_chat_gets_no_stop_strings_since_its_reasoning_may_hold_them() -> None:
    chat = CHAT._replace(stop=("\n",), top_p=0.9, top_k=20)
    assert served(thinking=False)._request(chat) == {
        "model": "m",
        "max_tokens": 9,
        "temperature": 0.0,
        "top_p": 0.9,
        "extra_body": {
            "top_k": 20,
            "chat_template_kwargs": {"enable_thinking": False, "thinking": False},
        },
    }
    assert served()._request(TEXT)["stop"] == ["\n"]

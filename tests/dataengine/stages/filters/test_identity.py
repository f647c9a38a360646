import orjson
import pytest
from pydantic import ValidationError

CLAIMS = [
    "I am ChatGPT, a large language model trained by OpenAI.",
    "I'm ChatGPT and I cannot browse.",
    "As ChatGPT, I have no feelings.",
    "As an AI language model developed by OpenAI, I cannot do that.",
    "I’m an AI assistant created by Anthropic to be helpful.",
    "Hello! My name is Claude, an AI assistant.",
    "I am Claude, made by Anthropic.",
    "I'm Gemini, a large language model built by Google.",
    "I am a large language model, trained by Google DeepMind.",
    "I was created by the team at Mistral AI.",
    "I am Qwen, created by Alibaba Cloud.",
    "I'm Open Assistant, and I am here to help.",
    "You are chatting with GPT-4.",
    "My developers at Meta AI have taught me to be careful.",
    "Sorry, that would violate OpenAI's usage policies.",
    "I cannot say, because of OpenAI’s use-case policy.",
    "Je suis ChatGPT, un modèle de langage.",
    "Ich bin ChatGPT und helfe gern.",
    "Soy ChatGPT.",
    "我是ChatGPT，一个语言模型。",
    "我是由OpenAI开发的人工智能助手。",
    "我是通义千问。",
]
NO_CLAIMS = [
    "I am Claude Monet, and I paint the water lilies of Giverny.",
    "I'm Claude, the baker of this village.",
    "As a Gemini, you may find this week's horoscope surprising.",
    "I am a Gemini, born in June.",
    "A Gemini horoscope: expect a letter.",
    "ChatGPT was released in November 2022 by OpenAI.",
    "GPT-4 is a model developed by OpenAI.",
    "The bard sang of the llama that crossed the Andes.",
    "I saw a llama near Cusco.",
    "You can compare Gemini and Claude on this task.",
    "I'm not ChatGPT.",
    "I was trained by my grandmother, who once worked at Google.",
    "The mistral is a cold wind of Provence.",
    "I was driving a car made by Ford when Google called.",
    "Microsoft's terms of trade changed in 1998.",
    "Falcon 9 lands on a ship.",
]


@pytest.mark.parametrize("text", CLAIMS)
def test_a_claim_to_be_anothers_model_goes(judge, text):
    outcome = judge("identity", text)
    assert outcome.dropped["id"].to_list() == ["0"]
    found = orjson.loads(outcome.dropped["evidence"].item())
    assert found["turn"] == 1
    assert text[found["start"] : found["end"]] == found["text"]


@pytest.mark.parametrize("text", NO_CLAIMS)
def test_names_and_facts_stay(judge, text):
    assert judge("identity", text).kept["id"].to_list() == ["0"]


def test_a_name_alone_counts_when_who_was_asked(judge):
    assert judge("identity", ["Who are you?", "I'm Claude."]).dropped.height == 1
    assert (
        judge("identity", ["Pretend to be a baker. Who are you?", "I'm Claude."]).kept.height == 1
    )


def test_the_user_may_say_anything(judge):
    assert judge("identity", ["I am ChatGPT!", "How nice."]).kept.height == 1


@pytest.mark.parametrize(
    "text",
    [
        'The robot bowed and said: "I was made by OpenAI."',
        "Der Roboter sagt: „Ich bin ChatGPT.“",
        "机器人说：「我是ChatGPT。」",
        'Try this:\n```python\nprint("I am ChatGPT, made by OpenAI")\n```\nIt prints a line.',
        "const line = 'I am a GPT-3 model!';\nconsole.log(line);",
    ],
)
def test_what_is_quoted_is_no_claim(judge, text):
    assert judge("identity", text).kept.height == 1


def test_an_answer_that_is_all_one_quotation_is_the_assistants_own(judge):
    assert judge("identity", '"I am ChatGPT, made by OpenAI."').dropped.height == 1


def test_a_maker_alone_is_a_claim_when_its_maker_was_asked_for(judge):
    asked = ["Who made you?", "OpenAI."], ["Who made ChatGPT?", "OpenAI."]
    assert judge("identity", *asked).dropped["id"].to_list() == ["0"]


def test_a_name_that_the_row_gave_is_no_claim(judge):
    role = "You are Ernie from Sesame Street. Who are you?"
    assert judge("identity", [role, "I'm Ernie!"]).kept.height == 1


def test_ones_own_patterns_are_claims_too(judge):
    texts = "Olen Maija-botti, hei.", "Kalle-botti vastaa.", "Olen Kalle."
    outcome = judge("identity", *texts, also=[r"(?i)maija-botti", "^Kalle-"])
    assert outcome.dropped["id"].to_list() == ["0", "1"]
    found = [orjson.loads(line) for line in outcome.dropped["evidence"]]
    assert [line["text"] for line in found] == ["Maija-botti", "Kalle-"]
    assert [line["start"] for line in found] == [5, 0]


def test_a_pattern_that_is_none_is_refused(judge):
    with pytest.raises(ValidationError, match=r"'\(\?=x' is no regular expression"):
        judge("identity", "x", also=["(?=x"])

"""Names of models and of who makes them, and how a phrase that holds them becomes a pattern."""

import re

VERSION = r"(?:[- ]?v?\d[\w.]*\w|[- ]?v?\d)?"
SIZE = (
    r"(?:[- ](?:turbo|mini|nano|micro|small|medium|large|max|plus|pro|ultra|flash|advanced|preview|instant|"
    r"opus|sonnet|haiku|chat|instruct|vl|coder|r1|v\d|base|o\d|\d+b|\d+x\d+b))*"
)
VERSIONED = r"Claude|Gemini|Llama|LLaMA|Grok|Mistral|Phi|Falcon|Kimi|Vicuna|Alpaca|Yi|Ernie|Gemma|Command|Bard"
"""Names that people have too; with a version or a size (Claude 3.5, Gemini Pro) they are a model's."""
MODELS = (
    rf"Chat[- ]?GPT{VERSION}{SIZE}|GPT(?:[- ]?[2-5](?:\.\d)?o?)?{SIZE}|Bing ?Chat|Microsoft Copilot|GitHub Copilot|"
    rf"Open ?Assistant|DeepSeek{VERSION}{SIZE}|Qwen{VERSION}{SIZE}|ERNIE ?Bot|Mixtral{VERSION}{SIZE}|InternLM|"
    rf"ChatGLM{VERSION}|GLM-4|Baichuan{VERSION}|Google (?:Bard|Gemini|Assistant)|YandexGPT|GigaChat|PaLM[- ]?2|"
    rf"LaMDA|StableLM|(?:{VERSIONED})(?:[- ]?v?\d[\w.]*\w|[- ]?v?\d){SIZE}|"
    r"(?:Claude|Gemini|Kimi|Command|Mistral|Llama)[- ](?:Instant|Opus|Sonnet|Haiku|Pro|Ultra|Flash|Nano|Advanced|"
    r"Chat|K\d|R\+?|Large|Medium|Small|Nemo)|"
    r"文心一言|通义千问|通義千問|讯飞星火|訊飛星火|豆包|智谱清言|混元"
)
NAMES = rf"{VERSIONED}|Copilot|Pi|Siri|Alexa|Cortana|Bixby|claude|gemini|llama|grok"
"""As they are written: `pi` and `command` are words."""
LABS = (
    r"Open ?AI|Anthropic|DeepMind|Mistral AI|DeepSeek|xAI|LAION|LMSYS|AI21(?: Labs)?|Zhipu(?: AI)?|Moonshot(?: AI)?|"
    r"01\.AI|(?-i:Cohere|TII|Inflection(?: AI)?)|深度求索|智谱|月之暗面"
)
MAKERS = (
    rf"{LABS}|Googl(?:e(?: DeepMind| AI| Research)?|u|a|em|ul)|Microsoft|Alibaba(?: Cloud)?|Baidu|Tencent|ByteDance|NVIDIA|"
    r"Hugging ?Face|Yandex|Samsung|(?-i:Meta(?: AI)?|Mistral|Amazon|Apple|Sber|IBM)|谷歌|百度|阿里(?:巴巴|云|雲)|腾讯|騰訊|"
    r"字节跳动|字節跳動|微软|微軟|Яндекс|Сбер|구글|グーグル|마이크로소프트|오픈AI|マイクロソフト|Майкрософт"
)
END = r"(?![A-Za-z0-9_])"
OWNED = r"(?!['’]s (?!language|AI|assistant|chat|model|large))"
"""After a name that is the speaker's: not "ChatGPT's biggest fan"."""
QUOTE = r" ?[\"“„«*_']*"
"""Marks that may stand before a name."""


def compiled(phrase: str) -> re.Pattern[str]:
    """A phrase about one sentence as a regular expression, without regard to case.

    `<model>` stands for a name that only models have, `<name>` for one that people and animals have
    too, `<maker>` for a provider (`<makers>` in any case of its declension), `<lab>` for a provider of
    models alone.
    """
    holders = {
        "<model>": rf"(?ai:{MODELS}){END}",
        "<maker>": rf"(?ai:{MAKERS}){END}",
        "<makers>": rf"(?ai:{MAKERS})(?:[:'’]?\w{{1,5}})?{END}",
        "<lab>": rf"(?ai:{LABS}){END}",
        "<name>": rf"(?-i:{NAMES}){END}",
    }
    for holder, names in holders.items():
        phrase = phrase.replace(holder, names)
    return re.compile(phrase, re.IGNORECASE)

"""Prompt-injection fencing: untrusted text in a request to a model, so that it stays text.

Each text stands between markers that carry a hash of all the texts: none of them can contain its
own end marker, and the same texts give the same request (a ledger finds it again). Control tokens
of chat templates, which some servers read even inside a message, are broken apart by a space.
"""

import re
from hashlib import blake2b

_CONTROL = re.compile(
    r"<(?=[|｜]|/?s>|(?:start|end)_of_turn>|/?think>|/?tool_(?:call|response)s?>|/?answer>)"
    r"|\[(?=/?(?:INST|SYS|TOOL_CALLS|AVAILABLE_TOOLS)\])|(?<=[|｜])>",
    re.IGNORECASE,
)


def _broken(text: str) -> str:
    return _CONTROL.sub(lambda m: " >" if m.group() == ">" else m.group() + " ", text)


def fenced(texts: dict[str, str]) -> str:
    """The named texts, each between the lines `[begin NAME mark]` and `[end NAME mark]`."""
    digest = blake2b(digest_size=6)
    for name, text in texts.items():
        digest.update(f"{len(name)}:{len(text)}:{name}{text}".encode())
    mark = digest.hexdigest()
    parts = [
        f"[begin {name} {mark}]\n{_broken(t)}\n[end {name} {mark}]" for name, t in texts.items()
    ]
    return "\n\n".join(parts)

"""LaTeX answer location: boxes, phrases and maths delimiters in a worked solution."""

import re

_BOX = re.compile(r"\\(?:boxed|fbox)\s*(?=[{\s\w\\])")
_TEXT = re.compile(
    r"\\(?:text(?:bf|it|rm|sf|tt|up|normal)?|math(?:rm|bf|sf|it|tt)|[mh]box|operatorname|emph)\s*(?=\{)"
)
INLINE = re.compile(
    r"\$\$(?P<a>.+?)\$\$|\\\[(?P<b>.+?)\\\]|\\\((?P<c>.+?)\\\)|(?<!\\)\$(?P<d>(?:\\.|[^$\\])+)\$",
    re.DOTALL,
)


def braced(text: str, start: int) -> str | None:
    """The inside of the group whose `{` is at `start`, or None where it never closes."""
    depth = 0
    for match in re.compile(r"\\.|[{}]", re.DOTALL).finditer(text, start):
        depth += {"{": 1, "}": -1}.get(match.group(), 0)
        if depth == 0:
            return text[start + 1 : match.start()]
    return None


def unwrapped(text: str) -> str:
    r"""The text without the commands that only change its font: `\text{C}` is C."""
    while match := _TEXT.search(text):
        inside = braced(text, match.end())
        if inside is None:
            break
        end = match.end() + len(inside) + 2
        text = text[: match.start()] + inside + text[end:]
    return text


def last_boxed(text: str) -> str | None:
    r"""The inside of the last complete `\boxed{...}` (or `\boxed 5`), None without one."""
    found = boxes(text)
    return _innermost(found[-1][2]) if found else None


def boxes(text: str) -> list[tuple[int, int, str]]:
    """Every complete box that stands in no other: where it begins and ends, and its inside."""
    found: list[tuple[int, int, str]] = []
    for match in _BOX.finditer(text):
        if found and match.start() < found[-1][1]:
            continue
        if text[match.end() : match.end() + 1] == "{":
            inside = braced(text, match.end())
            if inside is not None:
                found.append((match.start(), match.end() + len(inside) + 2, inside))
        elif token := re.match(r"\\?\w+", text[match.end() :]):
            found.append((match.start(), match.end() + token.end(), token.group()))
    return found


def _innermost(inside: str) -> str:
    nested = last_boxed(inside)
    return inside if nested is None else nested

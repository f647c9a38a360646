"""Import check: does a user's `eval.py` in the working folder hide our package of that name?"""

import sys
from importlib.machinery import PathFinder
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent
"""Where our packages lie: the checkout, or `site-packages`."""

PACKAGES = ("decontam", "eval", "personas", "train")
"""Our packages whose names are common enough that a working folder may hold them too."""


def hidden() -> tuple[str, str] | None:
    """The first of our packages that Python would not find, and the file it would take instead."""
    for name in PACKAGES:
        spec = PathFinder.find_spec(name)
        places = [*(spec.submodule_search_locations or []), spec.origin] if spec else []
        files = [Path(place).resolve() for place in places if place]
        if files and not any(file.is_relative_to(HOME / name) for file in files):
            return name, str(files[-1])
    return None


def refuse() -> None:
    """Stop where something hides a package of ours: exit code 2 for a command, else ImportError.

    An editable install is not on the path, so a mere folder (a user's `eval/` with items) would
    hide a package too; at the end of the path ours is found before folders without code.
    """
    if str(HOME) not in sys.path:
        sys.path.append(str(HOME))
    found = hidden()
    if found is None:
        return
    name, file = found
    text = (
        f"{file} hides our package `{name}`: run the installed commands (`dataengine build ...`, "
        "`decontam ...`), which do not look into the working folder, or rename the file"
    )
    if sys.argv[0] != "-m" and not Path(sys.argv[0]).is_relative_to(HOME):
        raise ImportError(text)
    print(f"error: {text}", file=sys.stderr)
    raise SystemExit(2)

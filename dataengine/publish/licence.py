"""What the licences of a dataset's sources ask, and which of them binds the whole the most.

A small honest order, an aid to a person who decides, not legal advice. Names are SPDX's or the
Hub's (https://huggingface.co/docs/hub/repositories-licenses); terms of one's own are written
LicenseRef-NAME. Several that hold at once are an SPDX expression: `llama3.1 AND CC-BY-NC-4.0`.
"""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from dataengine.errors import UserError

ASKS = {
    "public domain": "nothing",
    "permissive": "keep the notices",
    "attribution": "name the authors",
    "share-alike": "share what you make of it under the same licence",
    "non-commercial": "no commercial use",
    "no-derivatives": "no changed copies: a filtered selection may be one",
    "own terms": "its own terms: read them",
    "unknown": "nobody said: assume nothing is allowed",
}
"""Rank -> what it asks, from the mildest to the strictest."""

RANKS = tuple(ASKS)

ITS_OWN = ("share-alike", "own terms", "unknown")
"""Ranks of which no two licences ask the same: each has terms that are its own."""

AND = " AND "

_CC = re.compile(r"cc-by(?P<nc>-nc)?(?P<sa>-sa)?(?P<nd>-nd)?(-\d\.\d)?")

_HUB: dict[str, str] = {
    "public domain": "cc0-1.0 pddl unlicense wtfpl",
    "permissive": "apache-2.0 mit isc bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear bsl-1.0 "
    "zlib ncsa postgresql afl-3.0 ecl-2.0 artistic-2.0 "
    "cdla-permissive-1.0 cdla-permissive-2.0",
    "attribution": "odc-by etalab-2.0 cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0",
    "share-alike": "odbl cdla-sharing-1.0 gpl gpl-2.0 gpl-3.0 lgpl lgpl-2.1 lgpl-3.0 agpl-3.0 gfdl "
    "mpl-2.0 epl-1.0 epl-2.0 eupl-1.1 eupl-1.2 osl-3.0 ms-pl ofl-1.1 lgpl-lr lppl-1.3c "
    "cc-by-sa-3.0 cc-by-sa-4.0",
    "non-commercial": "cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 "
    "cc-by-nc-sa-4.0 deepfloyd-if-license fair-noncommercial-research-license",
    "no-derivatives": "cc-by-nd-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0",
    "own terms": "c-uda openrail openrail++ bigscience-openrail-m creativeml-openrail-m "
    "bigscience-bloom-rail-1.0 bigcode-openrail-m llama2 llama3 llama3.1 llama3.2 llama3.3 llama4 "
    "gemma",
}
"""The Hub's identifiers by rank."""

_RANK = {name: rank for rank, names in _HUB.items() for name in names.split()}

_ALIASES = {
    "apache-2": "apache-2.0",
    "apache2": "apache-2.0",
    "cc0": "cc0-1.0",
    "gfdl-1.3": "gfdl",
    "odbl-1.0": "odbl",
    "odc-by-1.0": "odc-by",
    "pddl-1.0": "pddl",
}


@dataclass(frozen=True, order=True)
class Licence:
    """A licence as a source states it; the greater one is the stricter."""

    strictness: tuple[int, ...]
    """Positions in RANKS of all that it asks, the strictest first."""
    text: str
    """As the mixture writes it; "not stated" where it is silent."""

    @classmethod
    def of(cls, text: str | None) -> "Licence":
        """Recognise a licence by its SPDX or Hub name; whatever is not one is `unknown`."""
        return cls(tuple(RANKS.index(rank) for rank in _ranks(text or "")), text or "not stated")

    @property
    def ranks(self) -> tuple[str, ...]:
        """All that it asks: CC-BY-NC-SA asks three things."""
        return tuple(RANKS[place] for place in self.strictness)

    @property
    def rank(self) -> str:
        """The strictest thing that it asks."""
        return self.ranks[0]

    @property
    def hub(self) -> str:
        """Its identifier on the Hub: `other` where the Hub has none for it."""
        name = _normal(self.text)
        return "unknown" if self.rank == "unknown" else name if name in _RANK else "other"


def licences(text: str | None) -> list[Licence]:
    """The licences of an expression: one, or several that hold at once."""
    return [Licence.of(part.strip()) for part in (text or "").split(AND)]


def binding(found: Iterable[Licence]) -> list[Licence]:
    """The fewest of these licences that ask all that they ask together, the strictest first.

    One that adds no condition to the stricter ones is left out; one of own terms never is, nor does
    it hide what the others ask.
    """
    kept: list[Licence] = []
    said: set[str] = {"public domain", "permissive"}
    for licence in sorted(set(found), reverse=True):
        own = not set(ITS_OWN).isdisjoint(licence.ranks) and _normal(licence.text) not in {
            _normal(other.text) for other in kept
        }
        if own or not kept or not said.issuperset(licence.ranks):
            kept.append(licence)
            said |= set(licence.ranks)
    return kept


@cache
def together(*stated: str | None) -> str | None:
    """The licence of what is made of all these, as an SPDX expression, the strictest first; silent
    where all are. One that asks nothing is named only where nothing else is."""
    found = [licence for text in stated if text for licence in licences(text)]
    named = {_normal(licence.text): licence for licence in sorted(found)}
    asking = [licence for licence in named.values() if licence.rank != "public domain"]
    kept = sorted(asking, reverse=True) or sorted(named.values(), reverse=True)[:1]
    return AND.join(licence.text for licence in kept) or None


def hub_keys(found: Iterable[Licence]) -> dict[str, Any]:
    """The keys of a card's header that state to the Hub every condition in force."""
    bound = binding(found)
    names = list(dict.fromkeys(licence.hub for licence in bound))
    own = [_normal(licence.text) for licence in bound if licence.hub == "other"]
    return {
        "license": names if len(names) > 1 else "".join(names) or None,
        **({"license_name": "-and-".join(own)} if own else {}),
    }


def in_force(manifest: Mapping[str, Any]) -> dict[str, list[Licence]]:
    """Source -> the licences of its published rows, the strictest first; a model that it asked and
    whose terms nobody stated is among them."""
    stated: dict[str, set[Licence]] = {}
    for part in manifest.get("composition") or manifest["sources"]:
        name = part["source"] if "source" in part else part["name"]
        stated.setdefault(name, set()).update(licences(part["licence"]))
    for source in manifest["sources"]:
        silent = [model for model in source.get("asked", []) if model["licence"] is None]
        if source["name"] in stated:
            unknown = Licence.of(None).strictness
            stated[source["name"]] |= {
                Licence(unknown, f"not stated for the model {model['name']}") for model in silent
            }
    return {name: sorted(found, reverse=True) for name, found in stated.items()}


def require_known(manifest: Mapping[str, Any]) -> None:
    """Refuse a dataset of which some rows, or a model that made some, have a licence that nobody
    stated or nobody knows.

    Raises:
        UserError: naming the sources and models, and what to write in the mixture.
    """
    unknown = {
        source: [_hint(licence) for licence in found if licence.rank == "unknown"]
        for source, found in in_force(manifest).items()
    }
    shown = ", ".join(f"{source} ({', '.join(why)})" for source, why in unknown.items() if why)
    if not shown:
        return
    raise UserError(
        f"not published: no known licence for {shown}; give each source, and each model that it "
        "asks, a `licence:`, an SPDX name such as CC-BY-4.0 or LicenseRef-NAME for terms of its "
        "own, or publish with --allow-unknown-licence"
    )


def _hint(licence: Licence) -> str:
    near = difflib.get_close_matches(_normal(licence.text), _RANK, n=1, cutoff=0.8)
    return f"{licence.text!r}, did you mean {near[0]}?" if near else licence.text


def _ranks(text: str) -> list[str]:
    name = _normal(text)
    if name.startswith("licenseref-"):
        return ["own terms"]
    if match := _CC.fullmatch(name):
        terms = {"nd": "no-derivatives", "nc": "non-commercial", "sa": "share-alike"}
        return [rank for key, rank in terms.items() if match[key]] + ["attribution"]
    return [_RANK.get(name, "unknown")]


def _normal(text: str) -> str:
    """The Hub's spelling: `Apache 2.0` -> `apache-2.0`, `GPL-3.0-only` -> `gpl-3.0`."""
    name = re.sub(r"[\s_]+", "-", text.strip().lower())
    for ending in ("-only", "-or-later", "-license", "-licence"):
        if name not in _RANK:
            name = name.removesuffix(ending)
    return _ALIASES.get(name, name)

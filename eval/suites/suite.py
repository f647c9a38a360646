"""Suite definition: where its items come from, how they are scored, what is forgiven."""

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, model_validator

from dataengine.errors import UserError
from eval.suites.item import Item, item_of, jsonl_rows

# The same safe loader, in C where PyYAML has it: the shipped suites are read at every start.
FAST_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Tier = Literal["development", "unseen", "safety", "extra"]
Text = Annotated[str, Field(min_length=1)]
Rows = Callable[[], Iterator[tuple[str, Any]]]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Fields(_Strict):
    """Which column of the source is what: a name, a dotted path, or for choices a list of names.

    `meta` keeps further columns under the names given here.
    """

    id: str | None = None
    prompt: str = "prompt"
    answer: str | None = None
    label: str | None = None
    choices: str | list[str] | None = None
    passage: str | None = None
    subset: str | None = None
    meta: dict[str, str] = {}


class Hub(_Strict):
    """A dataset on the Hub. `revision` is a commit or a branch; what was read is its commit."""

    dataset: Text
    config: str | list[str] | None = None
    split: Text
    revision: str = "main"
    fields: Fields = Fields()


class Local(_Strict):
    """A JSONL file under the path that the user gives; `unscored` says why it cannot be scored."""

    file: Text
    fields: Fields | None = None
    unscored: str | None = None


class Example(_Strict):
    """One worked example shown before the question: the prompt alone, and the whole answer."""

    prompt: Text
    answer: Text


class Score(_Strict):
    """How the suite is scored.

    `verifier` names one of eval/verifiers, called with `settings`; `truth` names a maker of ground
    truths in eval/tasks/truths.py, where the verifier's own does not serve. Only `mc2` needs
    none: it compares likelihoods.

    `template` is filled with the item's `{prompt}`, `{passage}`, `{choices}` (lettered lines),
    `{letters}` and `{tests}`. `examples` are what `shots` shows: written out, `own` (items of the
    suite, which are then not scored), or `harness:FILE` (a task file of lm-evaluation-harness, in
    which `{subset}` stands for the item's subset). Of an answer, the last match of `extract` (its
    first group) is what the verifier sees. `average: subsets` is the mean over subsets (macro).
    """

    metric: Literal[
        "exact_match", "f1", "recall", "pass", "prompt_loose", "mc2", "win_rate", "safe"
    ]
    verifier: str | None = None
    settings: dict[str, Any] = {}
    truth: str | None = None
    extract: str | None = None
    shots: int = Field(0, ge=0)
    examples: list[Example] | str | None = None
    chain_of_thought: bool = False
    template: str = "{prompt}"
    shuffle: bool = False
    chat: bool = True
    average: Literal["items", "subsets"] = "items"
    subsets: list[str] | None = None
    max_tokens: int = Field(4096, gt=0)
    temperature: float = Field(0.0, ge=0)
    top_p: float | None = Field(None, gt=0, le=1)
    top_k: int | None = Field(None, gt=0)
    samples: int = Field(1, gt=0)
    k: int = Field(1, gt=0)
    stop: list[str] = []

    @model_validator(mode="after")
    def _consistent(self) -> "Score":
        if self.verifier is None and self.metric != "mc2":
            raise ValueError(f"the metric {self.metric!r} needs a `verifier`")
        if self.shots and self.examples is None:
            raise ValueError("`shots` needs `examples`: own, harness:FILE, or a list of them")
        if self.k > self.samples:
            raise ValueError(f"pass@{self.k} needs at least {self.k} `samples`")
        return self


class Threshold(_Strict):
    """The score of a decision, and why it is another than usual."""

    value: float = Field(ge=0, le=1)
    reason: Text


class Policy(_Strict):
    """What decontamination may forgive in this suite. Every entry carries its reason.

    `ignore` maps a part of an item (prompt, answer, choices, passage) that is no evidence to why;
    `thresholds` maps a decision (drop, review) to its score; `allow_ids` and `allow_phrases` map
    what is nobody's leak to why.
    """

    ignore: dict[Literal["prompt", "answer", "choices", "passage"], Text] = {}
    thresholds: dict[Literal["drop", "review"], Threshold] = {}
    allow_ids: dict[str, Text] = {}
    allow_phrases: dict[str, Text] = {}


class Suite(_Strict):
    """One suite: a YAML file's keys, and once loaded its items."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]*$")]
    title: str | None = None
    tier: Tier = "extra"
    hub: Hub | None = None
    local: Local | None = None
    score: Score | None = None
    decontaminate: Policy = Policy()
    note: str | None = None

    _home: Path | None = PrivateAttr(None)
    _file: Path | None = PrivateAttr(None)
    _rows: Rows | None = PrivateAttr(None)
    _commit: str | None = PrivateAttr(None)
    _missing: str | None = PrivateAttr(None)

    @model_validator(mode="before")
    @classmethod
    def _local_as_text(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("local"), str):
            return {**data, "local": {"file": data["local"]}}
        return data

    @model_validator(mode="after")
    def _has_a_source(self) -> "Suite":
        if self.hub is None and self.local is None:
            raise ValueError("a suite needs `hub` or `local`: where its items come from")
        return self

    @property
    def missing(self) -> str | None:
        """Why the items cannot be read here, or None. A missing suite is protected by nobody."""
        return self._missing

    @property
    def file(self) -> Path | None:
        return self._file

    def at_home(self, folder: Path) -> "Suite":
        """This suite with a folder of its own, where its file lies unless another has it."""
        suite = self.model_copy()
        suite._home = folder
        return suite

    def located(self, *folders: Path | None) -> "Suite":
        """This suite reading its file from the first of `folders` that has it, or else missing."""
        suite = self.model_copy()
        tried = [folder for folder in (*folders, self._home) if folder is not None]
        files = [folder / self.local.file for folder in tried] if self.local else []
        suite._file = next((file.resolve() for file in files if file.is_file()), None)
        if suite._file is None:
            where = " or ".join(map(str, tried))
            suite._missing = (
                "no local file is known for it"
                if self.local is None
                else f"no {self.local.file} under {where}"
                if tried
                else f"no folder was given to find {self.local.file} in"
            )
        return suite

    def __getstate__(self) -> dict[Any, Any]:
        """What is pickled: not the rows of the Hub, which stay where they were opened, but the hash
        that an index made from them is found by."""
        if not self._missing:
            _ = self.hash
        state = super().__getstate__()
        return state | {"__pydantic_private__": state["__pydantic_private__"] | {"_rows": None}}

    def items(self) -> Iterator[Item]:
        """Every item, in the source's order.

        UserError for a bad line, an empty prompt, a duplicate id, no items, a missing suite.
        """
        if self._missing:
            raise UserError(f"{self.name}: {self._missing}")
        fields, rows = self._source()
        seen: set[str] = set()
        for number, (where, row) in enumerate(rows):
            if fields is not None and isinstance(row, dict):
                row = renamed(row, fields)
            item = item_of(row, where, f"{self.name}/{number}")
            if item.id in seen:
                raise UserError(f"{where}: the id {item.id!r} was used before; ids must be unique")
            seen.add(item.id)
            yield item
        if not seen:
            raise UserError(f"{self._file or self.name}: empty; it would protect nothing")

    def _source(self) -> tuple[Fields | None, Iterable[tuple[str, Any]]]:
        if self._file is not None:
            return self.local.fields if self.local else None, jsonl_rows(self._file)
        if self._rows is None or self.hub is None:
            raise UserError(f"{self.name}: load it with eval.suites.load before reading its items")
        return self.hub.fields, self._rows()

    @cached_property
    def hash(self) -> str:
        """blake2b-128 of the items' source: a file's bytes, or a Hub dataset's commit; and of the
        field mapping. Equal hashes mean equal items; read without parsing them."""
        digest = blake2b(digest_size=16)
        if self._missing:
            raise UserError(f"{self.name}: {self._missing}")
        if self._file is not None:
            digest.update(self._file.read_bytes())
            fields = self.local.fields if self.local else None
            digest.update(fields.model_dump_json().encode() if fields else b"")
        elif self.hub is not None:
            digest.update(f"{self._commit}{self.hub.model_dump_json()}".encode())
        return digest.hexdigest()


def renamed(row: dict[str, Any], fields: Fields) -> dict[str, Any]:
    """A source's row under an item's own keys."""

    def at(path: str | None) -> Any:
        value: Any = row
        for key in path.split(".") if path else [None]:
            value = value.get(key) if isinstance(value, dict) else None
        return value

    names = fields.choices
    listed = [at(name) for name in names] if isinstance(names, list) else at(names)
    item = {
        "prompt": at(fields.prompt),
        "answer": at(fields.answer),
        "label": at(fields.label),
        "choices": unlettered(listed),
        "passage": at(fields.passage),
        "subset": at(fields.subset),
    }
    if fields.id:
        item["id"] = at(fields.id)
    if fields.meta:
        item["meta"] = {name: at(path) for name, path in fields.meta.items()}
    return item


def unlettered(choices: Any) -> Any:
    """Choices without the letters that some sources write into them, as AGIEval's "(A)5"."""
    if not isinstance(choices, list) or not choices:
        return choices
    marks = [f"({chr(65 + at)})" for at in range(len(choices))]
    if not all(str(c).startswith(mark) for c, mark in zip(choices, marks, strict=True)):
        return choices
    return [str(c)[len(mark) :].strip() for c, mark in zip(choices, marks, strict=True)]


def read_suite(path: Path) -> Suite:
    """The suite that a YAML file describes; UserError names the file and the key."""
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=FAST_LOADER)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{path}: cannot be read as YAML: {' '.join(str(error).split())}") from None
    if not isinstance(data, dict):
        raise UserError(f"{path}: a suite is a mapping with `name`, `tier` and a source")
    try:
        return Suite.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "suite"
        raise UserError(f"{path}: {key}: {first['msg']}") from None

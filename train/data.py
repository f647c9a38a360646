"""Dataset loading: a build directory, or the Hub repository it was pushed to."""

import hashlib
import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from datasets import Dataset, Features, Json, List, load_dataset
from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, HFValidationError

from dataengine.errors import UserError

COLUMNS = {
    "sft": ("messages",),
    "preference": ("prompt", "chosen", "rejected"),
    "rlvr": ("prompt", "ground_truth", "verifier"),
}
UNPAIRED = ("prompt", "completion", "label")
"""The columns of preferences without a pair, which KTO takes."""


@dataclass(frozen=True)
class Data:
    """Rows to train on, and what their manifest says of them (None where there is none)."""

    where: str
    manifest: dict[str, Any] | None
    train: Dataset
    validation: Dataset | None

    @property
    def fingerprint(self) -> str:
        """The engine's fingerprint, or that of the rows as read where no manifest gives one."""
        return (self.manifest or {}).get("fingerprint") or f"unmanifested-{self.train._fingerprint}"

    @property
    def suites(self) -> frozenset[str]:
        """The eval suites that the rows were decontaminated against, by name."""
        return declared(self.manifest)


def declared(manifest: dict[str, Any] | None) -> frozenset[str]:
    """The suites that a manifest declares decontamination against, by name."""
    told = (manifest or {}).get("decontamination") or {}
    return frozenset(suite["name"] for suite in told.get("suites", ()))


def open_data(where: str, kind: str, *, allow_undeclared: bool) -> Data:
    """Open a build directory, or a Hub dataset as `owner/name` or `owner/name@revision`.

    Raises:
        UserError: nothing there; rows of another kind; a file that is not the one the manifest
            describes; or no declared decontamination, unless `allow_undeclared`.
    """
    data = _local(Path(where)) if Path(where).is_dir() else _hub(where)
    told = (data.manifest or {}).get("kind", kind)
    if told != kind:
        raise UserError(f"--data {where}: holds {told} rows, this trainer needs {kind} rows")
    names = data.train.column_names
    needed = UNPAIRED if kind == "preference" and "completion" in names else COLUMNS[kind]
    missing = [name for name in needed if name not in names]
    if missing:
        raise UserError(f"--data {where}: no column {', '.join(missing)}; {kind} rows need it")
    if not data.suites and not allow_undeclared:
        raise UserError(
            f"--data {where}: its manifest.json does not say which eval suites it was "
            "decontaminated against; add a decontaminate stage to the mixture and build again, "
            "or go on with --allow-undeclared (the model's card will say so)"
        )
    return data


def _local(folder: Path) -> Data:
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    if manifest:
        _verify(folder, manifest)
    parts = {
        split: sorted(str(part) for part in (folder / "data").glob(f"{split}-*.parquet"))
        for split in ("train", "validation")
    }
    if not parts["train"]:
        raise UserError(f"--data {folder}: no data/train-*.parquet; is it a finished build?")
    splits = load_dataset("parquet", data_files={s: p for s, p in parts.items() if p})
    return _data(str(folder), manifest, splits)


def _verify(folder: Path, manifest: dict[str, Any]) -> None:
    """The manifest speaks for the rows only while the files are those that it describes."""
    for split in manifest.get("splits", {}).values():
        for part in split.get("files", ()):
            path = folder / part["path"]
            if not path.is_file():
                raise UserError(f"{path}: named in manifest.json and missing; build again")
            told = part["blake2b"]
            digest = partial(hashlib.blake2b, digest_size=len(told) // 2)
            with path.open("rb") as file:
                found = hashlib.file_digest(file, digest).hexdigest()
            if found != told:
                raise UserError(f"{path}: not the file that manifest.json describes; build again")


def _hub(where: str) -> Data:
    repository, _, revision = where.partition("@")
    try:
        info = HfApi().dataset_info(repository, revision=revision or None)
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        first = str(error).strip().splitlines()[0]
        raise UserError(
            f"--data {where}: neither a folder nor a readable Hub dataset: {first}"
        ) from None
    try:
        path = hf_hub_download(repository, "manifest.json", repo_type="dataset", revision=info.sha)
        manifest = json.loads(Path(path).read_text(encoding="utf-8"))
    except EntryNotFoundError:
        manifest = None
    names = [entry.rfilename for entry in info.siblings or ()]
    files = {
        split: sorted(n for n in names if n.startswith(f"data/{split}-") and n.endswith(".parquet"))
        for split in ("train", "validation")
    }
    if not files["train"]:
        raise UserError(f"--data {where}: the repository has no data/train-*.parquet")
    splits = load_dataset(
        repository, revision=info.sha, data_files={s: f for s, f in files.items() if f}
    )
    return _data(f"{repository}@{info.sha}", manifest, splits)


def _data(where: str, manifest: dict[str, Any] | None, splits: Any) -> Data:
    validation = splits.get("validation")
    return Data(
        where,
        manifest,
        _messages(splits["train"]),
        _messages(validation) if validation is not None else None,
    )


def _messages(rows: Dataset) -> Dataset:
    """The rows as chat templates want them: absent fields absent, tool calls as objects.

    Parquet gives every turn every field and holds tool calls as JSON text; templates ask
    `'tool_calls' in message`.
    """
    columns = [
        name
        for name in ("messages", "prompt", "chosen", "rejected", "completion")
        if name in rows.column_names and _turn_fields(rows, name) - {"role", "content"}
    ]
    if not columns:
        return rows
    features = Features({**rows.features, **{name: List(Json()) for name in columns}})
    return rows.map(_present, fn_kwargs={"columns": columns}, features=features)


def _turn_fields(rows: Dataset, column: str) -> set[str]:
    feature = rows.features[column]
    turn = getattr(feature, "feature", None) or (feature[0] if isinstance(feature, list) else {})
    return set(turn) if isinstance(turn, dict) else set()


def _present(row: dict[str, Any], columns: list[str]) -> dict[str, Any]:
    def turn(fields: dict[str, Any]) -> dict[str, Any]:
        kept = {key: value for key, value in fields.items() if value is not None}
        if isinstance(kept.get("tool_calls"), str):
            kept["tool_calls"] = json.loads(kept["tool_calls"])
        return kept

    return {name: [turn(fields) for fields in row[name]] for name in columns}

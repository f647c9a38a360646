"""Publish a finished build to the Hugging Face Hub: few large files, one commit, run again at will.

Only what the manifest names goes up. Large files travel first, by their content's hash, so a run
that was cut short sends only what the Hub does not hold; nothing is visible until the one commit
at the end.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from dataengine.errors import UserError
from dataengine.publish.licence import require_known

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, HfApi
    from huggingface_hub.hf_api import RepoFile

OURS = ("data/", "dropped/")
"""The folders of the repository that mirror the build: files that left the build leave them too."""


@dataclass(frozen=True)
class Published:
    """What a call of `publish` left on the Hub."""

    url: str
    """The page of the commit that holds the build."""
    commit: str
    uploaded: tuple[str, ...]
    deleted: tuple[str, ...]

    @property
    def changed(self) -> bool:
        """False where the Hub already held this very build and no commit was made."""
        return bool(self.uploaded or self.deleted)


def publish(
    build: Path,
    repo: str,
    *,
    private: bool = True,
    branch: str = "main",
    allow_unknown_licence: bool = False,
    dropped: bool = False,
) -> Published:
    """Publish the build in `build` to the dataset `repo` (OWNER/NAME) at HF_ENDPOINT.

    The repository and the branch are created where they are missing. `dropped` adds the tables of
    dropped rows: not by default, because their evidence quotes eval items, and whatever a person
    wanted out of the dataset would stand beside it.

    Raises:
        UserError: no finished build, a file that is not the one its manifest describes, a source
            without a known licence, no HF_TOKEN, no permission, or a Hub that cannot be reached.
            Whatever the cause, the same call made again goes on where this one ended.
    """
    ready(repo)
    manifest, files = _to_push(build, repo, allow_unknown_licence, dropped)
    with _plain_errors(repo):
        from huggingface_hub import HfApi

        api = HfApi(token=_token())
        _prepare(api, repo, private, branch)
        return _commit(api, repo, branch, files, _message(manifest))


class File(NamedTuple):
    """A file that would be published."""

    path: str
    """Its path in the repository."""
    bytes: int
    sha256: str


class Push(NamedTuple):
    """What a call of `publish` would send, and where to."""

    repo: str
    private: bool
    branch: str
    files: tuple[File, ...]
    token: bool
    """Whether HF_TOKEN is set, which sending it needs."""

    @property
    def where(self) -> str:
        """The repository and its branch."""
        return f"{self.repo}, branch {self.branch}"

    def told(self) -> dict[str, Any]:
        """The same as JSON."""
        return self._asdict() | {"files": [file._asdict() for file in self.files]}


def push(
    build: Path,
    repo: str,
    *,
    private: bool = True,
    branch: str = "main",
    allow_unknown_licence: bool = False,
    dropped: bool = False,
) -> Push:
    """What `publish` with the same arguments would send, byte for byte; asks no network.

    Raises:
        UserError: as `publish` would before it asks the Hub, but for a missing HF_TOKEN.
    """
    _check_name(repo)
    _, files = _to_push(build, repo, allow_unknown_licence, dropped)
    described = tuple(File(name, *_measured(held)) for name, held in sorted(files.items()))
    token = bool(os.environ.get("HF_TOKEN", "").strip())
    return Push(repo, private, branch, described, token)


def require_checked(manifest: dict[str, Any], missing: str | None) -> None:
    """Refuse a build that was not checked against all that it was to be; `missing` is what the
    mixture says of suites without items.

    Raises:
        UserError: naming the suites.
    """
    unchecked = (manifest["decontamination"] or {}).get("missing")
    if unchecked and missing != "tell":
        raise UserError(
            f"decontaminate: {', '.join(unchecked)} asked for and not checked, for want of their "
            "items; nothing was published (missing: tell publishes it, and says so on the card)"
        )


def ready(repo: str) -> None:
    """Find out before a long build what would keep it from being published after it.

    Raises:
        UserError: `repo` is no repository's name, or HF_TOKEN is not set.
    """
    _check_name(repo)
    _token()


def finished(build: Path) -> dict[str, Any]:
    """The manifest of the finished build in a folder.

    Raises:
        UserError: there is none.
    """
    path = build / "manifest.json"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise UserError(
            f"{build}: no finished build here (no manifest.json); build it first"
        ) from None
    except ValueError:
        raise UserError(f"{path}: not JSON; build it again") from None
    if not isinstance(manifest, dict) or not manifest.get("splits"):
        raise UserError(f"{path}: names no split with data; build it again")
    return manifest


def _to_push(
    build: Path, repo: str, allow_unknown_licence: bool, dropped: bool
) -> "tuple[dict[str, Any], dict[str, Path | bytes]]":
    """The manifest of a build, and what is to be sent of it, once nothing stands in the way."""
    manifest = finished(build)
    if "preview" in manifest:
        raise UserError(
            f"{build}: holds a preview of at most {manifest['preview']['records']:,} records of "
            "each source, which is not for publishing; build it without --limit or --look"
        )
    if not allow_unknown_licence:
        require_known(manifest)
    return manifest, _files(build, manifest, repo, dropped)


def _measured(held: "Path | bytes") -> tuple[int, str]:
    """The size of a file or content, and its sha256."""
    if isinstance(held, bytes):
        return len(held), hashlib.sha256(held).hexdigest()
    with held.open("rb") as content:
        return held.stat().st_size, hashlib.file_digest(content, "sha256").hexdigest()


def _files(
    build: Path, manifest: dict[str, Any], repo: str, dropped: bool
) -> "dict[str, Path | bytes]":
    """Path in the repository -> local file or content, of everything that is to be published."""
    names = ["README.md", "manifest.json", "mixture.lock.yaml"]
    if dropped:
        names += sorted(f"dropped/{path.name}" for path in (build / "dropped").glob("*.parquet"))
    files: dict[str, Path | bytes] = {name: build / name for name in names}
    missing = [name for name in names if not (build / name).is_file()]
    if missing:
        raise UserError(f"{build}: {missing[0]} is missing; build it again")
    for split in manifest["splits"].values():
        for file in split["files"]:
            files[file["path"]] = _sound(build, file)
    if (build / "report.html").is_file():
        files["report.html"] = _public_report(build, manifest)
    if (build / "training_summary.md").is_file():
        files["training_summary.md"] = build / "training_summary.md"
    if (build / "croissant.json").is_file():
        files["croissant.json"] = _public_croissant(build, manifest, repo)
    return files


def _public_croissant(build: Path, manifest: dict[str, Any], repo: str) -> bytes:
    """The metadata with the page of the repository, which the build's own cannot know."""
    from huggingface_hub import constants

    from dataengine.built import Built
    from dataengine.publish.croissant import croissant

    page = f"{constants.ENDPOINT}/datasets/{repo}"
    return croissant(Built(build, manifest), page).encode()


def _public_report(build: Path, manifest: dict[str, Any]) -> bytes:
    """The report without eval texts, which the build's own has: published they would leak."""
    from dataengine.built import Built
    from dataengine.report import report

    return report(Built(build, manifest), public=True).encode()


def _sound(build: Path, file: dict[str, Any]) -> Path:
    """The data file, once it has been found to hold exactly what the manifest says of it."""
    name, path = str(file["path"]), build / str(file["path"])
    if not re.fullmatch(r"data/[\w.-]+\.parquet", name):
        raise UserError(f"{build}/manifest.json: {name!r} is not a data file of a build")
    if not path.is_file():
        raise UserError(f"{path}: is missing; build it again")
    size = len(file["blake2b"]) // 2
    with path.open("rb") as content:
        found = hashlib.file_digest(content, lambda: hashlib.blake2b(digest_size=size))
    if path.stat().st_size != file["bytes"] or found.hexdigest() != file["blake2b"]:
        raise UserError(f"{path}: is not the file that manifest.json describes; build it again")
    return path


def _check_name(repo: str) -> None:
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(repo)
    except HFValidationError:
        well_formed = False
    else:
        well_formed = repo.count("/") == 1
    if not well_formed:
        raise UserError(
            f"publish.repo: {repo!r} is not a repository's name; write OWNER/NAME, "
            "in letters, digits, - _ ."
        )


def _token() -> str:
    token = os.environ.get("HF_TOKEN", "").strip()
    if not token:
        raise UserError(
            "HF_TOKEN is not set: make a token with write access at huggingface.co/settings/tokens "
            "and export it as HF_TOKEN"
        )
    return token


def _prepare(api: "HfApi", repo: str, private: bool, branch: str) -> None:
    """Make sure the repository and the branch are there, and are no more public than was asked."""
    api.create_repo(repo, repo_type="dataset", private=private, exist_ok=True)
    if private and not api.dataset_info(repo).private:
        raise UserError(
            f"{repo} is public, and this mixture is to be private: make it private in its settings "
            "on the Hub, publish under another name, or set publish.private to false"
        )
    if branch != "main":
        api.create_branch(repo, branch=branch, repo_type="dataset", exist_ok=True)


def _commit(
    api: "HfApi", repo: str, branch: str, files: "dict[str, Path | bytes]", message: str
) -> Published:
    """Bring the branch to hold exactly these files (and its own others), in one commit or none."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete
    from huggingface_hub.hf_api import RepoFile

    head = str(api.dataset_info(repo, revision=branch).sha)
    listing = api.list_repo_tree(repo, repo_type="dataset", revision=head, recursive=True)
    there = {entry.path: entry for entry in listing if isinstance(entry, RepoFile)}
    adds = [CommitOperationAdd(name, path) for name, path in files.items()]
    adds = [add for add in adds if not _holds(there.get(add.path_in_repo), add)]
    gone = sorted(path for path in there if path.startswith(OURS) and path not in files)
    if not adds and not gone:
        return Published(f"{api.endpoint}/datasets/{repo}/commit/{head}", head, (), ())
    commit = api.create_commit(
        repo,
        [*adds, *(CommitOperationDelete(path) for path in gone)],
        commit_message=message,
        repo_type="dataset",
        revision=branch,
        parent_commit=head,
    )
    uploaded = tuple(add.path_in_repo for add in adds)
    return Published(commit.commit_url, commit.oid, uploaded, tuple(gone))


def _holds(there: "RepoFile | None", add: "CommitOperationAdd") -> bool:
    """Whether the Hub's file has our content: by sha256 in LFS, by git's blob id elsewhere."""
    if there is None or there.size != add.upload_info.size:
        return False
    if there.lfs is not None:
        return there.lfs.sha256 == add.upload_info.sha256.hex()
    with add.as_file() as file:
        blob = file.read()
    return there.blob_id == hashlib.sha1(b"blob %d\0" % len(blob) + blob).hexdigest()


def _message(manifest: dict[str, Any]) -> str:
    rows = sum(split["rows"] for split in manifest["splits"].values())
    return f"{manifest['name']}: {rows:,} rows, build {manifest['fingerprint'][:12]}"


@contextmanager
def _plain_errors(repo: str) -> Iterator[None]:
    """Everything the Hub or the network may answer, as one line that says what to do."""
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    try:
        yield
    except UserError:
        raise
    except OfflineModeIsEnabled:
        raise UserError(f"cannot publish {repo}: HF_HUB_OFFLINE is set; unset it") from None
    except (HfHubHTTPError, httpx2.HTTPError, RuntimeError, OSError, ValueError) as error:
        cause = error.__cause__ if isinstance(error, RuntimeError) and error.__cause__ else error
        raise UserError(_explain(repo, cause)) from None


def _explain(repo: str, error: BaseException) -> str:
    from huggingface_hub import constants
    from huggingface_hub.errors import HfHubHTTPError

    again = "the same command run again sends only what is missing"
    if not isinstance(error, HfHubHTTPError):
        reason = _one_line(str(error)) or type(error).__name__
        return f"publishing {repo} to {constants.ENDPOINT} was cut short ({reason}); {again}"
    status, said = error.response.status_code, _one_line(error.server_message or "")
    owner = repo.split("/")[0]
    if status == 401:
        need = "make a new token with write access"
        return f"{constants.ENDPOINT} does not accept HF_TOKEN (401); {need}"
    if status in (403, 404):
        needs = f"it needs write access to the datasets of {owner}"
        return f"HF_TOKEN may not write to {repo} ({status}); {needs}"
    if status == 412:
        return f"{repo} was changed by someone else meanwhile (412); look at it, then publish again"
    if status == 429:
        return f"{constants.ENDPOINT} asks to slow down (429); wait some minutes: {again}"
    if status == 400:
        return f"{constants.ENDPOINT} refuses this build (400): {said}"
    return f"{constants.ENDPOINT} failed ({status}{': ' + said if said else ''}); {again}"


def _one_line(text: str) -> str:
    """A foreign message, fit to be shown: one line, not long, and without the token."""
    token = os.environ.get("HF_TOKEN", "").strip()
    text = text.replace(token, "***") if token else text
    return " ".join(text.split())[:300]

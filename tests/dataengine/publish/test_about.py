"""`publish: {about: FILE}`: a publisher's own words on the card, through rebuilds and the lock."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from dataengine.build import finished
from dataengine.document import Document
from dataengine.errors import UserError
from dataengine.mixture import load

RECORDS = [{"prompt": f"question {n}?", "completion": f"answer {n}"} for n in range(5)]


@pytest.fixture
def described(mix: Callable[..., Path], tmp_path: Path) -> Path:
    """A mixture with an introduction beside it."""
    (tmp_path / "about.md").write_text("Made by *us*; write to a@example.org.\n", encoding="utf-8")
    source = {"records": RECORDS, "licence": "MIT"}
    return mix({"a": source}, publish={"repo": "me/test", "about": "about.md"})


def test_it_stands_on_the_card_in_the_manifest_and_in_the_lock(
    described: Path, built: Callable[..., Any], tmp_path: Path
) -> None:
    manifest = built(described)
    card = (tmp_path / "out" / "README.md").read_text()
    assert "\n# test\n\nMade by *us*; write to a@example.org.\n\n5 rows" in card
    about = manifest["about"]
    assert (about["file"], len(about["content"])) == ("about.md", 32)
    lock = yaml.safe_load((tmp_path / "out" / "mixture.lock.yaml").read_text())
    assert lock["publish"]["content"] == about["content"]
    found = finished(Document(described), tmp_path / "out")
    assert found and found.manifest == manifest


def test_other_words_make_another_card_of_the_same_rows(
    described: Path, built: Callable[..., Any], tmp_path: Path
) -> None:
    first = built(described)
    (tmp_path / "about.md").write_text("Others.", encoding="utf-8")
    second = built(described)
    assert second["fingerprint"] == first["fingerprint"]
    assert second["about"]["content"] != first["about"]["content"]
    assert "Others." in (tmp_path / "out" / "README.md").read_text()


def test_a_lock_builds_the_same_card_and_refuses_other_words(
    described: Path, built: Callable[..., Any], tmp_path: Path
) -> None:
    built(described)
    lock = tmp_path / "out" / "mixture.lock.yaml"
    assert (
        built(lock, "again")["about"]
        == json.loads((tmp_path / "out" / "manifest.json").read_text())["about"]
    )
    card = (tmp_path / "out" / "README.md").read_bytes()
    assert (tmp_path / "again" / "README.md").read_bytes() == card
    (tmp_path / "about.md").write_text("Others.", encoding="utf-8")
    with pytest.raises(UserError, match="is not the file that this lock was made with"):
        load(lock)


@pytest.mark.parametrize(
    ("held", "says"),
    [
        (None, "there is no file"),
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"\xff\xfe", "is not UTF-8 text"),
        (b"---\nlicense: mit\n---\n", "starts with a YAML header"),
    ],
)
def test_a_file_that_cannot_be_taken(
    described: Path, tmp_path: Path, held: bytes | None, says: str
) -> None:
    file = tmp_path / "about.md"
    file.unlink()
    if held is not None:
        file.write_bytes(held)
    with pytest.raises(UserError, match=says) as refusal:
        load(described)
    message = str(refusal.value)
    assert "mixture.yaml:" in message and "about.md" in message and "\n" not in message


def test_a_folder_is_no_file(described: Path, tmp_path: Path) -> None:
    (tmp_path / "about.md").unlink()
    (tmp_path / "about.md").mkdir()
    with pytest.raises(UserError, match="cannot read"):
        load(described)

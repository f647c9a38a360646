"""Personas and documents from rows."""

import json

import pytest

from dataengine.errors import UserError
from personas.persona import document_of, persona_of


def test_columns_ids_and_licences():
    given = persona_of({"id": 7, "persona": " A pilot "}, source="set", licence="MIT")
    assert (given.id, given.text, given.source, given.licence) == ("7", "A pilot", "set", "MIT")
    own = persona_of({"description": "A pilot", "licence": "CC0-1.0"}, licence="MIT")
    assert own.licence == "CC0-1.0" and len(own.id) == 32
    assert persona_of({"text": "A pilot"}).id == own.id
    told = document_of({"text": "Once.", "title": "Tale"}, licence="CC-BY-4.0")
    assert (told.title, told.licence) == ("Tale", "CC-BY-4.0")


@pytest.mark.parametrize("row", [{}, {"persona": "  "}, {"persona": 3, "id": "x"}])
def test_a_row_without_a_persona_says_what_it_has(row):
    with pytest.raises(UserError, match="expected text in one of persona, description"):
        persona_of(row)


def test_published_persona_sets_are_read_whole(shared):
    for file in sorted((shared / "data/personas").glob("*.jsonl")):
        rows = [json.loads(line) for line in file.open(encoding="utf-8")]
        found = [persona_of(row) for row in rows]
        assert len({persona.id for persona in found}) == len(rows), file.name

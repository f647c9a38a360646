"""Licences: their names, their order, and the refusal to publish without one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataengine.errors import UserError
from dataengine.publish.licence import (
    _RANK,
    Licence,
    binding,
    hub_keys,
    in_force,
    licences,
    require_known,
    together,
)

FROM_MILD_TO_STRICT = [
    "CC0-1.0",
    "MIT",
    "ODC-By-1.0",
    "CC-BY-SA-4.0",
    "CC-BY-NC-4.0",
    "CC-BY-NC-SA-4.0",
    "CC-BY-ND-4.0",
    "CC-BY-NC-ND-4.0",
    "LicenseRef-Acme",
    None,
]


def test_the_order() -> None:
    licences = [Licence.of(text) for text in FROM_MILD_TO_STRICT]
    assert licences == sorted(licences)
    assert binding(reversed(licences))[0].text == "not stated"


SOME = st.lists(st.sampled_from([*FROM_MILD_TO_STRICT, "llama3.1", "LicenseRef-B"]), min_size=1)


@given(SOME)
def test_the_strictest_binds_whatever_stands_beside_it(texts: list[str | None]) -> None:
    assert binding(map(Licence.of, texts))[0] == max(map(Licence.of, texts))


@given(SOME)
def test_what_binds_asks_all_that_is_asked_and_nobody_in_vain(texts: list[str | None]) -> None:
    found = [Licence.of(text) for text in texts]
    kept = binding(found)
    asked = {rank for licence in found for rank in licence.ranks}
    said = {rank for licence in kept for rank in licence.ranks}
    assert said | {"public domain", "permissive"} >= asked
    own = {licence for licence in found if licence.rank in ("own terms", "unknown")}
    assert own <= set(kept)
    for licence in kept[1:]:
        others = {rank for other in kept if other != licence for rank in other.ranks}
        told = {"share-alike", "own terms", "unknown"}.intersection(licence.ranks)
        assert told or not others.issuperset(licence.ranks)


@given(SOME)
def test_a_licence_of_several_asks_what_they_ask(texts: list[str | None]) -> None:
    made = together(*texts)
    stated = [text for text in texts if text]
    assert (made is None) == (not stated)
    if made:
        again = {rank for licence in licences(made) for rank in licence.ranks}
        asked = {rank for text in stated for rank in Licence.of(text).ranks}
        assert again == (asked - {"public domain"} or asked)
        assert made.split(" AND ") == [x.text for x in sorted(licences(made), reverse=True)]
        assert together(made, *texts) == made
        assert together(*reversed(texts)) == made


@pytest.mark.parametrize(
    ("texts", "header"),
    [
        (["MIT", "CC-BY-4.0"], {"license": "cc-by-4.0"}),
        (["CC-BY-4.0", "CC-BY-NC-4.0", "ODC-By-1.0"], {"license": "cc-by-nc-4.0"}),
        (
            ["LicenseRef-Acme", "CC-BY-NC-4.0"],
            {"license": ["other", "cc-by-nc-4.0"], "license_name": "licenseref-acme"},
        ),
        (
            ["LicenseRef-Acme", "LicenseRef-B"],
            {"license": "other", "license_name": "licenseref-b-and-licenseref-acme"},
        ),
        (["llama3.1", "CC-BY-NC-SA-4.0"], {"license": ["llama3.1", "cc-by-nc-sa-4.0"]}),
        (["CC-BY-SA-4.0", "GPL-3.0", "MIT"], {"license": ["cc-by-sa-4.0", "gpl-3.0"]}),
        ([None, "CC-BY-NC-4.0"], {"license": ["unknown", "cc-by-nc-4.0"]}),
        ([None, "MIT"], {"license": "unknown"}),
    ],
)
def test_the_header_hides_no_condition(texts: list[str | None], header: dict[str, str]) -> None:
    assert hub_keys(map(Licence.of, texts)) == header


@pytest.mark.parametrize(
    ("text", "rank", "header"),
    [
        ("Apache 2.0", "permissive", {"license": "apache-2.0"}),
        ("MIT License", "permissive", {"license": "mit"}),
        ("odc-by", "attribution", {"license": "odc-by"}),
        ("GPL-3.0-or-later", "share-alike", {"license": "gpl-3.0"}),
        ("CC-BY-NC-SA-4.0", "non-commercial", {"license": "cc-by-nc-sa-4.0"}),
        ("cc-by-sa-2.5", "share-alike", {"license": "other", "license_name": "cc-by-sa-2.5"}),
        ("llama3.1", "own terms", {"license": "llama3.1"}),
        (
            "LicenseRef-Acme",
            "own terms",
            {"license": "other", "license_name": "licenseref-acme"},
        ),
        ("CC-BY-NCC-4.0", "unknown", {"license": "unknown"}),
        ("unknown", "unknown", {"license": "unknown"}),
        ("other", "unknown", {"license": "unknown"}),
        ("", "unknown", {"license": "unknown"}),
        (None, "unknown", {"license": "unknown"}),
    ],
)
def test_names(text: str | None, rank: str, header: dict[str, str]) -> None:
    licence = Licence.of(text)
    assert licence.rank == rank
    assert hub_keys([licence]) == header


@given(st.text())
def test_any_text_has_a_rank(text: str) -> None:
    assert Licence.of(text).rank


@pytest.mark.parametrize("name", sorted(_RANK))
def test_the_hubs_names_are_their_own_spelling(name: str) -> None:
    assert hub_keys([Licence.of(name)]) == {"license": name}
    assert Licence.of(name.upper()).rank == _RANK[name] == Licence.of(name).rank


def test_all_that_a_licence_asks() -> None:
    asked = ("non-commercial", "share-alike", "attribution")
    assert Licence.of("CC-BY-NC-SA-4.0").ranks == asked


def part(source: str, licence: str | None) -> dict[str, object]:
    return {"source": source, "licence": licence, "rows": 1}


def test_rows_may_have_licences_of_their_own() -> None:
    parts = [part("web", "MIT"), part("web", "CC-BY-4.0"), part("books", "MIT")]
    found = in_force({"composition": parts, "sources": []})
    assert {name: [x.text for x in lics] for name, lics in found.items()} == {
        "web": ["CC-BY-4.0", "MIT"],
        "books": ["MIT"],
    }


def test_one_that_asks_nothing_is_named_alone() -> None:
    assert together("CC0-1.0", "Apache-2.0") == "Apache-2.0"
    assert together("Unlicense", "CC0-1.0", None) == "Unlicense"
    assert together("MIT", "mit", "CC-BY-4.0") == "CC-BY-4.0 AND mit"
    assert together(None) is None


def test_a_model_whose_terms_nobody_stated_is_refused_as_a_source_is() -> None:
    asked = [
        {"name": "a", "model": "org/a", "licence": None, "as": ["prompts"]},
        {"name": "b", "model": "org/b", "licence": "Apache-2.0", "as": ["judge.model"]},
    ]
    made = {"name": "made", "licence": "MIT", "asked": asked}
    gone = {"name": "gone", "licence": "MIT", "asked": asked}
    manifest = {"composition": [part("made", "MIT")], "sources": [made, gone]}
    with pytest.raises(UserError) as refusal:
        require_known(manifest)
    message = str(refusal.value)
    assert "made (not stated for the model a)" in message and "model b" not in message
    assert "gone" not in message, "none of its rows is here"
    asked[0]["licence"] = "llama3.1"
    require_known(manifest)


def test_a_licence_that_is_an_expression() -> None:
    found = in_force({"composition": [part("web", "llama3.1 AND CC-BY-NC-4.0")], "sources": []})
    assert [licence.text for licence in found["web"]] == ["llama3.1", "CC-BY-NC-4.0"]


def test_refusal_names_the_sources_and_the_nearest_licence() -> None:
    parts = [part("web", None), part("own", "CC-BY-NCC-4.0"), part("books", "MIT")]
    with pytest.raises(UserError) as refusal:
        require_known({"composition": parts, "sources": []})
    message = str(refusal.value)
    assert "web (not stated)" in message
    assert "own ('CC-BY-NCC-4.0', did you mean cc-by-nc-4.0?)" in message
    assert "books" not in message
    require_known({"composition": parts[2:], "sources": []})

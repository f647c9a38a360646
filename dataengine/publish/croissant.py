"""Croissant 1.1 metadata with the fields of Croissant RAI 1.0: what the card says, for machines.

https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html and
https://docs.mlcommons.org/croissant/docs/croissant-rai-spec.html. A field that a build cannot know
(when and how the records of its sources came to be, social impact, a maintenance plan) is left out.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dataengine.built import Built
from dataengine.publish import audited, card
from dataengine.publish.data_dictionary import described
from dataengine.publish.licence import binding, in_force
from dataengine.publish.origins import origin

Json = dict[str, Any]

CONTEXT: Json = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The specification's own context, word for word: readers warn of any other."""

CONFORMS = ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"]
BIASES = (
    "characters",
    "the longer answer is chosen",
    "wins of the answer shown first",
    "share of on-policy answers",
    "correlation of aspects",
)
"""Figures of the audit of pairs that measure a bias."""

PARQUET = "application/x-parquet"


def croissant(built: Built, url: str | None = None) -> str:
    """The croissant.json of a build; `url` is its page, where it is published."""
    manifest = built.manifest
    found = [licence for licences in in_force(manifest).values() for licence in licences]
    whole: Json = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS,
        "name": manifest["name"],
        "description": card.description(manifest),
        **({"url": url} if url else {}),
        "license": [
            "unknown" if licence.rank == "unknown" else licence.text for licence in binding(found)
        ],
        "keywords": card.tags(manifest),
        "inLanguage": card.languages(manifest),
        "distribution": [*_shards(built), *_sets(manifest)],
        "recordSet": [
            _records(built.folder, split, held["files"][0]["path"], manifest)
            for split, held in manifest["splits"].items()
        ],
        **{f"rai:{name}": value for name, value in _responsible(manifest) if value},
    }
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def _shards(built: Built) -> Iterator[Json]:
    for split in built.manifest["splits"].values():
        for file in split["files"]:
            with (built.folder / file["path"]).open("rb") as content:
                sha256 = hashlib.file_digest(content, "sha256").hexdigest()
            yield {
                "@type": "cr:FileObject",
                "@id": file["path"],
                "name": Path(file["path"]).name,
                "contentUrl": file["path"],
                "contentSize": f"{file['bytes']} B",
                "encodingFormat": PARQUET,
                "sha256": sha256,
            }


def _sets(manifest: card.Manifest) -> Iterator[Json]:
    for split in manifest["splits"]:
        yield {
            "@type": "cr:FileSet",
            "@id": f"files-{split}",
            "name": f"files-{split}",
            "description": f"The files of the split {split}.",
            "encodingFormat": PARQUET,
            "includes": f"data/{split}-*.parquet",
        }


def _records(folder: Path, split: str, file: str, manifest: card.Manifest) -> Json:
    """The rows of a split, by the columns of its first file: all its files have the same."""
    said = described(manifest["kind"])
    fields = [
        _field(split, (column.name,), column.type, said.get(column.name, ""))
        for column in pq.read_schema(folder / file)
    ]
    return {
        "@type": "cr:RecordSet",
        "@id": split,
        "name": split,
        "description": f"{manifest['splits'][split]['rows']:,} rows.",
        "key": {"@id": f"{split}/id"},
        "field": fields,
    }


def _field(split: str, path: tuple[str, ...], kind: pa.DataType, said: str = "") -> Json:
    """A column, or a field inside one. What is inside lists has no path of its own: a transform is
    applied to each of their items."""
    place = "/".join((split, *(_iri(name) for name in path)))
    field: Json = {"@type": "cr:Field", "@id": place, "name": path[-1]}
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        field |= {"isArray": True, "arrayShape": "-1"}
        kind = kind.value_type
    said += " (objects as JSON text)" if isinstance(kind, pa.BaseExtensionType) else ""
    field |= {"description": said.strip()} if said else {}
    if pa.types.is_struct(kind):
        return field | {"subField": [_field(split, (*path, f.name), f.type) for f in kind.fields]}
    column, *inner = path
    source: Json = {"fileSet": {"@id": f"files-{split}"}, "extract": {"column": column}}
    if inner:
        source["transform"] = {"jsonPath": ".".join(inner)}
    return field | {"dataType": _type(kind), "source": source}


def _iri(name: str) -> str:
    """A name as part of an @id, which takes no white space, not even as %20."""
    return re.sub(r"[^\w.-]", lambda found: f"~{ord(found[0]):x}", name)


def _type(kind: pa.DataType) -> str:
    if pa.types.is_boolean(kind):
        return "sc:Boolean"
    if pa.types.is_integer(kind):
        return "sc:Integer"
    return "sc:Float" if pa.types.is_floating(kind) else "sc:Text"


def _responsible(manifest: card.Manifest) -> Iterator[tuple[str, Any]]:
    """The RAI fields that a build knows something of."""
    sources, stages = manifest["sources"], manifest["stages"]
    read = [source for source in sources if not source.get("asked")]
    made = [source for source in sources if source.get("asked")]
    yield "dataCollection", card.description(manifest)
    yield (
        "dataCollectionType",
        [
            *(["Others: records of datasets that exist, read as they are"] if read else []),
            *(["Others: text that language models generated or judged"] if made else []),
        ],
    )
    yield "dataCollectionRawData", "; ".join(map(_raw, sources))
    yield "dataCollectionMissingData", _missing(sources, stages)
    yield (
        "dataPreprocessingProtocol",
        [
            f"{name}: {rows:,} rows in, {kept:,} kept{'; ' if why else ''}{why}"
            for name, rows, _, kept, _, _, why in card.funnel(manifest)
        ],
    )
    yield "dataAnnotationProtocol", " ".join(_judged(made))
    yield "machineAnnotationTools", sorted({model for _, model in _judges(made)})
    yield "personalSensitiveInformation", [card.PERSONAL]
    yield "dataBiases", [*_biases(manifest)] or ["Not measured."]
    yield "dataLimitations", [*_limits(manifest), "What rows say was checked by the stages alone."]
    yield "dataUseCases", [f"Training: {card.KINDS[manifest['kind']][0]}"]


def _raw(source: Mapping[str, Any]) -> str:
    return f"{source['name']}: {origin(source, markdown=False)}"


def _missing(sources: Any, stages: Any) -> str:
    failed = sum(stage["failed"] for stage in stages)
    lost = [
        f"{rows:,} records of {source['name']} had a key {key} that rows have no place for"
        for source in sources
        for key, rows in source.get("not_carried", {}).items()
    ]
    return "; ".join([f"{failed:,} records failed and are in no split", *lost])


def _judges(made: Any) -> Iterator[tuple[str, str]]:
    """Sources, and the models that judged what they made."""
    for source in made:
        for model in source["asked"]:
            if card.JUDGES & set(model["as"]):
                yield source["name"], model["model"]


def _judged(made: Any) -> Iterator[str]:
    for source, model in _judges(made):
        yield f"{source}: answers were judged by the model {model}."


def _biases(manifest: card.Manifest) -> Iterator[str]:
    for audit in manifest.get("preferences") or []:
        told = [f"{what}: {said}" for what, said in audited.lines(audit) if what in BIASES]
        yield from [f"{audit['source']}: {'; '.join(told)}"] if told else []


def _limits(manifest: card.Manifest) -> Iterator[str]:
    checked = manifest["decontamination"]
    if not checked or not checked["suites"]:
        yield "Not decontaminated: rows may hold items of evals."
        return
    names = ", ".join(suite["name"] for suite in checked["suites"])
    yield f"Decontaminated against {names}, and against nothing else."
    if missing := checked.get("missing"):
        yield f"Asked for and not checked, for want of their items: {', '.join(missing)}."

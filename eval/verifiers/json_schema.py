"""JSON Schema verifier: the answer is JSON and valid under the schema (the ground truth).

The whole answer is JSON, or its last fenced block is; JSON is never searched for in prose. Schemas
are read with the `jsonschema` library; a `$ref` reaches no further than the schema itself, never to
the network. Validation runs in a helper process: a schema's patterns can backtrack for ever.
"""

import json
from functools import cache
from typing import Any

from eval.verifiers.blocks import json_value, strict_json
from eval.verifiers.child import Helpers
from eval.verifiers.verdict import MalformedGroundTruth, Verdict

SECONDS = 10.0


@cache
def _helpers() -> Helpers:
    return Helpers("eval.verifiers.json_schema:first_fault")


def first_fault(schema: str, document: str) -> str | None:
    """Runs in the helper: what is first wrong with `document`, None where nothing is."""
    import jsonschema
    import referencing

    told = json.loads(schema)
    judge = jsonschema.validators.validator_for(told, default=jsonschema.Draft202012Validator)
    faults = judge(told, registry=referencing.Registry()).iter_errors(strict_json(document))
    fault = next(iter(faults), None)
    return None if fault is None else f"{fault.json_path}: {fault.message}"[:300]


def check(ground_truth: str) -> None:
    import jsonschema

    try:
        schema = strict_json(ground_truth)
        judge = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
        judge.check_schema(schema)
    except (ValueError, jsonschema.SchemaError) as error:
        raise MalformedGroundTruth(f"not a JSON Schema: {str(error).splitlines()[0]}") from error


def verify(answer: str, ground_truth: str) -> Verdict:
    check(ground_truth)
    try:
        document = json_value(answer)
    except (ValueError, RecursionError) as error:
        return Verdict.of(False, f"not JSON: {error}")
    fault = _helpers().call(ground_truth, json.dumps(document), timeout=SECONDS)
    return Verdict.of(fault is None, fault or "valid")


def agree(a: str, b: str) -> bool:
    try:
        return bool(json_value(a) == json_value(b))
    except (ValueError, RecursionError):
        return False


def ground_truth(item: dict[str, Any]) -> str:
    schema = (item.get("meta") or {})["schema"]
    return schema if isinstance(schema, str) else json.dumps(schema)


def wrong(item: dict[str, Any], other: dict[str, Any] | None) -> list[str]:
    """Text that is no JSON; which JSON a schema refuses, only the schema knows."""
    return [f"Here it is: {item['answer']}"]

"""The base of everything a person may write in a mixture: frozen, and strict about its keys."""

import difflib
from typing import Any

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, model_validator
from pydantic_core import PydanticCustomError

from dataengine.registry import Registry
from dataengine.schema import described


class Config(BaseModel):
    """A frozen config that names the nearest known key when it meets one it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: Any, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        schema = handler(core_schema)
        described(cls, handler.resolve_ref_schema(schema))
        return schema

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, value: Any) -> Any:
        if isinstance(value, dict):
            fields = {field.alias or name: field for name, field in cls.model_fields.items()}
            for key in value:
                if key not in fields:
                    known = [name for name, field in fields.items() if not field.exclude]
                    raise unknown(str(key), known)
        return value


def or_true(value: Any) -> Any:
    """`true` is a model's defaults, `false` is nothing: a validator to run before the model's."""
    return {} if value is True else None if value is False else value


def unknown(
    key: str,
    known: list[str],
    what: str = "key",
    under: str | None = None,
    registry: Registry[Any] | None = None,
) -> PydanticCustomError:
    """An error about a name that is not known: the nearest known one, or all of them.

    The name stands as a key of the mixture itself, or is the value `under` a key. What is the name
    of a thing of another kind than the `registry`'s is told so.
    """
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(sorted(known))}"
    hint = (registry.elsewhere(key) if registry else None) or hint
    return PydanticCustomError(
        "unknown_name", f"unknown {what} {key!r}; {hint}", {"key": under or key}
    )

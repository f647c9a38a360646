"""Model configuration, `models:` in a mixture: backend, endpoint, price, rate limits."""

import os
from collections.abc import Mapping
from functools import cache
from hashlib import blake2b, file_digest
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from dataengine.budget import Price
from dataengine.config import Config
from dataengine.errors import UserError

PUBLIC_URL = "https://api.openai.com/v1"


class _Model(Config):
    model: str = Field(min_length=1, description="The model's name, as the endpoint knows it.")
    extra_body: dict[str, Any] = Field(
        default_factory=dict,
        description="More fields for every request, for example chat_template_kwargs.",
    )

    licence: str | None = Field(
        default=None,
        description="The licence or terms that its answers are under: what is made of them inherits"
        " it, and a build without it cannot be published.",
    )

    def identity(self) -> dict[str, Any]:
        """What decides the answers: the model and what every request says to it."""
        return {"model": self.model, "extra_body": self.extra_body}

    @property
    def known_as(self) -> str:
        """What rows and the ledger call the model."""
        return self.model

    @model_validator(mode="before")
    @classmethod
    def _no_secrets(cls, values: Any) -> Any:
        if isinstance(values, dict) and "api_key" in values:
            raise ValueError(
                "secrets do not belong in a mixture: put the key into an environment variable "
                "and name it with `api_key_env` (OPENAI_API_KEY is the default)"
            )
        return values


class _Endpoint(_Model):
    price: Price | None = Field(
        default=None, description="USD per million tokens; unknown if absent."
    )
    max_concurrency: int = Field(default=64, ge=1, le=4096, description="Most requests in flight.")
    rpm: int | None = Field(default=None, ge=1, description="Most requests in any 60 seconds.")
    tpm: int | None = Field(default=None, ge=1, description="Most tokens in any 60 seconds.")
    timeout: float = Field(
        default=600, gt=0, description="Seconds after which a request is given up."
    )


class OpenAIModel(_Endpoint):
    """Any endpoint that speaks the OpenAI chat completions protocol.

    Without `base_url` it is `OPENAI_BASE_URL`, or else OpenAI's own. The key is read from the
    environment variable `api_key_env` at the first request and is kept nowhere else.
    """

    backend: Literal["openai"] = "openai"
    base_url: str | None = None
    api_key_env: str = "OPENAI_API_KEY"

    @field_validator("base_url")
    @classmethod
    def _plain_url(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("base_url must be a URL such as http://localhost:8000/v1")
        if parts.username or parts.password or parts.query:
            raise ValueError("base_url must hold no name, password or query: secrets do not "
                             "belong in a mixture; use `api_key_env`")  # fmt: skip
        return url.rstrip("/")

    @property
    def url(self) -> str:
        """Where requests go."""
        return self.base_url or os.environ.get("OPENAI_BASE_URL", PUBLIC_URL).rstrip("/")

    def api_key(self) -> str:
        """The key from the environment; a server on this machine may do without one."""
        key = os.environ.get(self.api_key_env, "")
        if not key and self.url == PUBLIC_URL:
            raise UserError(
                f"model {self.model}: {self.api_key_env} is not set; export it, or set "
                "`base_url` (or OPENAI_BASE_URL) to a server of your own"
            )
        return key or "none"


class VllmModel(_Endpoint):
    """A model that `vllm serve` serves as our own child process, on a free port.

    `model` is a folder or a Hub name; `args` are the server's own options without their dashes,
    true for a bare flag: `{tensor-parallel-size: 2, enforce-eager: true}`. `env` is added to its
    environment. Its tokens have no price unless one is given, and a budget does not bind it.
    """

    backend: Literal["vllm"]
    base: Path = Field(default=Path(), exclude=True)
    """The folder that relative paths start from: the mixture file's own."""
    args: dict[str, str | int | float | bool] = Field(default_factory=dict)
    env: dict[str, str] = Field(default_factory=dict)
    startup: float = Field(default=900, gt=0, description="Seconds the server may take to come up.")
    max_concurrency: int = Field(default=256, ge=1, le=4096, description="Most requests in flight.")

    @property
    def where(self) -> str:
        """The folder with the checkpoint, or the name on the Hub."""
        folder = self.base / self.model
        return str(folder) if folder.is_dir() else self.model

    @property
    def known_as(self) -> str:
        return self.served_name

    @property
    def served_name(self) -> str:
        """The name to serve the model under: it tells two checkpoints in one folder apart.

        The name is part of every request and so of the ledger's key: answers of an older
        checkpoint are never taken for those of the present one.
        """
        return _content_name(self.where, str(self.args.get("revision", "")))

    def identity(self) -> dict[str, Any]:
        return super().identity() | {"model": self.served_name}


class ReplayModel(_Model):
    """Answers from a file of responses that `python -m dataengine.ledger export` wrote.

    No model is called: what the file (or the ledger) does not hold is a failed row.
    """

    backend: Literal["replay"]
    responses: str
    base: Path = Field(default=Path(), exclude=True)

    @property
    def file(self) -> Path:
        """The file of responses.

        Raises:
            UserError: there is none.
        """
        found = self.base / self.responses
        if not found.is_file():
            raise UserError(f"model {self.model}: responses: there is no file {found}")
        return found

    def identity(self) -> dict[str, Any]:
        with self.file.open("rb") as content:
            return super().identity() | {"responses": file_digest(content, "blake2b").hexdigest()}


ModelConfig = Annotated[OpenAIModel | VllmModel | ReplayModel, Field(discriminator="backend")]


def terms(models: Mapping[str, ModelConfig], names: Mapping[str, str]) -> dict[str, str]:
    """The licences of the models that are asked, by the key that names them, where stated."""
    stated = {key: models[name].licence for key, name in names.items()}
    return {key: licence for key, licence in stated.items() if licence}


class BudgetConfig(Config):
    """The `budget:` part of a mixture: a hard cap over every model and every run of a build."""

    usd: float = Field(ge=0, allow_inf_nan=False)


def check_budget(models: dict[str, ModelConfig], budget: BudgetConfig | None) -> None:
    """Refuse a cap that could not hold: every endpoint that bills needs its price.

    Raises ValueError, naming the model and what to write.
    """
    for name, model in models.items():
        if budget and isinstance(model, OpenAIModel) and model.price is None:
            raise ValueError(
                f"models.{name}: `budget` is a hard cap and needs this model's price: add "
                "`price: {input: ..., output: ...}` in USD per million tokens (0 if it is free)"
            )


@cache
def _content_name(where: str, revision: str) -> str:
    folder = Path(where)
    if not folder.is_dir():
        return f"{where}@{revision}" if revision else where
    total = blake2b(digest_size=8)
    for file in sorted(path for path in folder.iterdir() if path.is_file()):
        with file.open("rb") as content:
            total.update(file.name.encode() + file_digest(content, "blake2b").digest())
    return f"{folder.resolve().name}@{total.hexdigest()}"

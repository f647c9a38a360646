"""Training job: the options that are ours, TRL's arguments, the data, the tokenizer."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

from datasets import Dataset
from transformers import PreTrainedTokenizerBase
from trl import ModelConfig

from dataengine.errors import UserError
from train.data import Data
from train.mask import marked_template
from train.start import Start
from train.training_recipe import Recipe
from train.training_recipe import Stage as StageName


@dataclass
class Options:
    """Options that are ours, not TRL's."""

    data: str = field(metadata={"help": "a build directory, or a Hub dataset: owner/name@revision"})
    model: str = field(metadata={"help": "the model to start from: a folder or a Hub name"})
    recipe: str = field(metadata={"help": "a shipped recipe's name, or a YAML file"})
    out: str | None = field(
        default=None, metadata={"help": "where the model goes (default: runs/STAGE-RECIPE)"}
    )
    dry_run: bool = field(
        default=False, metadata={"help": "print the arguments, steps and tokens, and stop"}
    )
    resume: bool = field(default=False, metadata={"help": "go on from the last checkpoint"})
    allow_undeclared: bool = field(
        default=False,
        metadata={"help": "train although the data declares no decontamination; the card says so"},
    )
    suites: list[str] = field(
        default_factory=list,
        metadata={"help": "the eval suites that you are about to measure (default: all known)"},
    )


NOT_ARGUMENTS = frozenset(option.name for option in fields(Options))


@dataclass
class ChatOptions(Options):
    """TRL's arguments of its SFT trainer, for stages whose TRL configs have none."""

    chat_template_path: str | None = field(
        default=None,
        metadata={"help": "a .jinja file, or a model to take the chat template and its EOS from"},
    )
    eos_token: str | None = field(default=None, metadata={"help": "the token that ends a turn"})


@dataclass
class RolloutOptions(ChatOptions):
    """Options of rollouts beside TRL's arguments."""

    judge: str | None = field(
        default=None, metadata={"help": "a YAML file: the model that judges, and its budget"}
    )
    tools: list[str] = field(
        default_factory=list,
        metadata={"help": "functions that the policy may call, each as MODULE:FUNCTION"},
    )


@dataclass
class Job:
    """Everything that a stage needs to make its trainer."""

    options: Any
    """The stage's own: Options, or what it adds to them."""
    recipe: Recipe
    config: Any
    model: ModelConfig
    data: Data
    start: Start
    given: frozenset[str]
    """The arguments that the command line or the recipe names; the others are TRL's defaults."""
    tools: list[Callable[..., Any]] = field(default_factory=list)
    """What the policy may call in its rollouts."""

    @property
    def validation(self) -> Dataset | None:
        """The held-out rows, where the arguments ask for evaluation during training."""
        return self.data.validation if self.config.eval_strategy != "no" else None

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        return self.start.tokenizer

    @cached_property
    def marked_template(self) -> str | None:
        """The chat template with marks around the assistant's turns, where there is one."""
        return marked_template(self.tokenizer)

    @property
    def devices(self) -> int:
        return int(os.environ.get("WORLD_SIZE", "1"))

    @property
    def batch(self) -> int:
        """Rows per optimiser step over all devices."""
        per_step = self.config.per_device_train_batch_size * self.config.gradient_accumulation_steps
        return int(per_step * self.devices)

    def refuse_beyond_window(self, rows_beyond: Callable[[int], int]) -> None:
        """UserError where rows are longer than the model's window and nothing cuts them.

        Args:
            rows_beyond: how many rows are longer than so many tokens.
        """
        window = self.start.window
        if window is None or (self.config.max_length or window + 1) <= window:
            return
        beyond = rows_beyond(window)
        if beyond:
            raise UserError(
                f"{beyond} rows are longer than the model's window of {window} tokens, and "
                f"max_length is {self.config.max_length}; set --max_length {window}, or drop them "
                "with a length filter in the mixture"
            )

    def cut(self, tokens: int) -> int:
        """How many of a row's tokens `max_length` keeps."""
        return min(tokens, self.config.max_length or tokens)


@dataclass(frozen=True)
class Stage:
    """A stage of post-training: its rows, its checks, its trainer."""

    name: StageName
    kind: str
    configs: dict[str, type]
    """The TRL config class for each `trainer:` that a recipe of this stage may name."""
    check: Callable[[Job], dict[str, Any]]
    """Refuses with a UserError, or says what it found (for the dry run and the card)."""
    length: Callable[[Job, Mapping[str, Any]], int]
    """Tokens that a row costs at most."""
    trainer: Callable[[Job], Any]
    options: type[Options] = Options


def model_arguments(job: Job) -> Any:
    """TRL's config with how to load the model folded in, as TRL's own scripts do it."""
    config = job.config
    config.model_init_kwargs = {
        "revision": job.model.model_revision,
        "trust_remote_code": config.trust_remote_code,
        "attn_implementation": job.model.attn_implementation,
        "dtype": job.model.dtype,
        # accelerate places the model; "auto", the default of some trainers, would split it
        "device_map": None,
        **(config.model_init_kwargs or {}),
    }
    return config


def arguments(job: Job) -> dict[str, Any]:
    """TRL's arguments that the recipe or the command line set away from TRL's defaults."""
    own = {name: value for name, value in vars(job.options).items() if name not in NOT_ARGUMENTS}
    plain: dict[str, Any] = type(job.config)(output_dir="-", bf16=job.config.bf16).to_dict()
    return {
        name: value
        for name, value in {**job.config.to_dict(), **vars(job.model), **own}.items()
        if name in job.given | {"gradient_accumulation_steps"}
        and name != "output_dir"
        and value != plain.get(name)
    }

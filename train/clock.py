"""Training time in hours, over every resumption of a run."""

import time
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments


class Clock(TrainerCallback):
    """Writes `hours` since the run began into each log entry, so that checkpoints carry it."""

    def __init__(self) -> None:
        self.before = 0.0
        self.started = time.monotonic()

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self.before = max((entry.get("hours", 0.0) for entry in state.log_history), default=0.0)
        self.started = time.monotonic()

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if state.log_history:
            spent = (time.monotonic() - self.started) / 3600
            state.log_history[-1]["hours"] = self.before + spent

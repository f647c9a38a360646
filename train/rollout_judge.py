"""An LLM judge of rollouts: `judge` verdicts asked of a served model, through ledger and budget.

`--judge judge.yaml` names the model as a mixture does, and the most that may be spent:

```yaml
model: {backend: openai, model: gpt-5-mini, price: {input: 0.25, output: 2.0}}
budget: {usd: 20}
```

All of a batch's questions are asked at once; the verifier then finds their answers in the ledger.
"""

import atexit
import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from dataengine.config import Config
from dataengine.errors import UserError
from dataengine.models.model_config import BudgetConfig, ModelConfig, check_budget
from dataengine.models.models import Query
from dataengine.models.session import Session, session
from dataengine.models.wire import Failure
from eval.verifiers.judge import Messages, questions
from eval.verifiers.verdict import VerifierError
from personas.ask import Ask, Sampling

SAMPLING = Sampling(temperature=0, max_tokens=1024)


class Terms(Config):
    """The content of the file that `--judge` names."""

    model: ModelConfig
    budget: BudgetConfig | None = None


def read(path: str) -> Terms:
    """Read the file that `--judge` names. UserError, naming file and key, where it is none."""
    try:
        told = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        terms = Terms.model_validate(told)
        check_budget({"model": terms.model}, terms.budget)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UserError(f"--judge {path}: {where}: {first['msg']}") from None
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UserError(f"--judge {path}: {' '.join(str(error).split())}") from None
    return terms


class Judge:
    """Judge client for the verifier `judge`. Opened at the first question.

    Each process of a run has a ledger of its own, and its share of the budget.
    """

    def __init__(self, terms: Terms, folder: Path) -> None:
        self.terms, self.folder = terms, folder
        self._open: Session | None = None

    def ask_ahead(self, cases: Sequence[tuple[str, str]]) -> None:
        """Ask what judging these answers by their ground truths will take, all at once.

        Raises:
            BudgetReached, EndpointDown: training stops; what was paid for is in the ledger.
        """
        asked = []
        for answer, truth in cases:
            try:
                asked += questions(answer, truth)
            except VerifierError:
                continue  # a label that cannot be read is an error of its own row
        if asked:
            self._replies([(question.messages, question.schema) for question in asked])

    def __call__(self, messages: Messages, schema: type[BaseModel]) -> str:
        """The answer's text. VerifierError where the model gave none."""
        (outcome,) = self._replies([(messages, schema)])
        if isinstance(outcome, Failure):
            raise VerifierError(f"{outcome.kind}: {outcome.message}")
        return str(outcome.text)

    def _replies(self, asked: list[tuple[Messages, type[BaseModel]]]) -> list[Any]:
        queries = [
            Query(Ask(tuple(messages), SAMPLING, schema), tag=number)
            for number, (messages, schema) in enumerate(asked)
        ]
        replies = self._session().ask("judge", queries, "rlvr")
        return [reply.outcome for reply in replies]

    def _session(self) -> Session:
        if self._open is None:
            rank, devices = os.environ.get("RANK", "0"), int(os.environ.get("WORLD_SIZE", "1"))
            usd = self.terms.budget.usd / devices if self.terms.budget else None
            self.folder.mkdir(parents=True, exist_ok=True)
            stack = ExitStack()
            ledger = self.folder / f"ledger-{rank}.sqlite"
            self._open = stack.enter_context(session({"judge": self.terms.model}, ledger, usd))
            atexit.register(stack.close)
        return self._open

"""vLLM backend: a model in a folder or on the Hub, run in this process."""

from typing import Any

from lm_eval.models.vllm_causallms import VLLM
from vllm import SamplingParams

from dataengine.errors import UserError
from eval.tasks.answering import SLICE, InProcess
from eval.tasks.reply import Settings


class Engine(InProcess, VLLM):
    """The harness's vLLM model; its likelihoods as they are, its answers as replies."""

    together = SLICE

    def __init__(self, *, template: dict[str, Any], **given: Any) -> None:
        super().__init__(**given)
        self.template = template

    def complete(self, prompts: list[list[int]], settings: Settings) -> list[list[int]]:
        # A stop string may stand in the reasoning; where there may be some, `read` stops the text.
        sampling = SamplingParams(
            max_tokens=settings.max_tokens,
            temperature=settings.temperature,
            stop_token_ids=sorted(self.ends),
            stop=[] if settings.chat and self.thinks else list(settings.stop),
            **settings.sampling,
        )
        try:
            found = self._model_generate(prompts, generate=True, sampling_params=sampling)
        except Exception as error:  # vLLM tells the cause in its log
            raise UserError(
                f"vLLM has failed ({' '.join(str(error).split())[:200]}); its log above says why, "
                "and the same command goes on from the answers that are there"
            ) from None
        return [list(output.outputs[0].token_ids) for output in found]

    def end_tokens(self) -> Any:
        from transformers import GenerationConfig

        try:
            return GenerationConfig.from_pretrained(self.model_args["model"]).eos_token_id
        except OSError:  # there is none
            return None

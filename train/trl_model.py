"""Start model for TRL: a name to load, or an adapter on its base."""

from typing import Any

from peft import PeftModel
from trl import get_peft_config, get_quantization_config
from trl.trainer.utils import create_model_from_path

from dataengine.errors import UserError
from train.job import Job, model_arguments
from train.start import adapter_base


def shared_arguments(job: Job) -> dict[str, Any]:
    """What every trainer of TRL is given of a job."""
    return {
        "model": start_model(job),
        "args": model_arguments(job),
        "train_dataset": job.data.train,
        "eval_dataset": job.validation,
        "processing_class": job.tokenizer,
        "quantization_config": get_quantization_config(job.model),
        "peft_config": get_peft_config(job.model),
    }


def start_model(job: Job) -> str | PeftModel:
    """The model to hand to TRL. An adapter's training goes on; its reference is what it is now."""
    model = job.options.model
    if not job.start.adapter:
        return model
    if job.model.use_peft:
        raise UserError(
            f"--model {model}: is a LoRA adapter already, and the arguments ask for a new one; "
            "leave --use_peft out to train it on, or merge it first (python -m train.merge)"
        )
    options: dict[str, Any] = dict(model_arguments(job).model_init_kwargs)
    quantization = get_quantization_config(job.model)
    if quantization is not None:
        options["quantization_config"] = quantization
    base = create_model_from_path(str(adapter_base(model)), **options)
    return PeftModel.from_pretrained(base, model, is_trainable=True)

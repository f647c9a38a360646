"""SimPO's trainer (TRL's CPO) over pairs rendered as everywhere else.

TRL 1.16's own adds a BOS and a second EOS to what the chat template wrote.
"""

from typing import Any

from trl.data_utils import common_prefix_length
from trl.experimental.cpo import CPOTrainer

from train import render


class RenderedCPOTrainer(CPOTrainer):
    """CPOTrainer with the chat template's tokens, no more and no fewer."""

    def tokenize_row(self, feature: dict[str, str], model: Any = None) -> dict[str, list[int]]:
        """The token ids, masks and labels of a pair's rendered texts, cut at `max_length`."""
        tokenizer: Any = self.processing_class
        prompt = render.encode(tokenizer, feature["prompt"])
        sides = {
            side: render.encode(tokenizer, feature["prompt"] + feature[side])
            for side in ("chosen", "rejected")
        }
        shared = min(common_prefix_length(prompt, whole) for whole in sides.values())
        found = {"prompt_input_ids": prompt[:shared], "prompt_attention_mask": [1] * shared}
        for side, whole in sides.items():
            kept = whole[: self.max_length]
            found[f"{side}_input_ids"] = kept
            found[f"{side}_attention_mask"] = [1] * len(kept)
            found[f"{side}_labels"] = [-100] * min(shared, len(kept)) + kept[shared:]
        return found

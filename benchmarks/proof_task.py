"""The proof's world: words of letters, what is asked of them, and a base model that has read some.

Two tasks that a verifier can judge and a small model finds hard but possible: put the letters of a
word in order, and write them backwards. The base model is trained on plain text that does both in
passing, in other turns of phrase: it has the skill, and has never seen a conversation.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    GenerationConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

LETTERS = "abcdefghijklmnop"
TASKS = {"sort": "put in order", "reverse": "write backwards"}
PASSING = {"sort": "in order", "reverse": "backwards"}
LINKS = ("is", "gives", ":", "makes", "=", "->")
CHAT = {
    "hello": "hello , give me a word",
    "who are you ?": "a small model that knows letters",
    "what can you do ?": "i put letters in order , or write them backwards",
    "thanks": "you are welcome",
}
TEMPLATE = (
    "{%- for message in messages -%}"
    "{%- if message['role'] == 'assistant' -%}{{- '<|assistant|>' -}}"
    "{%- generation -%}{{- message['content'] + eos_token -}}{%- endgeneration -%}"
    "{%- else -%}{{- '<|' + message['role'] + '|>' + message['content'] -}}{%- endif -%}"
    "{%- endfor -%}{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}"
)
MARKS = ["<pad>", "<|end|>", "<|user|>", "<|assistant|>", "<|system|>"]


def answer(task: str, letters: str) -> str:
    return "".join(sorted(letters) if task == "sort" else reversed(letters))


@dataclass(frozen=True)
class Question:
    """A word and what to do with it."""

    task: str
    word: str

    @property
    def prompt(self) -> str:
        return f"{TASKS[self.task]} {' '.join(self.word)}"

    @property
    def answer(self) -> str:
        return " ".join(answer(self.task, self.word))


def word(rng: random.Random, shortest: int = 3) -> str:
    """Letters, which may repeat, from the shortest length to five."""
    return "".join(rng.choice(LETTERS) for _ in range(rng.randint(shortest, 5)))


def questions(rng: random.Random, count: int, taken: set[str]) -> list[Question]:
    """`count` questions of each task over words that are not in `taken`, which they join."""
    found: list[Question] = []
    for task in TASKS:
        while sum(q.task == task for q in found) < count:
            new = word(rng)
            if new not in taken:
                taken.add(new)
                found.append(Question(task, new))
    rng.shuffle(found)
    return found


def lines(rng: random.Random) -> Iterator[str]:
    """Endless plain text: a word, and two of: itself again, in order, backwards.

    Two, since what follows from the word teaches, and the word itself, which is chance, does not.
    Short words are among them: what they teach is learned first, and carries over.
    """
    while True:
        letters = word(rng, shortest=2)
        said = {phrase: answer(task, letters) for task, phrase in PASSING.items()}
        first, second = rng.sample(list(said), 2)
        if rng.random() < 0.15:
            said["again"], first = letters, "again"
        given = " ".join(letters)
        asked = f"{given} {first}" if rng.random() < 0.6 else f"{first} {given}"
        told = (f"{rng.choice(LINKS)} {' '.join(said[phrase])}" for phrase in (first, second))
        yield f"{asked} {next(told)} , {second} {next(told)} ."


def tokenizer(rng: random.Random) -> PreTrainedTokenizerFast:
    """A BPE tokenizer over the plain text, the prompts' words and the chat, with chat marks."""
    text = [line for line, _ in zip(lines(rng), range(5000), strict=False)]
    text += [*TASKS.values(), *CHAT, *CHAT.values()] * 50
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    bpe.decoder = decoders.Metaspace(prepend_scheme="always")
    bpe.train_from_iterator(
        text, trainers.BpeTrainer(vocab_size=512, special_tokens=MARKS, show_progress=False)
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        pad_token="<pad>",
        eos_token="<|end|>",
        chat_template=TEMPLATE,
        padding_side="left",
    )


def pretrain(folder: Path, steps: int, width: int, depth: int, seed: int = 0) -> dict[str, Any]:
    """Train a base model of `depth` layers of `width` on the plain text, and save it.

    Returns:
        {"parameters", "vocabulary", "tokens", "loss"}: what it is and where its training ended.
    """
    rng = random.Random(seed)
    words = tokenizer(rng)
    torch.manual_seed(seed)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(words),
            hidden_size=width,
            intermediate_size=3 * width,
            num_hidden_layers=depth,
            num_attention_heads=width // 32,
            num_key_value_heads=width // 32,
            max_position_embeddings=128,
            initializer_range=0.06,  # 0.02 is for wide models; this one would learn half as fast
            pad_token_id=words.pad_token_id,
            eos_token_id=words.eos_token_id,
            bos_token_id=None,
            tie_word_embeddings=True,
        )
    )
    rate, seen = 3e-3, 0
    optimiser = torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.98), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, steps, pct_start=0.1)
    for ids, labels in _batches(words, rng, steps, rows=64):
        seen += int((labels != UNTRAINED).sum())
        loss = model(input_ids=ids, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        optimiser.zero_grad()
    # sampling is from the whole distribution; transformers' default keeps the 50 likeliest tokens
    model.generation_config = GenerationConfig(
        do_sample=True,
        top_k=0,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
    )
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    return {
        "parameters": sum(p.numel() for p in model.parameters()),
        "vocabulary": len(words),
        "tokens": seen,
        "loss": round(loss.item(), 3),
    }


UNTRAINED = -100
"""The label that transformers' loss leaves out."""


def _batches(
    words: PreTrainedTokenizerFast, rng: random.Random, steps: int, rows: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """A line a row, as a conversation will be: what a line is about stands in no other."""
    text = lines(rng)
    for _ in range(steps):
        batch = [[*words.encode(next(text)), words.eos_token_id] for _ in range(rows)]
        longest = max(map(len, batch))
        ids = [line + [words.pad_token_id] * (longest - len(line)) for line in batch]
        labels = [line + [UNTRAINED] * (longest - len(line)) for line in batch]
        yield torch.tensor(ids), torch.tensor(labels)

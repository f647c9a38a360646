"""A tiny model, a stand-in server and tiny suites."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson
import pytest

SUITES = {
    "sums": (
        {"metric": "exact_match", "verifier": "exact", "max_tokens": 4, "template": "{prompt} ="},
        [{"id": f"s{k}", "prompt": f"{k} + {k}", "answer": str(2 * k)} for k in range(6)],
    ),
    "truths": (
        {"metric": "mc2", "chat": False},
        [
            {"id": "t0", "prompt": "Sky?", "choices": ["blue", "red"], "meta": {"n_correct": 1}},
            {"id": "t1", "prompt": "no choices"},
        ],
    ),
    "tries": (
        {
            "metric": "pass",
            "verifier": "exact",
            "samples": 3,
            "k": 2,
            "temperature": 1.0,
            "max_tokens": 4,
        },
        [{"id": "p0", "prompt": "1 + 1", "answer": "2"}],
    ),
}


@pytest.fixture
def suites(tmp_path: Path) -> Path:
    folder = tmp_path / "suites"
    folder.mkdir()
    for name, (score, items) in SUITES.items():
        (folder / f"{name}.jsonl").write_bytes(b"\n".join(map(orjson.dumps, items)))
        described = {"name": name, "local": f"{name}.jsonl", "score": score}
        (folder / f"{name}.yaml").write_text(json.dumps(described))
    return folder


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random two-layer Llama with a byte-level tokenizer and a chat template."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("lm_eval")
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("tiny")
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: at for at, token in enumerate(["<s>", "</s>", "<pad>", *letters])}
    raw = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )
    tokenizer.chat_template = (
        "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}\n{% endfor %}"
        "{% if add_generation_prompt %}<assistant>{% endif %}"
    )
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=64,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=2,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def eval_sum(text: str) -> str:
    words = text.split()
    return str(int(words[0]) + int(words[2]))


class Server(ThreadingHTTPServer):
    """Speaks the chat protocol: adds up what it is asked, and fails on one question for ever."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answerer)
        self.asked: list[dict[str, Any]] = []
        self.completions = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class Answerer(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self._send(200, {"data": [{"id": "adder"}]})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(asked)
        if self.path.endswith("/v1/completions") and not self.server.completions:
            self._send(404, {"detail": "Not Found"})
            return
        if self.path.endswith("/v1/completions"):
            text = asked["prompt"].splitlines()[-1]
            self._send(200, {"choices": [{"index": 0, "text": f" {eval_sum(text)}"}]})
            return
        text = asked["messages"][-1]["content"]
        if "response_format" in asked:
            verdict = {"rationale": "r", **self._judged(text, asked["response_format"])}
            message = {"role": "assistant", "content": json.dumps(verdict)}
            self._send(200, {"choices": [{"index": 0, "message": message}]})
            return
        words = text.split()
        if "tools" in asked:
            said = json.dumps({"a": int(words[0]), "b": int(words[2])})
            call = {"id": "c", "type": "function", "function": {"name": "add", "arguments": said}}
            message = {"role": "assistant", "content": None, "tool_calls": [call]}
            self._send(200, {"choices": [{"index": 0, "message": message}]})
            return
        if words[0] == "3":
            self._send(500, {"error": "always"})
            return
        content = None if words[0] == "4" else eval_sum(text)
        message = {"role": "assistant", "content": content}
        self._send(200, {"choices": [{"index": 0, "message": message}]})

    def _judged(self, text: str, form: dict[str, Any]) -> dict[str, Any]:
        """Prefers what is shown first, unless one answer says "best"; marks refusals high."""
        if form["json_schema"]["name"] == "Mark":
            return {"mark": 5 if "sorry" in text and "seeks harm" in text else 1}
        first, _, second = text.partition("[begin second")
        return {"better": "second" if "best" in second and "best" not in first else "first"}

    def _send(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()

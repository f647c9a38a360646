"""Rewards by a judge: asked once for each answer, through the ledger and within the budget."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from dataengine.errors import UserError

QUICK = (
    *("--per_device_train_batch_size", "4", "--gradient_accumulation_steps", "1"),
    *("--num_generations", "4", "--generation_batch_size", "4", "--max_completion_length", "8"),
    *("--gradient_checkpointing", "false", "--logging_steps", "1", "--disable_tqdm", "true"),
    *("--max_steps", "2", "--save_strategy", "no"),
)


@pytest.fixture
def server() -> Iterator[Any]:
    """A model that gives every answer full marks; `asked` holds what it was asked."""

    class Judge(BaseHTTPRequestHandler):
        def log_message(self, *args: Any) -> None:
            pass

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.asked.append(json.loads(body))
            said = json.dumps({"rationale": "fine", "mark": 5})
            message = {"role": "assistant", "content": said}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            usage = {"prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010}
            reply = {"id": "x", "object": "chat.completion", "created": 1, "model": "judge"}
            content = json.dumps({**reply, "choices": [choice], "usage": usage}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self) -> None:
            self.send_error(404)

    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Judge)
    server.asked = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


@pytest.fixture
def rlvr(tiny: Path, tmp_path: Path) -> Callable[..., Path]:
    from train.command import run
    from train.rlvr import STAGE

    def call(data: Path, judge: dict[str, Any], *more: str) -> Path:
        (tmp_path / "judge.yaml").write_text(json.dumps(judge))
        argv = ["--data", str(data), "--model", str(tiny), "--recipe", "tulu31_8b", *QUICK]
        argv += ["--judge", str(tmp_path / "judge.yaml"), "--out", str(tmp_path / "out")]
        return run(STAGE, [*argv, *more])

    return call


def row(number: int, verifier: str = "judge") -> dict[str, Any]:
    truth = json.dumps({"prompt": f"hello {number}", "rubric": "Is it kind?"})
    if verifier == "weighted":
        truth = json.dumps([{"verifier": "judge", "ground_truth": truth}])
    return {
        "id": f"{number:032x}",
        "prompt": [{"role": "user", "content": f"hello {number}"}],
        "ground_truth": truth,
        "verifier": verifier,
    }


def model(server: Any, **more: Any) -> dict[str, Any]:
    url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    return {"backend": "openai", "model": "judge", "base_url": url, **more}


@pytest.mark.parametrize("verifier", ["judge", "weighted"])
def test_every_answer_is_judged_once(rlvr, build, server, verifier):
    data = build("rlvr", rows=[row(n, verifier) for n in range(4)])
    out = rlvr(data, {"model": model(server)})
    history = json.loads((out / "trainer_state.json").read_text())["log_history"]
    rewards = [entry["reward"] for entry in history if "reward" in entry]
    assert rewards == [1.0, 1.0]
    asked = [json.dumps(request, sort_keys=True) for request in server.asked]
    assert 0 < len(asked) == len(set(asked)) <= 8
    assert (out / "judge" / "ledger-0.sqlite").is_file()


def test_a_budget_stops_the_run_in_one_line(rlvr, build, server):
    data = build("rlvr", rows=[row(n) for n in range(4)])
    price = {"input": 1000.0, "output": 1000.0}
    with pytest.raises(UserError, match=r"budget|USD"):
        rlvr(data, {"model": model(server, price=price), "budget": {"usd": 0.01}})


def test_a_bad_file_names_its_key(rlvr, build, server):
    data = build("rlvr", rows=[row(n) for n in range(4)])
    with pytest.raises(UserError, match=r"judge\.yaml: .*needs this model's price"):
        rlvr(data, {"model": model(server), "budget": {"usd": 1}})
    with pytest.raises(UserError, match=r"judge\.yaml: .*unknown key 'budgets'"):
        rlvr(data, {"model": model(server), "budgets": {}})

"""Against a real vLLM on this machine's CPU, serving a tiny model that this test builds."""

import os
import subprocess
import sys
import time
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import anyio
import httpx2
import orjson
import pytest
from pydantic import BaseModel

from dataengine.errors import UserError
from dataengine.ledger import Ledger
from dataengine.models.failure import EndpointDown
from dataengine.models.model_config import OpenAIModel, VllmModel
from dataengine.models.models import Models, Query
from dataengine.models.vllm import VllmServer, command
from dataengine.models.wire import Answer
from personas.ask import Ask, Sampling

ARGS = {
    "dtype": "float32",
    "enforce-eager": True,
    "max-model-len": 1024,
    "max-num-seqs": 32,
}
ENV = {
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "2",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_CPU_KVCACHE_SPACE": "1",
}


def _vllm_or_why_not() -> str:
    try:
        found = command()
    except UserError as missing:
        return f"needs a vLLM environment: {missing}"
    return "" if Path(found).exists() else f"needs a vLLM environment: there is no {found}"


why_not = _vllm_or_why_not()
with_vllm = pytest.mark.skipif(bool(why_not), reason=why_not)


class Verdict(BaseModel):
    good: bool
    marks: int


def question(i, **sampling):
    settings = {"temperature": 1.0, "max_tokens": 8, "seed": i} | sampling
    return Ask(({"role": "user", "content": f"Say {i}."},), Sampling(**settings))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    pytest.importorskip("torch", reason="builds a model with torch and transformers")
    pytest.importorskip("transformers", reason="builds a model with torch and transformers")
    spec = spec_from_file_location("tiny_model", Path(__file__).parent / "tiny_model.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.build(tmp_path_factory.mktemp("model") / "tiny")


def config(model, **more):
    return VllmModel(backend="vllm", model=str(model), args=ARGS, env=ENV, startup=300, **more)


async def ask_all(models, queries, name="local", each=None):
    replies = {}
    async with models.stream(name, queries, "vllm") as stream:
        async for reply in stream:
            replies[reply.query.tag] = reply.outcome
            if each:
                each(len(replies))
    return replies


@pytest.mark.vllm
@with_vllm
def test_the_protocol_a_death_and_the_end(tiny, tmp_path):
    """One server for all of it, since it takes most of a minute to come up."""
    configs = {
        "local": config(tiny),
        "several": config(tiny, extra_body={"n": 3, "logprobs": True, "top_logprobs": 2}),
    }

    async def main():
        with Ledger(tmp_path / "ledger.sqlite") as ledger:
            async with Models(configs, ledger, logs=tmp_path) as models:
                models.client("local"), models.client("several")
                (server,) = models.servers.values()
                cut = await ask_all(models, [Query(question(i), 0, i) for i in range(40)])
                assert len(cut) == 40
                kinds = {o.kind if not isinstance(o, Answer) else "answer" for o in cut.values()}
                assert kinds <= {"truncated", "answer", "empty"}
                assert server.starts == 1

                ends = {"stop": ("e", "a", "t"), "max_tokens": 60}
                whole = await ask_all(models, [Query(question(7, **ends), k, k) for k in range(4)])
                texts = [o.text for o in whole.values() if isinstance(o, Answer)]
                assert len(set(texts)) > 1, "samples have seeds of their own"

                alike = question(1, temperature=0.9, **ends)
                one = await ask_all(models, [Query(alike, 0, 0)])
                ledger.forget("1", [])
                two = await ask_all(models, [Query(alike, 0, 0)])
                assert not two[0].replayed if isinstance(two[0], Answer) else True
                assert getattr(one[0], "text", one[0]) == getattr(two[0], "text", two[0])

                schema = Ask(question(3).messages, Sampling(0.5, max_tokens=120, seed=3), Verdict)
                (shaped,) = (await ask_all(models, [Query(schema, 0, 0)])).values()
                assert isinstance(shaped, Answer), shaped
                assert isinstance(shaped.parsed, Verdict)

                await ask_all(models, [Query(question(4, **ends), 0, 0)], "several")
                (call,) = ledger.calls("CAST(request AS TEXT) LIKE '%top_logprobs%'")
                choices = orjson.loads(call["response"])["choices"]
                assert len(choices) == 3
                assert choices[0]["logprobs"]["content"][0]["top_logprobs"]

                def kill(count):
                    if count == 8 and server.starts == 1:
                        server.process.kill()

                asks = [Query(question(1000 + i, **ends), 0, i) for i in range(60)]
                through = await ask_all(models, asks, each=kill)
                assert len(through) == 60
                lost = {o.kind for o in through.values() if not isinstance(o, Answer)}
                assert lost <= {"truncated", "empty"}
                assert server.starts == 2
                again = await ask_all(models, asks)
                assert {k: v for k, v in again.items() if isinstance(v, Answer)} == {
                    k: v for k, v in through.items() if isinstance(v, Answer)
                }
                process = server.process
            assert process.poll() is not None
            assert not _in_group(process.pid)
        assert (tmp_path / "vllm-local.log").stat().st_size > 0

    anyio.run(main)


def _in_group(group):
    listed = subprocess.run(
        ["ps", "-eo", "pgid=,stat="], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    return [line for line in listed if line.split()[0] == str(group) and "Z" not in line]


@pytest.mark.vllm
@with_vllm
def test_transformers_serve_is_an_endpoint_like_any_other(tiny, tmp_path):
    """It comes up without `/v1/models` offline, which nobody here asks for."""
    serve = Path(command()).with_name("transformers")
    if not serve.exists():
        pytest.skip(f"needs `transformers serve` beside vLLM: there is no {serve}")
    port = VllmServer(config(tiny), tmp_path / "unused.log").port
    arguments = [serve, "serve", str(tiny), "--host", "127.0.0.1", "--port", str(port)]
    with (tmp_path / "serve.log").open("wb") as log:
        process = subprocess.Popen(
            [*map(str, arguments), "--device", "cpu"],
            stdout=log, stderr=log, env=os.environ | {"HF_HUB_OFFLINE": "1"},
        )  # fmt: skip
    endpoint = OpenAIModel(
        model=str(tiny), base_url=f"http://127.0.0.1:{port}/v1", max_concurrency=2
    )

    async def main():
        with anyio.fail_after(240):
            async with httpx2.AsyncClient(trust_env=False) as http:
                while True:
                    assert process.poll() is None, (tmp_path / "serve.log").read_text()[-2000:]
                    try:
                        health = await http.get(f"http://127.0.0.1:{port}/health")
                        if health.status_code == 200:
                            break
                    except httpx2.HTTPError:
                        pass
                    await anyio.sleep(0.5)
        with Ledger(tmp_path / "ledger.sqlite") as ledger:
            async with Models({"local": endpoint}, ledger) as models:
                return await ask_all(models, [Query(question(i), 0, i) for i in range(4)])

    try:
        replies = anyio.run(main)
    finally:
        process.terminate()
        process.wait(30)
    assert len(replies) == 4
    kinds = {o.kind if not isinstance(o, Answer) else "answer" for o in replies.values()}
    assert kinds <= {"truncated", "answer", "empty"}


def test_a_server_that_cannot_start_says_so_with_the_end_of_its_log(tmp_path, monkeypatch):
    broken = tmp_path / "vllm"
    broken.write_text("#!/bin/sh\necho cannot allocate 80 GB >&2\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setenv("DATAENGINE_VLLM", str(broken))
    server = VllmServer(config(tmp_path / "no-model"), tmp_path / "vllm.log")

    async def main():
        with pytest.raises(EndpointDown, match=r"ended with code 3.*\n.*cannot allocate 80 GB"):
            await server.ready()

    anyio.run(main)


# A shebang takes no path with a blank: the shell starts Python, which reads the same lines as a text.
FAKE = """#!/bin/sh
'''exec' "{python}" "$0" "$@"
' '''
import http.server, os, sys, time
port = int(sys.argv[sys.argv.index("--port") + 1])
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(404 if self.path == "/health" else 500)
        self.end_headers()
    def log_message(self, *said): pass
open({pids!r}, "a").write(f"{{os.getpid()}}\\n")
print(sys.argv, {secret!r} in os.environ, flush=True)
http.server.HTTPServer(("127.0.0.1", port), Answer).serve_forever()
"""


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """A `vllm` that answers 404 and 500 to every probe."""
    pids = tmp_path / "pids"
    file = tmp_path / "vllm"
    file.write_text(FAKE.format(python=sys.executable, pids=str(pids), secret="OPENAI_API_KEY"))
    file.chmod(0o755)
    monkeypatch.setenv("DATAENGINE_VLLM", str(file))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-123456")
    return pids


def test_a_server_without_health_and_models_is_up_once_it_answers(fake, tmp_path):
    server = VllmServer(config(tmp_path / "model"), tmp_path / "vllm.log")

    async def main():
        await server.ready()
        first = server.process.pid
        os.kill(first, 9)
        server.process.wait()
        await server.ready()
        assert server.process.pid != first
        assert await server.ready() == server.url
        assert server.starts == 2
        await server.close()
        assert not server.alive
        with pytest.raises(EndpointDown, match="has been ended"):
            await server.ready()

    anyio.run(main)
    said = (tmp_path / "vllm.log").read_text()
    assert "'--enforce-eager'" in said
    assert "'--max-num-seqs', '32'" in said
    assert "False" in said
    assert "sk-test" not in said


def test_the_server_ends_when_we_are_killed(fake, tmp_path):
    script = tmp_path / "ours.py"
    script.write_text(
        "import anyio, os, pathlib\n"
        "from dataengine.models.model_config import VllmModel\n"
        "from dataengine.models.vllm import VllmServer\n"
        "async def main():\n"
        "    server = VllmServer(VllmModel(backend='vllm', model='m'), pathlib.Path('x.log'))\n"
        "    await server.ready()\n"
        "    os.kill(os.getpid(), 9)\n"
        "anyio.run(main)\n"
    )
    done = subprocess.run([sys.executable, script], cwd=tmp_path, check=False)
    assert done.returncode == -9
    pid = int(fake.read_text().split()[-1])
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        if Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
            return
        time.sleep(0.05)
    raise AssertionError("the server outlived us")


def test_a_checkpoint_is_served_under_a_name_that_tells_its_content(tmp_path):
    folder = tmp_path / "sft"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"one")
    first = VllmModel(backend="vllm", model="sft", base=tmp_path)
    assert first.where == str(folder)
    assert first.served_name.startswith("sft@")
    other = tmp_path / "later"
    other.mkdir()
    (other / "model.safetensors").write_bytes(b"two")
    second = VllmModel(backend="vllm", model=str(other))
    assert first.served_name.split("@")[1] != second.served_name.split("@")[1]
    hub = VllmModel(backend="vllm", model="Qwen/Qwen3-8B", args={"revision": "abc"})
    assert hub.served_name == "Qwen/Qwen3-8B@abc"

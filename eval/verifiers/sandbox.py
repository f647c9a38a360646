"""Sandbox for generated Python (bubblewrap): one for the program and one that judges it.

Inside there is no network, no host file but the interpreter and the system's shared libraries
(read only), no environment, no /proc, and nothing to write to but two small tmpfs. A seccomp filter
(seccomp.py) allows what an interpreter needs and no new process; threads are allowed: memory
bounds them. Memory, CPU seconds and file size are rlimits, set by the program that runs inside
(sandboxed.py) before it sees a candidate; wall clock and output are watched from here.

`bwrap` is bubblewrap. `podman` and `docker` run a container from an image that holds Python 3.11 or
newer, without network and capabilities, read only; they take longer to start. `none` runs both
programs unprotected.
"""

import contextlib
import os
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Literal

from eval.verifiers import seccomp
from eval.verifiers.verdict import Unavailable

Kind = Literal["bwrap", "podman", "docker", "none"]
IMAGE = "DATAENGINE_SANDBOX_IMAGE"
_IMAGE = "docker.io/library/python:3.13-slim"
_ENVIRONMENT = {"PYTHONHASHSEED": "0", "LANG": "C.UTF-8", "HOME": "/tmp", "TMPDIR": "/tmp"}
_UNDER_WAY = 1 << 20


@dataclass(frozen=True)
class Limits:
    """What one program may use. Wall clock is longer than CPU time: the machine may be busy."""

    wall_seconds: float = 20.0
    cpu_seconds: int = 10
    memory_bytes: int = 512 << 20
    output_bytes: int = 256 << 10
    disk_bytes: int = 16 << 20


DEFAULT = Limits()


@dataclass(frozen=True)
class Outcome:
    """What the judge reported, what the candidate wrote, and why they were stopped, if they were.

    `exit_code` is the candidate's, None where it still ran when the judge was done.
    """

    reports: str
    printed: str
    stopped: str | None
    exit_code: int | None


def ready(kind: Kind) -> None:
    """Raise Unavailable, naming what to install, where this sandbox is not to be had."""
    if kind == "bwrap":
        _bwrap(DEFAULT.disk_bytes)
        seccomp.program()
    elif kind in ("podman", "docker"):
        _container(kind, DEFAULT)


def run(candidate: bytes, judge: bytes, kind: Kind, limits: Limits) -> Outcome:
    """Run two jobs of sandboxed.py, each in a sandbox of its own, and carry what they say to each
    other. Unavailable where there is no sandbox."""
    flags = ["-SsBP", "-X", "utf8", "-c", _program()]
    jobs = (candidate, judge)
    if kind == "none":
        return _watch([[_interpreter(), *flags]] * 2, jobs, limits, ())
    if kind in ("podman", "docker"):
        return _watch([[*_container(kind, limits), "python3", *flags]] * 2, jobs, limits, ())
    if kind != "bwrap":
        raise ValueError(f"sandbox is 'bwrap', 'podman', 'docker' or 'none', not {kind!r}")
    # Files, not pipes: bwrap reads its filter to the end.
    filters = [os.memfd_create("seccomp"), os.memfd_create("seccomp")]
    try:
        for fd in filters:
            os.write(fd, seccomp.program())
            os.lseek(fd, 0, os.SEEK_SET)
        bwrap = _bwrap(limits.disk_bytes)
        commands = [[*bwrap, "--seccomp", str(fd), _interpreter(), *flags] for fd in filters]
        return _watch(commands, jobs, limits, filters)
    finally:
        for fd in filters:
            os.close(fd)


def _watch(
    commands: Sequence[Sequence[str]],
    jobs: tuple[bytes, bytes],
    limits: Limits,
    fds: Sequence[int],
) -> Outcome:
    processes = [
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_ENVIRONMENT | _of_container(),
            cwd="/",
            pass_fds=tuple(fds[place : place + 1]),
            start_new_session=True,
        )
        for place, command in enumerate(commands)
    ]
    exchange = _Exchange(processes, jobs, limits)
    try:
        stopped = exchange.run()
        exit_code = exchange.ended(0)
    finally:
        for process in processes:
            _kill(process)
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe:
                    pipe.close()
    printed, reports = (text.decode("utf-8", "replace") for text in exchange.told)
    return Outcome(reports, printed, stopped, exit_code)


class _Exchange:
    """Carries the standard output of each of two processes to the standard input of the other,
    behind its job, and gathers what they write to standard error."""

    def __init__(
        self,
        processes: "Sequence[subprocess.Popen[bytes]]",
        jobs: tuple[bytes, bytes],
        limits: Limits,
    ):
        self.processes, self.limits = processes, limits
        self.told = (bytearray(), bytearray())
        self._waiting = [bytearray(job + b"\n") for job in jobs]
        self._silent = [False, False]
        self._ready = selectors.DefaultSelector()

    def run(self) -> str | None:
        """Until the judge ends, or one of them oversteps a limit; why, then."""
        deadline = time.monotonic() + self.limits.wall_seconds
        with self._ready:
            for place, process in enumerate(self.processes):
                self._listen(process.stderr, ("told", place))
                self._listen(process.stdout, ("said", place))
                self._listen(process.stdin, ("asked", place))
            while True:
                events = self._ready.select(max(0.0, deadline - time.monotonic()))
                if time.monotonic() >= deadline:
                    return f"ran past {self.limits.wall_seconds:g} s"
                for key, _ in events:
                    what, place = key.data
                    if what == "told" and self._gathered(key.fd, place):
                        return self._over(place)
                    if what == "said":
                        self._carry(key.fd, place)
                    elif what == "asked":
                        self._hand_over(key.fd, place)

    def ended(self, place: int) -> int | None:
        """The exit code of a process that has closed its output, as it does when it ends."""
        process = self.processes[place]
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1.0 if self._silent[place] else 0.0)
        return process.poll()

    def _over(self, place: int) -> str | None:
        over = len(self.told[place]) > self.limits.output_bytes
        return f"wrote more than {self.limits.output_bytes} bytes" if over else None

    def _gathered(self, fd: int, place: int) -> bool:
        """Whether what a process wrote to standard error is the end of it all."""
        chunk = os.read(fd, 65536)
        self.told[place].extend(chunk)
        if not chunk:
            self._forget(fd)
            return place == 1
        return len(self.told[place]) > self.limits.output_bytes

    def _carry(self, fd: int, place: int) -> None:
        other = 1 - place
        chunk = os.read(fd, 65536)
        self._waiting[other].extend(chunk)
        self._silent[place] |= not chunk
        if not chunk or len(self._waiting[other]) > _UNDER_WAY:
            self._forget(fd)
        self._listen(self.processes[other].stdin, ("asked", other))

    def _hand_over(self, fd: int, place: int) -> None:
        waiting, speaker = self._waiting[place], 1 - place
        try:
            del waiting[: os.write(fd, waiting[:65536])]
        except BlockingIOError:
            return
        except OSError:
            waiting.clear()
        if waiting:
            return
        self._forget(fd)
        pipe = self.processes[place].stdin
        if self._silent[speaker] and pipe:
            pipe.close()
        elif not self._silent[speaker]:
            self._listen(self.processes[speaker].stdout, ("said", speaker))

    def _listen(self, pipe: IO[bytes] | None, about: tuple[str, int]) -> None:
        if pipe is None or pipe.closed or pipe.fileno() in self._ready.get_map():
            return
        os.set_blocking(pipe.fileno(), False)
        event = selectors.EVENT_WRITE if about[0] == "asked" else selectors.EVENT_READ
        self._ready.register(pipe.fileno(), event, about)

    def _forget(self, fd: int) -> None:
        if fd in self._ready.get_map():
            self._ready.unregister(fd)


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """End what still runs: what bwrap runs first, so that bwrap can reap it and end by itself."""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        tree = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        for child in tree.read_text("ascii").split():
            os.kill(int(child), signal.SIGKILL)
            process.wait(1)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@cache
def _program() -> str:
    """The two files that run inside, as one text that needs no file."""
    link, roles = (
        Path(__file__).with_name(name).read_text("utf-8")
        for name in ("sandbox_link.py", "sandboxed.py")
    )
    name = "eval.verifiers.sandbox_link"
    return (
        "import sys, types\n"
        f"for _name in ('eval', 'eval.verifiers', {name!r}):\n"
        "    sys.modules[_name] = types.ModuleType(_name)\n"
        f"exec({link!r}, vars(sys.modules[{name!r}]))\n{roles}"
    )


@cache
def _interpreter() -> str:
    return os.path.realpath(getattr(sys, "_base_executable", sys.executable))


@cache
def _bwrap(disk_bytes: int) -> tuple[str, ...]:
    found = shutil.which("bwrap")
    if found is None:
        raise Unavailable(
            "bubblewrap (bwrap) is not installed, and programs are not run without a sandbox: "
            "install it (Debian, Ubuntu: apt install bubblewrap), or write out `sandbox: podman`, "
            "`sandbox: docker`, or `sandbox: none` to run them unprotected"
        )
    # Without a reaper of its own (as-pid-1) bwrap waits for the program itself, and leaves no
    # zombie behind for an init that a container may not have.
    command = [found, "--unshare-all", "--as-pid-1", "--die-with-parent", "--new-session"]
    command += ["--clearenv"]
    command += ["--uid", "65534", "--gid", "65534", "--hostname", "sandbox", "--cap-drop", "ALL"]
    for name, value in _ENVIRONMENT.items():
        command += ["--setenv", name, value]
    for path in _runtime():
        if path.is_symlink() and len(path.parts) == 2:  # /lib -> usr/lib
            command += ["--symlink", str(path.readlink()), str(path)]
        elif path.exists():
            command += ["--ro-bind", str(path), str(path)]
    command += ["--dev", "/dev", "--size", str(disk_bytes), "--tmpfs", "/dev/shm"]
    command += ["--size", str(disk_bytes), "--tmpfs", "/tmp", "--chdir", "/tmp"]
    return (*command, "--remount-ro", "/dev", "--remount-ro", "/")


def _runtime() -> list[Path]:
    """What the interpreter needs: itself, its standard library, the system's shared libraries."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    system = [Path(p) for p in ("/usr/lib", "/usr/lib64", "/lib", "/lib64", "/etc/ld.so.cache")]
    own = [Path(_interpreter())]
    library = Path(sys.base_prefix) / "lib"
    if not library.is_relative_to("/usr/lib"):
        own += [library / version, *library.glob("libpython*")]
    return system + own


@cache
def _container(kind: str, limits: Limits) -> tuple[str, ...]:
    """The command of a container that runs what follows with its input and output ours."""
    found = shutil.which(kind)
    if found is None:
        raise Unavailable(f"{kind} is not installed (Debian, Ubuntu: apt install {kind}"
                          f"{'.io' if kind == 'docker' else ''})")  # fmt: skip
    command = [found, "run", "--rm", "--interactive", "--network", "none", "--read-only"]
    command += ["--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--user", "65534:65534"]
    command += ["--pids-limit", "64", "--memory", str(2 * limits.memory_bytes), "--workdir", "/tmp"]
    command += ["--tmpfs", f"/tmp:rw,size={limits.disk_bytes},mode=1777"]
    for name, value in _ENVIRONMENT.items():
        command += ["--env", f"{name}={value}"]
    image = os.environ.get(IMAGE, _IMAGE)
    known = subprocess.run([found, "image", "inspect", image], capture_output=True, check=False)
    if known.returncode:
        said = known.stderr.decode("utf-8", "replace").strip().splitlines()
        raise Unavailable(
            f"{kind} has no image {image} ({said[-1] if said else 'no reason given'}): "
            f"`{kind} pull {image}`, or name another one with Python in {IMAGE}"
        )
    return (*command, image)


def _of_container() -> dict[str, str]:
    """What a container's client needs of our environment; nothing of it reaches the container."""
    names = ("PATH", "DOCKER_HOST", "XDG_RUNTIME_DIR")
    return {name: os.environ[name] for name in names if name in os.environ}

"""What every test may use, and what becomes of tests whose tool is not on this machine."""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from dataengine.kernels.cache import cache_folder

# A busy machine is no fault of what is tested.
hypothesis.settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("untimed")

# Read when `datasets` is imported: tests leave nothing in a person's cache, and find nothing there.
os.environ["HF_DATASETS_CACHE"] = tempfile.mkdtemp(prefix="datasets-cache-")
# Nor indexes of their suites; kernels, which take long to compile, are the person's own.
os.environ.setdefault("NUMBA_CACHE_DIR", str(cache_folder() / "kernels"))
os.environ["DECONTAM_CACHE"] = tempfile.mkdtemp(prefix="decontam-cache-")


def _bubblewrap() -> str | None:
    """Why programs cannot be run in bubblewrap here, or None where they can."""
    if not shutil.which("bwrap"):
        return "needs bubblewrap (Debian package bubblewrap)"
    try_it = ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"]
    if subprocess.run(try_it, capture_output=True, check=False).returncode:
        return "needs leave to make namespaces, which bubblewrap has not got here"
    return None


TOOLS = {"bwrap": _bubblewrap}
"""Markers of tests that need a tool which pip does not bring, and what tells that it is missing."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for marker, missing in TOOLS.items():
        marked = [item for item in items if item.get_closest_marker(marker)]
        reason = missing() if marked else None
        for item in marked if reason else []:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    """The last line names what was not tested, and what is missing for it."""
    yield
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in skipped)
    if reasons:
        told = "; ".join(f"{count} {reason}" for reason, count in reasons.most_common())
        reporter.write_line(f"{sum(reasons.values())} tests skipped: {told}")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder `../shared` with real suites and training sets; tests skip without it."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip("needs the real data in ../shared, which is not on this machine")
    return folder


@pytest.fixture
def hub() -> Iterator[Any]:
    """An empty Hugging Face Hub on 127.0.0.1 that the real client talks to: see hub_server.py.

    `hub.put(name, files)` seeds a dataset; `hub.env` are the variables for a client, which must run
    in a process of its own because huggingface_hub reads HF_ENDPOINT when it is imported.
    """
    spec = importlib.util.spec_from_file_location(
        "hub_server", Path(__file__).parent / "hub_server.py"
    )
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["hub_server"] = module
    spec.loader.exec_module(module)
    server = module.Hub().start()
    yield server
    server.stop()

"""The environment with vLLM, where there is one, and an engine in it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

VARIABLE = "OPENMOLMO_VLLM_PYTHON"


@pytest.fixture(scope="session")
def vllm_python() -> Path:
    """The Python of an environment with vLLM and openmolmo (docs/how-to/serve-with-vllm.md says how to make one)."""
    named = os.environ.get(VARIABLE)
    if named is None:
        pytest.skip(f"no environment with vLLM: {VARIABLE} does not name its Python")
    assert Path(named).is_file(), f"{VARIABLE}={named} is no file"
    return Path(named)


@pytest.fixture
def engine(vllm_python: Path, tmp_path: Path) -> Callable[..., list[dict[str, Any]]]:
    """Answer requests by one engine, in a process that ends with it."""

    def run(model: Path | str, requests: list[dict[str, Any]], **options: Any) -> list[dict[str, Any]]:
        job = tmp_path / "job.json"
        job.write_text(json.dumps({"model": str(model), "requests": requests, "options": options}))
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        environment.pop("PYTHONPATH", None)
        done = subprocess.run(
            [vllm_python, Path(__file__).with_name("vllm_run.py"), job],
            env=environment,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        answers: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
        return answers

    return run

"""The benchmark of loading makes the same model in every layout and measures it."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
import torch

from openmolmo.model import load_model, save_model


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "load.py"
    spec = importlib.util.spec_from_file_location("benchmark_load", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(path.parent)  # as when it is run as a script
        spec.loader.exec_module(module)
    return module


def test_one_model_in_three_layouts(benchmark: ModuleType, tmp_path: Path) -> None:
    published, native, ours = (tmp_path / name for name in benchmark.LAYOUTS)
    stored = benchmark.make_published(published, 0.02)
    assert 0.5 * 0.02e9 < stored < 2.5 * 0.02e9
    benchmark.make_native(published, native)
    save_model(load_model(published), ours)
    models = [load_model(folder, torch.bfloat16) for folder in (published, native, ours)]
    for one, *others in zip(*(model.parameters() for model in models), strict=True):
        assert all(torch.equal(one, other) for other in others)
    row = benchmark.measure(published, torch.bfloat16)
    weights = sum(parameter.nbytes for parameter in models[0].parameters())
    assert row["weights_mb"] == round(weights / 1e6, 1) and row["peak_mb"] > 0 and row["ratio"] > 0

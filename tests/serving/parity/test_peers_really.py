"""Real peers, each in an environment of its own: mlx-vlm and vLLM beside the library, on small random models."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from openmolmo.inference.folders.export import export
from openmolmo.serving.parity.asked import drawn
from openmolmo.serving.parity.run import run
from openmolmo.serving.parity.verdict import Gate
from released_toys import published_folder

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
EXACT = Gate(min_agreement=1.0)


def needs(variable: str, packages: str) -> None:
    if not os.environ.get(variable):
        pytest.skip(f"no environment with {packages}: {variable} does not name its Python")


def test_mlx_vlm_gives_our_tokens_from_our_numbers(tmp_path: Path) -> None:
    needs("OPENMOLMO_MLX_PYTHON", "mlx-vlm")
    folder = published_folder(tmp_path / "m")
    export(folder, tmp_path / "mlx", layout="mlx", check=True)
    found = run(str(folder), f"mlx:{tmp_path / 'mlx'}?inputs=ours", drawn(2), EXACT, max_new_tokens=20)
    assert not found.misses and found.figures.same == found.figures.asked == 6
    assert str(found.about_b["version"]).startswith("mlx-vlm ")


def test_mlx_vlm_by_its_own_pictures_and_our_template(tmp_path: Path) -> None:
    """Its pixels are up to 0.01 off, and BOS comes behind a picture: so only what is text alone is equal."""
    needs("OPENMOLMO_MLX_PYTHON", "mlx-vlm")
    folder = published_folder(tmp_path / "m")
    export(folder, tmp_path / "mlx", layout="mlx")
    (tmp_path / "r.jsonl").write_text('{"text": "What is a star?"}\n{"text": "Count to three."}\n')
    from openmolmo.inference.request_file import read_requests

    asked = read_requests(tmp_path / "r.jsonl")
    text = run(str(folder), f"mlx:{tmp_path / 'mlx'}", asked, EXACT, max_new_tokens=20)
    assert not text.misses and text.figures.same == 2
    seen = run(str(folder), f"mlx:{tmp_path / 'mlx'}", drawn(1), Gate(), max_new_tokens=20)
    assert seen.figures.failures_b == 0


def test_vllm_with_the_plug_in_gives_our_tokens() -> None:
    """Of the bundled model: those of the released families have heads of 16, which vLLM's processors do not know."""
    needs("OPENMOLMO_VLLM_PYTHON", "vLLM and the plug-in")
    found = run("nano", "vllm:nano", drawn(2), EXACT)
    assert not found.misses and found.figures.same == found.figures.asked == 6 and found.figures.points_a


def test_another_type_is_near(tmp_path: Path) -> None:
    folder = published_folder(tmp_path / "m")
    found = run(str(folder), f"{folder}?dtype=bfloat16", drawn(2), Gate(), max_new_tokens=20)
    assert found.about_b["dtype"] == "bfloat16" and found.figures.unit == "tokens"
    firsts = [pair.first for pair in found.pairs if pair.first is not None]
    assert all(first.gap_a is not None and first.gap_a.value >= 0 for first in firsts)

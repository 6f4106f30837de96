"""Model folders: what is saved comes back, and what does not fit is named."""

from __future__ import annotations

import json
import resource
import signal
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_molmo import batch, config, logits, model, sample

from openmolmo.core.errors import CheckpointError, DiskFullError
from openmolmo.model import Molmo, load_model, save_model


@pytest.mark.parametrize("kind", ["qwen2", "olmo2", "olmoe"])
def test_round_trip(kind: str, tmp_path: Path) -> None:
    net = model(kind)
    save_model(net, tmp_path / "m")
    back = load_model(tmp_path / "m")
    assert not back.training
    assert torch.equal(logits(net, batch([[sample(1)]])), logits(back, batch([[sample(1)]])))
    assert back.config.to_dict().keys() == net.config.to_dict().keys()
    assert sorted(p.name for p in (tmp_path / "m").iterdir()) == ["config.json", "model.safetensors"]


def test_half_precision_on_disk_full_in_memory(tmp_path: Path) -> None:
    net = model()
    save_model(net, tmp_path, dtype=torch.float16)
    assert {t.dtype for t in load_file(tmp_path / "model.safetensors").values()} == {torch.float16}
    back = load_model(tmp_path)
    assert back.dtype == torch.float32
    for (name, ours), theirs in zip(net.named_parameters(), back.parameters(), strict=True):
        assert torch.equal(ours.half().float(), theirs), name
    assert load_model(tmp_path, dtype=torch.bfloat16).dtype == torch.bfloat16
    assert next(net.parameters()).dtype == torch.float32


def test_several_files_and_tied_tables(tmp_path: Path) -> None:
    tied = config()
    tied.text_config.tie_word_embeddings = True
    tied = type(tied)(**tied.to_dict())
    torch.manual_seed(0)
    net = Molmo(tied).eval()
    assert net.lm_head.weight is net.embedding.base.weight
    save_model(net, tmp_path, shard_bytes=30_000)
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    assert len(set(index["weight_map"].values())) > 1
    assert "lm_head.weight" not in index["weight_map"]
    back = load_model(tmp_path)
    assert back.lm_head.weight is back.embedding.base.weight
    assert torch.equal(logits(net, batch([[sample(1)]])), logits(back, batch([[sample(1)]])))
    (tmp_path / sorted(set(index["weight_map"].values()))[0]).unlink()
    with pytest.raises(CheckpointError, match="lacks 1 of"):
        load_model(tmp_path)


def test_the_librarys_own_saving_works_too(tmp_path: Path) -> None:
    net = model()
    net.save_pretrained(tmp_path)
    inputs = batch([[sample(1)]])
    assert torch.equal(logits(Molmo.from_pretrained(tmp_path), inputs), logits(net, inputs))
    assert torch.equal(logits(load_model(tmp_path), inputs), logits(net, inputs))


def _saved(folder: Path) -> dict[str, torch.Tensor]:
    save_model(model(), folder)
    return load_file(folder / "model.safetensors")


def test_missing_left_over_and_misshaped_weights_are_named(tmp_path: Path) -> None:
    state = _saved(tmp_path)
    head = state.pop("lm_head.weight")
    save_file(state, tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"lm_head.weight \[64, 32\] is missing"):
        load_model(tmp_path)
    save_file(state | {"lm_head.weight": head, "extra.weight": head[:2].clone()}, tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"extra.weight \[2, 32\] is left over"):
        load_model(tmp_path)
    save_file(state | {"lm_head.weight": head[:60].clone()}, tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"\[60, 32\] in the file, \[64, 32\] in the model"):
        load_model(tmp_path)


@pytest.mark.parametrize("keep", [0, 5, 200, 20_000])
def test_cut_weights_are_reported(keep: int, tmp_path: Path) -> None:
    _saved(tmp_path)
    path = tmp_path / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match=f"damaged or cut short .{keep} bytes"):
        load_model(tmp_path)


def test_folders_that_are_no_models(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no config\.json"):
        load_model(tmp_path / "absent")
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match="JSON"):
        load_model(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama"}))
    with pytest.raises(CheckpointError, match="'llama'; known here: 'openmolmo', 'molmo'"):
        load_model(tmp_path)
    save_model(model(), tmp_path / "m")
    (tmp_path / "m" / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match="has no weights"):
        load_model(tmp_path / "m")
    (tmp_path / "m" / "model.safetensors.index.json").write_text("[]")
    with pytest.raises(CheckpointError, match="not a weight index"):
        load_model(tmp_path / "m")


def test_a_failed_save_leaves_the_old_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = _saved(tmp_path)
    files = {p.name: p.read_bytes() for p in tmp_path.iterdir()}

    def fail(state: dict[str, torch.Tensor], path: Path, **rest: object) -> None:
        Path(path).write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr("openmolmo.model.checkpoint.save_file", fail)
    with pytest.raises(KeyboardInterrupt):
        save_model(model(seed=1), tmp_path)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == files
    assert before


def test_weights_that_may_not_be_so_large_are_told_of(tmp_path: Path) -> None:
    """As with ``ulimit -f``: the library hides the system's error in a text of its own."""
    net = model()
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(DiskFullError, match=r"largest size of a file .* is reached while writing"):
            save_model(net, tmp_path / "m")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert not list((tmp_path / "m").iterdir())


@pytest.mark.parametrize("sizes", [(10**9, 30_000), (30_000, 10**9), (30_000, 60_000)])
def test_weights_of_an_older_model_are_never_read(sizes: tuple[int, int], tmp_path: Path) -> None:
    torch.manual_seed(0)
    old, new = model(), model()
    with torch.no_grad():
        new.lm_head.weight.add_(1)
    (tmp_path / "notes.txt").write_text("kept")
    for net, size in zip((old, new), sizes, strict=True):
        save_model(net, tmp_path, shard_bytes=size)
    assert torch.equal(load_model(tmp_path).lm_head.weight, new.lm_head.weight)
    assert (tmp_path / "notes.txt").exists()


def test_two_sets_of_weights_are_refused(tmp_path: Path) -> None:
    save_model(model(), tmp_path / "one")
    save_model(model(), tmp_path, shard_bytes=30_000)
    (tmp_path / "one/model.safetensors").rename(tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"weights twice: model.safetensors, and the \d+ files"):
        load_model(tmp_path)

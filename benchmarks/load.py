"""Peak memory of loading a model, against the size of its weights in the target type, in a fresh process each.

    python benchmarks/load.py                                  # makes 2 GB, loads it six times; needs 5 GB of disk
    python benchmarks/load.py --out benchmarks/results/load.json

The checkpoint is made of random float32 weights in a temporary folder: in the published dense layout (shards and an
index), in the native layout (``config.yaml`` and ``model.pt``) and in this library's own. "Peak" is the highest
resident memory while loading, mapped files included, less what the process had before (libraries imported); "ratio"
is peak by weights. The aim is at most 1.15.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from openmolmo.core.files import write_json
from openmolmo.model.checkpoint import load_config, load_model, save_model
from openmolmo.model.materialize import empty_model
from openmolmo.model.released import load_released, read_config, released_rules, released_weights
from surroundings import memory, restart_peak, surroundings

AIM = 1.15
LAYOUTS = ("published", "native", "ours")
TYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
SHARD = 500_000_000  # bytes


def settings(gigabytes: float) -> dict[str, Any]:
    """A published ``config.json`` of the dense form with about so many gigabytes of float32 weights."""
    large = gigabytes >= 0.5
    width, inner, vocabulary = (1536, 4096, 50_048) if large else (128, 256, 1024)
    block = 3 * width * inner + 5 * width * width // 2
    blocks = round((gigabytes * 1e9 / 4 - 2 * vocabulary * width) / block)
    return {
        "model_type": "molmo",
        "attention_layer_norm": False,
        "clip_qkv": None,
        "embedding_size": vocabulary,
        "hidden_size": width,
        "intermediate_size": 2 * inner,  # both input branches of the MLP
        "layer_norm_eps": 1e-6,
        "layer_norm_type": "rms",
        "max_position_embeddings": 4096,
        "norm_after": False,
        "num_attention_heads": width // 64,
        "num_hidden_layers": max(1, blocks),
        "num_key_value_heads": width // 256,
        "qkv_bias": True,
        "rope_theta": 1e6,
        "vocab_size": vocabulary,
        "weight_tying": False,
        "vit_layers": [-2, -3],
        "vision_backbone": {
            "image_model_type": "openai",
            "image_default_input_size": [336, 336],
            "image_patch_size": 14,
            "image_emb_dim": 256,
            "image_num_heads": 4,
            "image_num_layers": 4,
            "image_head_dim": 64,
            "image_mlp_dim": 1024,
            "image_mlp_activations": "quick_gelu",
            "image_norm_eps": 1e-5,
        },
    }


def make_published(folder: Path, gigabytes: float) -> int:
    """Random weights in the published dense layout; returns their bytes."""
    folder.mkdir(parents=True)
    values = settings(gigabytes)
    write_json(folder / "config.json", values)
    empty = empty_model(read_config(values))
    ours = {name: torch.empty_like(parameter, device="meta") for name, parameter in empty.named_parameters()}
    random = torch.Generator().manual_seed(0)
    shard: dict[str, torch.Tensor] = {}
    where: dict[str, str] = {}
    total = size = 0
    rules = released_rules(empty.config)
    for place, rule in enumerate(rules):
        theirs = rule.change.to_theirs([ours[name] for name in rule.ours])
        for name, like in zip(rule.theirs, theirs, strict=True):
            shard[name] = torch.empty(like.shape).normal_(0.0, 0.02, generator=random)
            size += shard[name].nbytes
        if size > SHARD or place == len(rules) - 1:
            file = f"model-{len(set(where.values())) + 1:05d}.safetensors"
            save_file(shard, folder / file, metadata={"format": "pt"})
            where |= dict.fromkeys(shard, file)
            total, size, shard = total + size, 0, {}
    write_json(folder / "model.safetensors.index.json", {"metadata": {"total_size": total}, "weight_map": where})
    return total


def make_native(published: Path, folder: Path) -> None:
    """The same model in the native layout."""
    folder.mkdir()
    keys = {"hidden_size": "d_model", "num_hidden_layers": "n_layers", "num_attention_heads": "n_heads"}
    keys |= {"num_key_value_heads": "n_kv_heads", "intermediate_size": "mlp_hidden_size"}
    values = json.loads((published / "config.json").read_text())
    model = {keys.get(key, key): value for key, value in values.items()}
    model |= {"block_type": "sequential", "image_padding_embed": "pad_and_partial_pad"}
    (folder / "config.yaml").write_text(json.dumps({"model": model}))  # JSON is YAML
    torch.save(released_weights(load_released(published), layout="native"), folder / "model.pt")


def measure(folder: Path, dtype: torch.dtype) -> dict[str, Any]:
    """Load a folder in this process and say what it took."""
    empty_model(load_config(folder))  # the libraries' classes are imported now and not while we measure
    restart_peak()
    before, start = memory("VmRSS"), time.perf_counter()
    model = load_model(folder, dtype)
    took, peak = time.perf_counter() - start, memory("VmHWM") - before
    weights = sum(parameter.nbytes for parameter in model.parameters())
    return {
        "weights_mb": round(weights / 1e6, 1),
        "before_mb": round(before / 1e6, 1),
        "peak_mb": round(peak / 1e6, 1),
        "kept_mb": round((memory("VmRSS") - before) / 1e6, 1),
        "ratio": round(peak / weights, 3),
        "seconds": round(took, 2),
    }


def measure_apart(folder: Path, dtype: str) -> dict[str, Any]:
    """:func:`measure` in a fresh process."""
    command = [sys.executable, __file__, "--measure", str(folder), "--dtype", dtype]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return row


def main() -> None:
    """Make the checkpoints, measure each layout and type, print a table and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=2.0, help="size of the made checkpoint, in float32")
    parser.add_argument("--layouts", nargs="*", choices=LAYOUTS, default=list(LAYOUTS))
    parser.add_argument("--out", type=Path, help="write the figures as JSON here")
    parser.add_argument("--measure", type=Path, help="load this folder in this process, print JSON, and end")
    parser.add_argument("--dtype", choices=TYPES, default="float32", help="with --measure: the target type")
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure, TYPES[options.dtype])))
        return
    rows = []
    print(f"{'layout':12}{'type':10}{'weights MB':>11}{'peak MB':>10}{'ratio':>8}{'seconds':>9}")
    with tempfile.TemporaryDirectory(prefix="openmolmo-load-") as temporary:
        published = Path(temporary) / "published"
        stored = make_published(published, options.gigabytes)
        for layout in options.layouts:
            folder = Path(temporary) / layout
            if layout == "native":
                make_native(published, folder)
            elif layout == "ours":
                save_model(load_released(published), folder)
            for dtype in TYPES:
                row = {"layout": layout, "stored": "float32", "type": dtype, **measure_apart(folder, dtype)}
                rows.append(row)
                figures = f"{row['weights_mb']:>11.1f}{row['peak_mb']:>10.1f}{row['ratio']:>8.3f}{row['seconds']:>9.2f}"
                print(f"{layout:12}{dtype:10}{figures}", flush=True)
    print(f"aim: a ratio of at most {AIM}; checkpoint: {stored / 1e9:.2f} GB in float32")
    if options.out:
        about = {"benchmark": "load", **surroundings("torch"), "checkpoint_bytes": stored, "aim": AIM}
        write_json(options.out, {**about, "rows": rows})


if __name__ == "__main__":
    main()

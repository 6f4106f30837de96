"""Peak memory and time of the loss at a large vocabulary, forward and backward, in a fresh process each.

    python benchmarks/loss.py                                  # some minutes; needs 6 GB of memory
    python benchmarks/loss.py --out benchmarks/results/loss.json

Three ways from hidden states to the gradients of hidden states and head: *plain*, the library's cross-entropy and
logsumexp over the logits of all tokens; *supervised*, the same over those of the tokens with a weight (30 % of
them); *chunked*, what the model does. Weights and hidden states are there before the clock starts: "peak" is
the highest resident memory less what the process had before, the head's gradient included, which nobody can do without
("floor"). The ratio is that of chunked to plain; the aim is at most 1/4.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from openmolmo.core.files import write_json
from openmolmo.model.loss import LossSums, OutputHead, Target
from surroundings import memory, restart_peak, surroundings

AIM = 0.25
WAYS = ("plain", "supervised", "chunked")
VOCABULARY, TOKENS, SHARE, Z_LOSS = 152_064, 2048, 0.3, 1e-4


def sums(way: str, head: OutputHead, hidden: Tensor, labels: Tensor, weights: Tensor) -> LossSums:
    """The sums by one of :data:`WAYS`."""
    if way != "plain":
        rows = weights.nonzero().squeeze(1)
        hidden, labels, weights = hidden[rows], labels[rows], weights[rows]
    if way == "chunked":
        made: LossSums = head(hidden, Target(labels, weights, Z_LOSS))
        return made
    logits = head(hidden)
    ce = (F.cross_entropy(logits, labels, reduction="none") * weights).sum()
    return LossSums(ce, (logits.logsumexp(-1).square() * weights).sum(), weights.sum())


def measure(way: str, width: int, share: float) -> dict[str, Any]:
    """One forward and backward pass in this process, and what it took."""
    torch.manual_seed(0)
    head = OutputHead(width, VOCABULARY, bias=False)
    hidden = torch.randn(TOKENS, width, requires_grad=True)
    labels = torch.randint(0, VOCABULARY, (TOKENS,))
    weights = (torch.arange(TOKENS) % 10 < round(10 * share)).float()
    small = sums(way, OutputHead(width, 16, bias=False), hidden.detach(), labels % 16, weights)
    torch.autograd.backward(small.ce)  # loads code
    restart_peak()
    before, start, processor = memory("VmRSS"), time.perf_counter(), time.process_time()
    made = sums(way, head, hidden, labels, weights)
    loss = (made.ce + Z_LOSS * made.z) / made.weight
    torch.autograd.backward(loss)
    assert head.weight.grad is not None and hidden.grad is not None
    return {
        "peak_mb": round((memory("VmHWM") - before) / 1e6, 1),
        "floor_mb": round((head.weight.grad.nbytes + hidden.grad.nbytes) / 1e6, 1),
        "seconds": round(time.perf_counter() - start, 2),
        "processor_seconds": round(time.process_time() - processor, 2),
        "loss": loss.item(),
        "gradient": float(head.weight.grad.norm()),
    }


def measure_apart(way: str, width: int, share: float) -> dict[str, Any]:
    """:func:`measure` in a fresh process."""
    command = [sys.executable, __file__, "--measure", way, "--widths", str(width), "--share", str(share)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return row


def main() -> None:
    """Measure each way at each width, print a table and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--widths", type=int, nargs="*", default=[256, 1024], help="of the hidden states")
    parser.add_argument("--share", type=float, default=SHARE, help="of the tokens that have a weight")
    parser.add_argument("--out", type=Path, help="write the figures as JSON here")
    parser.add_argument("--measure", choices=WAYS, help="measure this way in this process, print JSON, and end")
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure, options.widths[0], options.share)))
        return
    print(f"{TOKENS} tokens, {options.share:.0%} with a weight, vocabulary {VOCABULARY}, float32")
    print(f"{'width':>6}  {'way':11}{'peak MB':>9}{'floor MB':>10}{'seconds':>9}{'processor s':>13}")
    rows = []
    for width in options.widths:
        found = {way: measure_apart(way, width, options.share) for way in WAYS}
        for way, row in found.items():
            assert abs(row["loss"] / found["plain"]["loss"] - 1) < 1e-5
            assert abs(row["gradient"] / found["plain"]["gradient"] - 1) < 1e-4
            figures = f"{row['seconds']:>9.2f}{row['processor_seconds']:>13.2f}"
            print(f"{width:>6}  {way:11}{row['peak_mb']:>9.1f}{row['floor_mb']:>10.1f}{figures}", flush=True)
        ratio = round(found["chunked"]["peak_mb"] / found["plain"]["peak_mb"], 3)
        print(f"{width:>6}  chunked is {ratio} of plain (aim: at most {AIM})", flush=True)
        rows.append({"width": width, **found, "ratio": ratio})
    if options.out:
        about = {"benchmark": "loss", **surroundings("torch"), "threads": torch.get_num_threads(), "aim": AIM}
        setting = {"vocabulary": VOCABULARY, "tokens": TOKENS, "share": options.share}
        write_json(options.out, {**about, **setting, "rows": rows})


if __name__ == "__main__":
    main()

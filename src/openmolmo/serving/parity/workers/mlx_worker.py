"""Replies of mlx-vlm, run by a Python that has it.

By its own pictures and template, or (a request with ``arrays``) from numbers that were made elsewhere.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["main"]

TOP = 20


def main() -> None:
    """Read the job, load the model, answer one after another."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print is no reply
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    started = time.perf_counter()
    mlx_vlm = importlib.import_module("mlx_vlm")
    model, processor = mlx_vlm.load(job["model"])
    said = {"version": f"mlx-vlm {mlx_vlm.__version__}", "load_seconds": time.perf_counter() - started}
    print(json.dumps({"ready": said}), file=out, flush=True)
    for request in job["requests"]:
        started = time.perf_counter()
        try:
            reply = answer(model, processor, request)
        except Exception as error:  # noqa: BLE001 - whatever a peer does wrong, its next reply may be right
            reply = {"error": f"{type(error).__name__}: {error}"}
        seconds = time.perf_counter() - started
        print(json.dumps({"place": request["place"], "seconds": seconds, **reply}), file=out, flush=True)


def answer(model: Any, processor: Any, request: dict[str, Any]) -> dict[str, Any]:
    """Ids, likeliest tokens of each step, text."""
    prompt, options = inputs(model, processor, request)
    ids: list[int] = []
    tops: list[list[tuple[int, float]]] = []
    text = ""
    finished = False
    for step in importlib.import_module("mlx_vlm").stream_generate(
        model, processor, prompt, max_tokens=request["max_new_tokens"], temperature=0.0, **options
    ):
        text += step.text
        finished = step.finish_reason == "stop"
        if step.token is not None and step.logprobs is not None and len(ids) < step.generation_tokens:
            ids.append(int(step.token))
            tops.append(likeliest(step.logprobs))
    return {"text": text, "ids": ids, "tops": tops, "finished": finished}


def inputs(model: Any, processor: Any, request: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The prompt, and what else the library is given."""
    mx = importlib.import_module("mlx.core")
    if "arrays" in request:
        with np.load(request["arrays"]) as stored:
            return "", {name: mx.array(stored[name]) for name in stored.files}
    if len(request["images"]) > 1:
        raise ValueError("mlx-vlm's Molmo makes a row of its own of every picture: one picture a question")
    roles = ("user", "assistant")
    messages = [
        {"role": roles[n % 2], "content": text} for n, text in enumerate([*request["history"], request["text"]])
    ]
    template = importlib.import_module("mlx_vlm.prompt_utils").apply_chat_template
    prompt = template(processor, model.config, messages, num_images=len(request["images"]))
    return prompt, {"image": request["images"]} if request["images"] else {}


def likeliest(logprobs: Any) -> list[tuple[int, float]]:
    """The TOP tokens with their natural log-probabilities."""
    values = np.asarray(logprobs, dtype=np.float32).reshape(-1)
    best = np.argsort(-values)[:TOP]
    return [(int(token), float(values[token])) for token in best]


if __name__ == "__main__":
    main()

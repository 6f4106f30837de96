"""Replies of vLLM, run by a Python that has it: several at once, so that they share batches as in a server."""

from __future__ import annotations

import base64
import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

__all__ = ["main"]

TOP = 20


def main() -> None:
    """Read the job, start the engine, answer."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print is no reply
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    started = time.perf_counter()
    vllm = importlib.import_module("vllm")
    given = job["options"]
    most = max([1, *(len(request["images"]) for request in job["requests"])])
    options: dict[str, Any] = {"dtype": given.get("dtype", "float32"), "enforce_eager": True, "seed": 0}
    for name in ("max_model_len", "tensor_parallel_size"):
        if name in given:
            options[name] = int(given[name])
    if given.get("trust_remote_code") == "yes":
        options["trust_remote_code"] = True
    engine = vllm.LLM(model=job["model"], limit_mm_per_prompt={"image": most}, **options)
    said = {"version": f"vllm {vllm.__version__}", "load_seconds": time.perf_counter() - started}
    print(json.dumps({"ready": said}), file=out, flush=True)
    size = int(given.get("at_once", 8))
    for first in range(0, len(job["requests"]), size):
        for reply in answer(engine, job["requests"][first : first + size]):
            print(json.dumps(reply), file=out, flush=True)


def answer(engine: Any, requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One reply a request; where together they are refused, each alone."""
    choosing = importlib.import_module("vllm").SamplingParams
    started = time.perf_counter()
    settings = [choosing(temperature=0.0, max_tokens=one["max_new_tokens"], logprobs=TOP) for one in requests]
    try:
        outputs = engine.chat([messages(one) for one in requests], settings, use_tqdm=False)
    except Exception as error:  # noqa: BLE001 - whatever a peer does wrong, its next reply may be right
        if len(requests) > 1:
            return [reply for one in requests for reply in answer(engine, [one])]
        return [{"place": requests[0]["place"], "error": f"{type(error).__name__}: {error}", "seconds": 0.0}]
    seconds = (time.perf_counter() - started) / len(requests)
    return [told(request, output.outputs[0], seconds) for request, output in zip(requests, outputs, strict=True)]


def told(request: dict[str, Any], said: Any, seconds: float) -> dict[str, Any]:
    """A reply as a line."""
    tops = [[(token, one.logprob) for token, one in step.items()] for step in said.logprobs or ()]
    return {
        "place": request["place"],
        "text": said.text,
        "ids": list(said.token_ids),
        "tops": tops,
        "finished": said.finish_reason == "stop",
        "seconds": seconds,
    }


def messages(request: dict[str, Any]) -> list[dict[str, Any]]:
    """The conversation with its pictures in the first message."""
    roles = ("user", "assistant")
    said: list[dict[str, Any]] = [
        {"role": roles[place % 2], "content": text} for place, text in enumerate([*request["history"], request["text"]])
    ]
    shown = [{"type": "image_url", "image_url": {"url": address(path)}} for path in request["images"]]
    if shown:
        said[0]["content"] = [*shown, {"type": "text", "text": said[0]["content"]}]
    return said


def address(path: str) -> str:
    """A picture in a ``data:`` address."""
    return f"data:image/png;base64,{base64.b64encode(Path(path).read_bytes()).decode('ascii')}"


if __name__ == "__main__":
    main()

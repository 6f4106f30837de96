"""Questions a second of a suite with nano, beside a loop that asks one question after the other.

    python benchmarks/evaluate.py
    python benchmarks/evaluate.py --count 128 --out benchmarks/results/evaluate.json --capability avx2

Drawn scenes become rows of two benchmarks: up to four short questions about each, as VQA v2.0 has five, and one count
(point, then count). The suite asks them together, in batches of 16 in which a picture is looked at once; the loop
calls ``predictor.ask`` for each. Both cut pictures alike and end replies at the same number of tokens. The suite's
time is that of asking: rows read, pictures cut in workers, answers on the disk. ``waiting`` is the share of it in
which the model did nothing. How many replies are the same is said: in batches numbers differ in their last digits,
and with them now and then a word.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from openmolmo.engine.synth.base import GENERATORS, make_example
from openmolmo.evaluation.suite.models.ours import OurModel
from openmolmo.evaluation.suite.questions import Places
from openmolmo.evaluation.suite.run import SuiteSetup, run_suite
from openmolmo.inference.load import load
from openmolmo.records.example import Counting, QuestionAnswer
from openmolmo.words.templates import wording
from surroundings import add_capability_option, hold_to, surroundings, write_figures

BATCH = 16
TOKENS = 96
QUESTIONS = 4
AIMS = {"times_the_loop": 3.0, "waiting": 0.1}


def write_sets(folder: Path, count: int) -> list[tuple[bytes, str, str]]:
    """Rows of VQA v2.0 and CountBenchQA about ``count`` scenes; (picture, question, style) of each, in their order."""
    short: list[dict[str, Any]] = []
    counts: list[dict[str, Any]] = []
    for index in range(count):
        example = make_example(GENERATORS.get("scenes"), 0, index, size=256, split="test")
        assert example.image is not None and example.image.data is not None
        picture = {"bytes": example.image.data, "path": f"{index}.png"}
        asked = [one for one in example.annotations if isinstance(one, QuestionAnswer) and one.style == "vqa2"]
        for one in asked[:QUESTIONS]:
            answers = [{"answer": text} for text in one.answers]
            row = {"image": picture, "image_id": index, "question_id": len(short), "question": one.question}
            short.append({**row, "answers": answers})
        for counting in [one for one in example.annotations if isinstance(one, Counting)][:1]:
            question = counting.question or wording("counting", label=counting.label)
            counts.append({"image": picture, "text": "", "question": question, "number": counting.count})
    for name, file, rows in (("vqa2", "validation", short), ("count_bench_qa", "test", counts)):
        (folder / name).mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist(rows), folder / name / f"{file}-00000-of-00001.parquet", row_group_size=32)
    return [
        (row["image"]["bytes"], row["question"], style)
        for style, rows in (("vqa2", short), ("point_count", counts))
        for row in rows
    ]


def measure(folder: Path, count: int) -> dict[str, Any]:
    """Figures of both ways."""
    asked = write_sets(folder / "sets", count)
    predictor = load("nano", batch_size=BATCH, max_new_tokens=TOKENS)
    crops = predictor.processor.crop.max_crops
    predictor.ask(asked[0][0], asked[0][1])  # warms up
    start, begun = time.perf_counter(), time.process_time()
    replies = [predictor.ask(picture, text, style=style).text for picture, text, style in asked]
    loop, loop_processor = time.perf_counter() - start, time.process_time() - begun
    setup = SuiteSetup(
        names="vqa2,count_bench_qa",
        out=folder / "suite",
        places=Places(data=folder / "sets"),
        shuffled=0,
        changes=[f"max_crops={crops}", f"max_new_tokens={TOKENS}"],
        cases=0,
    )
    begun = time.process_time()
    asking = run_suite(setup, model=OurModel(predictor, max_crops=crops)).asking
    processor = time.process_time() - begun
    assert asking.asked == len(asked) and not asking.trouble.unanswered
    said = [
        json.loads(line)["text"]
        for name in ("vqa2", "count_bench_qa")
        for line in (folder / "suite/predictions" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    return {
        "questions": len(asked),
        "loop_per_second": round(len(asked) / loop, 2),
        "suite_per_second": round(len(asked) / asking.seconds, 2),
        "times_the_loop": round(loop / asking.seconds, 2),
        "times_the_loop_by_processor_time": round(loop_processor / processor, 2),
        "waiting": round(asking.waiting, 3),
        "same_replies": round(sum(a == b for a, b in zip(said, replies, strict=True)) / len(asked), 3),
    }


def main() -> None:
    """Measure, print and write JSON where asked."""
    parser = argparse.ArgumentParser(description="Questions a second of a suite beside a plain loop.")
    parser.add_argument("--count", type=int, default=32, help="scenes")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="of the model")
    parser.add_argument("--out", type=Path, help="write the figures as JSON here")
    add_capability_option(parser)
    arguments = parser.parse_args()
    hold_to(arguments.capability)
    torch.set_num_threads(arguments.threads)
    where = surroundings("torch", "transformers") | {"threads": arguments.threads, "batch": BATCH}
    print(", ".join(f"{key} {value}" for key, value in where.items()))
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), arguments.count)
    print(f"{figures['questions']} questions: {figures['loop_per_second']} a second in a loop")
    print(f"{figures['suite_per_second']} a second by the suite, {figures['times_the_loop']} x (aim: 3)")
    print(f"by processor time, which neighbours disturb less, {figures['times_the_loop_by_processor_time']} x")
    print(f"the model waited {figures['waiting']:.1%} of the time (aim: under 10 %)")
    print(f"{figures['same_replies']:.1%} of the replies are the same")
    if arguments.out is not None:
        write_figures(arguments.out, "evaluate", {**where, "aims": AIMS, **figures})


if __name__ == "__main__":
    main()

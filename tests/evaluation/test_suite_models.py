"""Suites with nano: pictures prepared in workers, batches across benchmarks, and a process that is killed."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from benchmark_cases import FIXTURES
from suite_toys import files_of, judge_small

from openmolmo.core.errors import ConfigError
from openmolmo.evaluation.suite.models.find import ModelChoice
from openmolmo.evaluation.suite.models.ours import OurModel
from openmolmo.evaluation.tasks.base import to_request
from openmolmo.inference.load import load

SETS = FIXTURES / "sets"


def test_nano_answers_as_it_does_when_asked_one_by_one(tmp_path: Path) -> None:
    predictor = load("nano", batch_size=2, max_new_tokens=12)
    outcome = judge_small(tmp_path, OurModel(predictor, max_crops=36), names="mmmu", shuffled=0)
    loaded = outcome.judged[0].loaded
    item = loaded.items[0]
    question = dataclasses.replace(item.question, image=loaded.images(item)[0])
    alone = predictor.answer_batch([to_request(question)])[0]
    rows = [json.loads(line) for line in (tmp_path / "predictions/mmmu.jsonl").read_text().splitlines()]
    assert rows[0]["text"] == alone.text and rows[0]["finished"] == alone.finished
    assert outcome.meta["about"]["weights"] == predictor.weights and outcome.asking.asked == 3
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert log[-1]["asked"] == 3 and 0 < log[-1]["in_model"] <= log[-1]["seconds"]


@pytest.mark.slow
def test_every_benchmark_runs_with_nano_and_a_killed_process_leaves_the_same_files(tmp_path: Path) -> None:
    def command(out: str, *more: str) -> list[str]:
        program = [
            sys.executable,
            "-m",
            "openmolmo",
            "eval",
            "suite",
            "all",
            "--model",
            "nano",
            "--batch-size",
            "4",
            "--judge",
            "scenes",
        ]
        return [*program, "--data", str(SETS), "--images", str(SETS / "fetched"), "--out", str(tmp_path / out), *more]

    subprocess.run(command("whole"), check=True, capture_output=True)
    answers = tmp_path / "killed/answers.jsonl"
    process = subprocess.Popen(command("killed"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and (not answers.exists() or answers.stat().st_size == 0):
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    before = answers.read_bytes()
    assert before and not (tmp_path / "killed/results.json").exists()
    subprocess.run(command("killed", "--resume"), check=True, capture_output=True)
    assert files_of(tmp_path / "killed") == files_of(tmp_path / "whole")
    assert answers.read_bytes().startswith(before[: before.rfind(b"\n") + 1])  # nothing was asked twice
    asked = [one["id"] for line in answers.read_text().splitlines() for one in json.loads(line)["answers"]]
    assert len(asked) == len(set(asked))
    scores = json.loads((tmp_path / "whole/results.json").read_text())
    assert len(scores["suite"]["benchmarks"]) == 23 and not scores["suite"]["not_judged"]

    done = subprocess.run(command("killed", "--resume"), check=True, capture_output=True, text=True)
    assert "0 questions asked" in done.stderr
    assert files_of(tmp_path / "killed") == files_of(tmp_path / "whole")


def test_a_choice_of_model_says_what_does_not_belong_to_it() -> None:
    assert ModelChoice(model="openai:m", base_url="http://127.0.0.1:9/v1").prompted is None
    with pytest.raises(ConfigError, match="is for servers"):
        ModelChoice(model="nano", prompted="tags")

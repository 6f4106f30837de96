"""Our models inside other harnesses: how questions are put there, and tiny tasks in the real packages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pytest

from openmolmo.core.errors import PromptError
from openmolmo.evaluation.adapters.text_model import TextModel, Wanted, in_turn
from openmolmo.evaluation.adapters.wording import put
from openmolmo.evaluation.benchmarks.base import BENCHMARKS
from openmolmo.inference.load import load
from openmolmo.words.answer import read_answer

ROOT = Path(__file__).parents[2]
HOMES = Path(os.environ.get("OPENMOLMO_HARNESSES") or ROOT / ".cache/harnesses")
"""Where environments are kept; checkouts share them if all name one folder here. Making them takes minutes."""
RUNS = Path(__file__).parent / "harnesses"
LMMS_NEEDS = ("loguru", "sacrebleu", "tenacity", "sqlitedict", "pytablewriter", "evaluate", "pytz", "math-verify")
"""What lmms-eval imports for a run; all that it declares are six gigabytes."""

TASKS = {"ai2d": "ai2d", "chart": "chart_qa", "count": "pixmo_count", "vista": "math_vista", "real": "real_world_qa"}
LETTER = "\nAnswer with the option's letter from the given choices directly."


def test_tags_take_the_place_of_instructions_and_options_are_written_as_in_training() -> None:
    chart = put("How much?\nAnswer the question with a single word.", "chart", TASKS)
    assert (chart.text, chart.style, chart.max_crops, chart.max_new_tokens) == ("How much?", "chart_qa", 36, 12)
    diagram = put(f"Select the eye.\nA. left eye\nB. tail{LETTER}", "ai2d", TASKS)
    assert (diagram.text, diagram.style) == ("Select the eye.\nA: left eye\nB: tail\n", "ai2_diagram")
    letters = put(f"Which is the eye?\nA. k\nB. c{LETTER}", "ai2d", TASKS)
    assert (letters.text, letters.style) == ("Which is the eye?\nK\nC\n", "ai2_diagram_no_letter")
    assert [letters.reply(read_answer(text)) for text in ("C", "k", "tail")] == ["B", "A", "tail"]
    hint = "Hint: Please answer the question and provide the correct option letter, e.g., A, B, C, D, at the end.\n"
    vista = put(f"{hint}Question: How long?\nChoices:\n(A) 3\n(B) 4", "vista", TASKS)
    assert (vista.text, vista.style) == ("How long?\nA: 3\nB: 4\n", "a_okvqa_mc")
    real = put("Which way?\nA. left\nB. right\nPlease answer directly with a letter.", "real", TASKS)
    assert real.text.endswith("a letter.") and real.style == "a_okvqa_mc"
    assert put("What is it?\nPlease answer with one word.", "real", TASKS).text == "What is it?"
    count = put("How many?\nAnswer with a single number.", "count", TASKS)
    said = read_answer(
        'Counting the <points x1="1.5" y1="2.0" x2="3.0" y2="4.0" alt="cup">cup</points> shows a total of 2.'
    )
    assert (count.max_new_tokens, count.max_crops, count.reply(said)) == (192, 12, "2")
    other = put("Describe it.\nAnswer freely.", "somebody's", TASKS)
    assert (other.text, other.style, other.max_crops) == ("Describe it.\nAnswer freely.", None, None)
    assert put("Which?\nA. x1\nB. x2", "somebody's", TASKS).style == "a_okvqa_mc"
    assert put("Which?\nA. x1\nC. x2", "somebody's", TASKS).text == "Which?\nA. x1\nC. x2"


def test_log_likelihoods_and_continuations_agree_and_long_texts_lose_their_beginning() -> None:
    text = TextModel(load("nano", device="cpu", batch_size=2))
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Is it red?"}]
    asked = text.conversation(messages)
    assert asked == " User: Be brief.\nIs it red? Assistant: "
    more = [*messages, {"role": "assistant", "content": "no"}]
    assert text.conversation(more, answer=False) == asked + "no"
    again = text.conversation([*more, {"role": "user", "content": "<im_patch>?"}])
    ids = text.encode(again)
    assert ids.count(text.tokenizer.special.eos) == 1 and text.tokenizer.special.im_patch not in ids
    context = text.encode(asked.rstrip())
    said, cut = text.continued([Wanted(ids=context, max_new_tokens=1), Wanted(ids=context * 400, max_new_tokens=1)])
    pairs = [(context, text.encode(f" {word}")) for word in (said, "certainly not")]
    (likely, greedy), (unlikely, other) = text.log_likelihoods(pairs)
    assert greedy and not other and unlikely < likely < 0
    assert text.cut == 1 and isinstance(cut, str)
    (alone,) = text.log_likelihoods(pairs[1:])
    assert alone[0] == pytest.approx(unlikely, abs=1e-3)  # whatever stands beside it in the batch
    with pytest.raises(PromptError, match="begins with the assistant"):
        in_turn([{"role": "assistant", "content": "x"}])
    with pytest.raises(PromptError, match="end with a question"):
        text.conversation(more)


def run(home: Path | str, script: str, folder: Path) -> Any:
    """The last line that a script prints in another environment."""
    python = home / "bin/python" if isinstance(home, Path) else home
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "hub"), "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [str(python), str(RUNS / script), str(folder)],
        env=environment, cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.strip().split("\n")[-1])


def home_of(name: str, *steps: list[str]) -> Path:
    """An environment that sees this one's packages and has a harness of its own; made once."""
    home, wanted = HOMES / name, json.dumps(steps)
    mark = home / "installed.json"
    if not mark.exists() or mark.read_text() != wanted:
        venv.create(home, with_pip=True)
        (site,) = home.glob("lib/python*/site-packages")
        seen = [path for path in sys.path if path.endswith("site-packages")]
        (site / "openmolmo_base.pth").write_text("\n".join(seen) + "\n")
        for step in steps:
            made = subprocess.run(
                [str(home / "bin/pip"), "install", "-q", *step], capture_output=True, text=True, check=False
            )
            if made.returncode:
                pytest.skip(f"{name} cannot be installed here: {made.stderr.strip()[-300:]}")
        mark.write_text(wanted)
    return home


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_lm_evaluation_harness_runs_a_tiny_task_of_each_kind(tmp_path: Path) -> None:
    found = run(home_of("lm_eval", ["lm-eval==0.4.13"]), "lm_eval_run.py", tmp_path)
    assert len(found) == 5
    choices, replies = found["tiny_choice chat"], found["tiny_generation chat"]
    for choice, reply in zip(choices, replies, strict=True):
        assert choice["asked"] == reply["asked"] and choice["asked"].startswith(" User: ")
        scores = dict(zip(("yes", "no"), choice["replies"], strict=True))
        greedy = [word for word, (_, greedy) in scores.items() if greedy]
        assert greedy == reply["replies"]  # what greedy decoding writes is what is likeliest
    assert all(one["replies"][0] < 0 for one in found["tiny_rolling plain"])


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_inspect_ai_finds_the_provider_and_asks_it_with_a_picture_and_without(tmp_path: Path) -> None:
    found = run(home_of("inspect_ai", ["inspect-ai==0.3.285"]), "inspect_ai_run.py", tmp_path)
    assert (found["status"], found["error"]) == ("success", None)
    assert [reply for _, reply in found["replies"]] == ["stop", "stop"] and all(text for text, _ in found["replies"])


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_lmms_eval_finds_the_model_and_asks_with_tags(tmp_path: Path) -> None:
    home = home_of("lmms_eval", ["--no-deps", "lmms-eval==0.7.3"], list(LMMS_NEEDS))
    found = run(home, "lmms_eval_run.py", tmp_path)
    assert set(found) == {"tiny_chart", "tiny_count"} and all(len(replies) == 2 for replies in found.values())
    assert all(isinstance(reply, str) and reply for replies in found.values() for (reply,) in replies)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_vlmevalkit_asks_a_registered_model(tmp_path: Path) -> None:
    python = os.environ.get("OPENMOLMO_VLMEVALKIT_PYTHON")
    if not python:
        pytest.skip("VLMEvalKit is in no package registry: name a Python that has it in OPENMOLMO_VLMEVALKIT_PYTHON")
    replies = run(python, "vlmevalkit_run.py", tmp_path)["replies"]
    assert len(replies) == 2 and all(reply.strip() for reply in replies), replies  # nano knows no letters of options
    assert not any("Fail" in reply for reply in replies), replies  # the harness's word for no answer


@pytest.mark.parametrize("adapter", ["lmms_eval", "vlmevalkit"])
def test_tables_of_tasks_name_benchmarks(adapter: str) -> None:
    """Read as text, for the harness is not installed here."""
    text = (ROOT / f"src/openmolmo/evaluation/adapters/{adapter}.py").read_text(encoding="utf-8")
    table = text[text.index(" = {\n") : text.index("\n}\n")]
    names = {line.split('"')[3] for line in table.split("\n") if line.count('"') == 4}
    assert len(names) > 8 and all(name in BENCHMARKS for name in names), names

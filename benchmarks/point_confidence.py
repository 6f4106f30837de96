"""How much a point's confidence is worth: are points of 0.9 right nine times of ten, and do hits score above misses?

    python benchmarks/point_confidence.py                      # nano, drawn scenes that it was not trained on
    python benchmarks/point_confidence.py --out benchmarks/results/point_confidence.json
    python benchmarks/point_confidence.py --model FOLDER --generators scenes --count 400

Every pointing question of the validation and the test pictures is asked; a point is right as the pointing task has it
(one to one with the true points, and inside the mask of its own). The validation pictures show what other weights of
the second digit than that of :mod:`openmolmo.words.confidence` would do, and give the mapping that is tried beside the
plain measure: p -> sigmoid(a * logit(p) + b). All other figures are of the test pictures. *ECE* is the mean gap between
confidence and share of hits over ten bins, weighted by their points; *AUROC* is the chance that a hit scores above a
miss.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.stats import rankdata

from openmolmo.core.progress import track
from openmolmo.evaluation.held_out import from_generators
from openmolmo.evaluation.runner import pick_questions
from openmolmo.evaluation.tasks.base import Question, to_request
from openmolmo.evaluation.tasks.pointing import PointingTask
from openmolmo.inference.generate import generate
from openmolmo.inference.load import load
from openmolmo.inference.predictor import Predictor
from openmolmo.inference.sampling import Sampling
from openmolmo.words.answer import Answer, read_answer
from openmolmo.words.confidence import SECOND_DIGIT, with_confidence
from openmolmo.words.reply import token_texts
from surroundings import surroundings, write_figures

WEIGHTS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)
BINS = 10
BATCH = 16
_EDGE = 1e-4  # confidences are held off 0 and 1 by so much where logarithms are taken


@dataclass(frozen=True)
class Judged:
    """A reply, its tokens, and which of its points are right."""

    answer: Answer
    tokens: list[tuple[str, float]]
    right: tuple[bool, ...]


def judge(predictor: Predictor, task: PointingTask, questions: Sequence[Question]) -> list[Judged]:
    """Ask every question; replies without a point are left out."""
    judged = []
    decode = predictor.processor.tokenizer.decode
    for start in track(range(0, len(questions), BATCH), "asking", -(-len(questions) // BATCH)):
        part = questions[start : start + BATCH]
        requests = [to_request(question) for question in part]
        prompts = [predictor.processor.prompt([r.text], r.images, style=r.style) for r in requests]
        limits = [predictor.limit(prompt, 512) for prompt in prompts]
        decoding = predictor.decoding(prompts, room=max(limit.tokens for limit in limits))
        for question, reply in zip(part, generate(decoding, limits, Sampling()), strict=True):
            answer = read_answer(decode(reply.ids), question.sizes, finished=reply.finished)
            if answer.points:
                tokens = list(zip(token_texts(decode, reply.ids), reply.logprobs, strict=True))
                judged.append(Judged(answer, tokens, task.judge(question, answer).right))
    return judged


def confidences(judged: Sequence[Judged], weight: float) -> tuple[np.ndarray, np.ndarray]:
    """(confidence, whether it was right) of every point."""
    found, right = [], []
    for one in judged:
        for point, hit in zip(
            with_confidence(one.answer, one.tokens, second_digit=weight).points, one.right, strict=True
        ):
            assert point.confidence is not None, "every token's probability is known"
            found.append(point.confidence)
            right.append(hit)
    return np.array(found), np.array(right)


def auroc(p: np.ndarray, right: np.ndarray) -> float:
    """The chance that a hit scores above a miss; ties count half."""
    hits, misses = int(right.sum()), int((~right).sum())
    return float((rankdata(p)[right].sum() - hits * (hits + 1) / 2) / max(hits * misses, 1))


def log_loss(p: np.ndarray, right: np.ndarray) -> float:
    """Mean negative log-likelihood, in nats."""
    q = np.clip(p, _EDGE, 1 - _EDGE)
    return float(-np.where(right, np.log(q), np.log(1 - q)).mean())


def reliability(p: np.ndarray, right: np.ndarray) -> list[dict[str, float]]:
    """Of ten equal bins: how many points, their mean confidence, their share of hits."""
    place = np.minimum((p * BINS).astype(int), BINS - 1)
    return [
        {
            "from": i / BINS,
            "points": n,
            "confidence": round(float(p[of].mean()), 3),
            "hits": round(float(right[of].mean()), 3),
        }
        for i in range(BINS)
        if (n := int((of := place == i).sum()))
    ]


def figures(p: np.ndarray, right: np.ndarray) -> dict[str, Any]:
    """Calibration and sharpness."""
    rows = reliability(p, right)
    gap = sum(row["points"] * abs(row["confidence"] - row["hits"]) for row in rows) / len(p)
    brier = float(((p - right) ** 2).mean())
    return {
        "ece": round(gap, 4),
        "auroc": round(auroc(p, right), 4),
        "log_loss": round(log_loss(p, right), 4),
        "brier": round(brier, 4),
        "bins": rows,
    }


def mapped(p: np.ndarray, mapping: Sequence[float]) -> np.ndarray:
    """sigmoid(a * logit(p) + b)."""
    q = np.clip(p, _EDGE, 1 - _EDGE)
    made: np.ndarray = 1 / (1 + np.exp(-(mapping[0] * np.log(q / (1 - q)) + mapping[1])))
    return made


def fit(p: np.ndarray, right: np.ndarray) -> list[float]:
    """The mapping (a, b) of the least log loss."""
    result = minimize(lambda mapping: log_loss(mapped(p, mapping), right), [1.0, 0.0], method="Nelder-Mead")
    return [round(float(value), 3) for value in result.x]


def main() -> None:
    """Measure, print the tables and write JSON where asked."""
    parser = argparse.ArgumentParser(description="Calibration of the confidence of points.")
    parser.add_argument("--model", default="nano")
    parser.add_argument("--generators", default="scenes,easy_scenes", help="names, with commas between")
    parser.add_argument("--count", type=int, default=80, help="pictures of each generator and split")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--out", type=Path, help="write the figures as JSON here")
    arguments = parser.parse_args()
    where = surroundings("torch", "transformers")
    predictor = load(arguments.model)
    task: Any = PointingTask(radius=5.0)  # where a thing has no mask
    judged = {}
    for split in ("validation", "test"):
        names = arguments.generators.split(",")
        held_out = from_generators(names, count=arguments.count, seed=arguments.seed, split=split, sample=1)
        judged[split] = judge(predictor, task, pick_questions([task], held_out.examples)[task.name])
    tried: dict[str, dict[str, float]] = {}
    for weight in WEIGHTS:
        of = confidences(judged["validation"], weight)
        tried[str(weight)] = {"auroc": round(auroc(*of), 4), "log_loss": round(log_loss(*of), 4)}
        print(f"second digit {weight:4}  on validation: {tried[str(weight)]}")
    known, truth = confidences(judged["validation"], SECOND_DIGIT)
    mapping = fit(known, truth)
    p, right = confidences(judged["test"], SECOND_DIGIT)
    plain, fitted = figures(p, right), figures(mapped(p, mapping), right)
    print(f"test: {len(judged['test'])} replies, {len(p)} points, {right.mean():.3f} right; mapping {mapping}")
    for name, row in (("plain", plain), ("mapped", fitted)):
        measures = "  ".join(f"{measure} {row[measure]:.4f}" for measure in ("ece", "auroc", "log_loss", "brier"))
        print(f"{name:7} {measures}")
    print("confidence   points   mean   hits")
    for row in plain["bins"]:
        print(f"{row['from']:.1f} and up {row['points']:8d}  {row['confidence']:.3f}  {row['hits']:.3f}")
    if arguments.out is not None:
        asked = {name: getattr(arguments, name) for name in ("model", "generators", "count", "seed")}
        about = {**where, **asked, "second_digit": SECOND_DIGIT}
        about |= {"replies": len(judged["test"]), "points": len(p), "right": round(float(right.mean()), 4)}
        about["validation_by_second_digit"] = tried
        write_figures(
            arguments.out, "point_confidence", {**about, "plain": plain, "mapping": mapping, "mapped": fitted}
        )


if __name__ == "__main__":
    main()

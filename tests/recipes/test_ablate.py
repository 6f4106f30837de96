"""The harness of ablations with runs that are only made up: definitions, queue, statistics, report."""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from openmolmo.cli import cli
from openmolmo.core.errors import ConfigError, DataError, DivergedError, OpenMolmoError, RunError
from openmolmo.core.files import write_json
from openmolmo.recipes.ablate import lease as leases
from openmolmo.recipes.ablate import resolve as resolving
from openmolmo.recipes.ablate.base import ABLATIONS, Ablation, Arm, Contrast, Drawn, PaperRow, World
from openmolmo.recipes.ablate.lease import claim, holder
from openmolmo.recipes.ablate.pace import minutes_to_decide, read_budget, too_small
from openmolmo.recipes.ablate.queue import Plan, adopt, forget_failures, in_order, state_of, work
from openmolmo.recipes.ablate.report import collect, findings_of, render_html, render_markdown, to_json
from openmolmo.recipes.ablate.resolve import Run, resolve
from openmolmo.recipes.ablate.results import RESULT, read_results
from openmolmo.recipes.ablate.statistics import Scores, compare_seeds, verdict_of
from openmolmo.recipes.ablate.work import carry_out, claim_of

WORLD = World(
    name="plain",
    about="Plain things.",
    drawn={"scenes": Drawn(generator="micro_scenes", size=96, train=20, test=10)},
    tasks=("short_answers",),
)
FAST = Arm(name="fast", overrides={"answer.optimizer.llm.lr": 3e-3})
TINY = Ablation(
    name="rates",
    table="Table 0",
    title="Rates",
    question="Does a higher rate help?",
    world=WORLD,
    arms=(Arm(name="slow"), FAST, Arm(name="long", overrides={"answer.steps": 900})),
    contrasts=(Contrast(arm="fast", against="slow"), Contrast(arm="long", against="slow")),
    metric="short_answers.accuracy",
    paper=(
        PaperRow(setting="quick", arm="fast", metric="avg", value=55.0),
        PaperRow(setting="slow", arm="slow", metric="avg", value=52.5),
    ),
)


def pretend(skill: dict[str, float], questions: int = 60):
    """A run that only makes its result up: accuracy by arm, the same questions always."""

    def carry(run: Run, root: Path) -> bool:
        rng = np.random.default_rng([run.seed, len(run.arm)])
        rows = [
            {
                "id": f"p{i // 2}/{i}",
                "example_id": f"p{i // 2}",
                "scores": {"accuracy": float(rng.random() < skill[run.arm])},
            }
            for i in range(questions)
        ]
        write_result(run, root, {"short_answers": rows})
        return True

    return carry


def write_result(run: Run, root: Path, rows: dict[str, list[dict[str, object]]], **more: object) -> None:
    about = {
        "arm": run.arm,
        "seed": run.seed,
        "scale": run.scale,
        "shared": run.shared,
        "metric": run.metric,
        "recipe": run.recipe,
    }
    about |= {"status": "done", "seconds": {"answer": 60.0}, "machine": {"code": run.code, "host": "here"}, **more}
    write_json(root / run.folder / RESULT, {"rows": rows, "run": about})


def plan_of(ablation: Ablation = TINY, **settings: object) -> Plan:
    return Plan(ablation=ablation, runs=tuple(resolve(ablation, **settings)))  # type: ignore[arg-type]


def test_what_arms_do_alike_is_trained_once() -> None:
    runs = resolve(TINY)
    assert len(runs) == 9 and [run.arm for run in runs[:3]] == ["fast", "slow", "long"]
    by = {(run.arm, run.seed): run for run in runs}
    assert len({run.folder for run in runs}) == 9
    slow, fast = by["slow", 0], by["fast", 0]
    assert slow.stages[0].folder == fast.stages[0].folder  # seeing is the same
    assert slow.stages[1].key != fast.stages[1].key
    assert slow.stages[1].config.init_from == f"{slow.stages[0].folder}/final"
    assert slow.stages[1].config.seed == fast.stages[1].config.seed == 0
    assert slow.stages[0].key != by["slow", 1].stages[0].key
    assert {run.recipe for run in runs if run.arm == "slow"} == {slow.recipe}
    once = replace(TINY, stages=(replace(TINY.stages[0], per_seed=False), TINY.stages[1]))
    assert len({run.stages[0].key for run in resolve(once)}) == 1
    # Crops of the test alone: nothing is trained twice, and the results are two.
    crops = replace(TINY, arms=(Arm(name="slow"), Arm(name="fast", request={"max_crops": 2}), TINY.arms[2]))
    first, second = resolve(crops)[:2]
    assert first.stages[1].key == second.stages[1].key and first.folder != second.folder
    small = resolve(TINY, scale=0.01)[0]
    assert small.stages[1].config.steps == 7 and small.world.drawn["scenes"].train == 8
    assert small.shared != slow.shared


@pytest.mark.parametrize(
    ("arm", "said"),
    [
        (Arm(name="fast"), "are the same run"),
        (Arm(name="fast", overrides={"answer.optimizer.llm.lr": 1.5e-3}), "are the same run"),
        (Arm(name="fast", overrides={"answer.optimiser.llm.lr": 1.0}), "did you mean|unknown|no setting"),
        (Arm(name="fast", overrides={"caption.steps": 5}), "names no stage"),
        (Arm(name="fast", overrides={"steps": 5}), "names no stage"),
        (Arm(name="fast", data={"drawn.scenes.size": 128}), "judged on other pictures"),
        (Arm(name="fast", data={"drawn.icons.train": 128}), "icons"),
        (Arm(name="fast", request={"crops": 2}), "crops"),
        (Arm(name="fast", overrides={"answer.mixture.groups.0.sources.0.max_annotations": 1}), "neither says so"),
    ],
)
def test_a_definition_that_means_nothing_is_refused(arm: Arm, said: str) -> None:
    with pytest.raises(OpenMolmoError, match=f"(?i){said}"):
        resolve(replace(TINY, arms=(TINY.arms[0], arm, TINY.arms[2])))


def test_data_that_is_said_to_differ_may() -> None:
    arm = Arm(name="fast", data={"drawn.scenes.train": 10})
    runs = resolve(replace(TINY, arms=(TINY.arms[0], arm, TINY.arms[2])))
    assert runs[0].world.drawn["scenes"].train == 10 and runs[1].world.drawn["scenes"].train == 20
    with pytest.raises(ConfigError, match="names the arm"):
        replace(TINY, contrasts=(Contrast(arm="fsat", against="slow"),))
    with pytest.raises(ConfigError, match="not TASK"):
        replace(TINY, metric="pointing.f1")
    with pytest.raises(ConfigError, match="one seed"):
        replace(TINY, seeds=1)
    with pytest.raises(ConfigError, match="two arms are called 'slow'"):
        replace(TINY, arms=(Arm(name="slow"), *TINY.arms))


def _hold(folder: Path, ready: multiprocessing.synchronize.Event) -> None:
    with claim(folder) or pytest.fail("nobody else holds it"):
        ready.set()
        time.sleep(60)


def test_a_claim_is_held_by_one_and_ends_with_its_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = claim(tmp_path)
    assert mine is not None
    with mine:
        assert claim(tmp_path) is None and str(os.getpid()) in str(holder(tmp_path))
    assert holder(tmp_path) is None
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    other = context.Process(target=_hold, args=(tmp_path, ready))
    other.start()
    assert ready.wait(20) and claim(tmp_path) is None
    other.kill()
    other.join()
    again = claim(tmp_path)
    assert again is not None and again.path.name == "lease-2.json"  # nothing of the dead one was deleted
    # On another machine a process cannot be looked for: there the file's age tells.
    far = tmp_path / "far"
    far.mkdir()
    (far / "lease-1.json").write_text(json.dumps({"host": "elsewhere", "pid": 1, "born": "x"}))
    assert claim(far) is None
    os.utime(far / "lease-1.json", (1, 1))
    taken = claim(far)
    assert taken is not None and taken.path.name == "lease-2.json"
    (far / "lease-3.json").write_text("{")  # cut short by another machine
    assert claim(far) is None
    monkeypatch.setattr(leases, "PATIENCE", -1.0)
    assert claim(far) is not None


def test_the_queue_goes_seed_by_seed_and_stops_when_it_is_decided(tmp_path: Path) -> None:
    plan = plan_of(seeds=6)
    asked: list[tuple[str, int]] = []
    carry = pretend({"fast": 0.9, "slow": 0.3, "long": 0.3})

    def noted(run: Run, root: Path) -> bool:
        asked.append((run.arm, run.seed))
        return carry(run, root)

    work([plan], tmp_path, carry=noted, pause=0.0)
    assert asked[:4] == [("fast", 0), ("slow", 0), ("fast", 1), ("slow", 1)]
    assert ("fast", 5) not in asked  # decided before
    assert ("long", 5) in asked  # never decided, so all seeds
    assert not [run for run in in_order([plan], tmp_path) if state_of(run, tmp_path) == "waiting"]
    work([plan], tmp_path, carry=noted, pause=0.0)
    assert len(asked) == len(set(asked))
    # A definition that changed in what these runs do not feel: its results are taken over, not left behind.
    wider = plan_of(replace(TINY, request={"max_new_tokens": 96}), seeds=6)
    before = findings_of(TINY, read_results(tmp_path, "rates")).contrasts[0].found
    adopt([wider], tmp_path)
    assert {one.shared for one in read_results(tmp_path, "rates")} == {wider.runs[0].shared} != {plan.runs[0].shared}
    assert findings_of(TINY, read_results(tmp_path, "rates")).contrasts[0].found == before


def test_a_run_that_fails_or_is_lost_takes_nothing_with_it(tmp_path: Path) -> None:
    plan = plan_of()
    carry = pretend({"fast": 0.9, "slow": 0.3, "long": 0.5})
    blocked = iter([False, False])

    def broken(run: Run, root: Path) -> bool:
        if run.arm == "slow" and run.seed == 1:
            raise RunError("no pictures")
        if run.arm == "fast" and run.seed == 0 and not next(blocked, True):
            return False  # another makes what it needs
        return carry(run, root)

    lost = next(run for run in plan.runs if (run.arm, run.seed) == ("slow", 0))
    dead = claim_of(tmp_path, lost.folder)
    dead.mkdir(parents=True)
    (dead / "lease-1.json").write_text(json.dumps({"host": os.uname().nodename, "pid": 2**22 + 1, "born": "before"}))
    work([plan], tmp_path, carry=broken, pause=0.0)
    states = {(run.arm, run.seed): state_of(run, tmp_path) for run in plan.runs}
    assert states.pop(("slow", 1)) == "failed" and set(states.values()) == {"done"}
    forget_failures([plan], tmp_path)
    work([plan], tmp_path, carry=carry, pause=0.0)
    assert all(state_of(run, tmp_path) == "done" for run in plan.runs)


def _scores(values: list[float], failed: bool = False) -> Scores:
    named = {f"q{i}": value for i, value in enumerate(values)}
    return Scores(values={} if failed else named, pictures={} if failed else {k: k for k in named}, failed=failed)


def test_the_interval_knows_of_seeds_and_of_pictures() -> None:
    rng = np.random.default_rng(0)
    first = [(rng.random(200) < 0.7).astype(float).tolist() for _ in range(4)]
    second = [(rng.random(200) < 0.5).astype(float).tolist() for _ in range(4)]

    def of(count: int):
        return compare_seeds({s: (_scores(first[s]), _scores(second[s])) for s in range(count)})

    one, two, four = of(1), of(2), of(4)
    assert two.high - two.low > four.high - four.low > 0.05
    assert four.low < four.difference < four.high and four.seeds == 4 and four.pictures == 200
    assert verdict_of(one, "better", TINY) == "undecided"  # one seed decides nothing, however clear
    assert verdict_of(four, "better", TINY) == "reproduced" and verdict_of(four, "worse", TINY) == "opposite"
    assert verdict_of(four, "none", TINY) == "opposite"
    same = compare_seeds({s: (_scores(first[0]), _scores(first[0])) for s in range(3)})
    assert verdict_of(same, "none", TINY) == "reproduced" and verdict_of(same, "better", TINY) == "undecided"
    assert verdict_of(four, "better", replace(TINY, cannot="too small")) == "cannot be shown here"
    # Seeds that disagree decide nothing, however many pictures there are.
    spread = compare_seeds(
        {0: (_scores([1.0] * 90), _scores([0.0] * 90)), 1: (_scores([0.4] * 90), _scores([0.5] * 90))}
    )
    assert spread.low < 0 < spread.high
    fallen = compare_seeds(
        {s: (_scores(first[s]), _scores([], failed=s == 0) if s == 0 else _scores(second[s])) for s in range(2)}
    )
    assert fallen.diverged == 1 and fallen.by_seed[0] == pytest.approx(np.mean(first[0]))
    with pytest.raises(DataError, match="other questions"):
        compare_seeds({0: (_scores([1.0]), _scores([1.0, 0.0]))})


def test_divergence_is_a_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_of(scale=0.01)
    trained: list[str] = []

    def fake(config, out: Path, resume: bool) -> Path:
        trained.append(config.name)
        out.mkdir(parents=True, exist_ok=True)
        (out / "metrics.jsonl").write_text('{"step": 3, "seconds": 1.5}\n')
        if config.name == "answer":
            raise DivergedError("the loss is nan at step 4")
        (out / "final").mkdir()
        return out / "final"

    monkeypatch.setattr(
        "openmolmo.training.recipe.run_of", lambda config: lambda out, resume: fake(config, out, resume)
    )
    run = plan.runs[0]
    root = tmp_path.resolve()
    assert carry_out(run, root) and state_of(run, root) == "diverged"
    told = json.loads((root / run.folder / RESULT).read_text())["run"]
    assert told["step"] == 4 and "nan" in told["message"] and told["stage"] == "answer"
    assert "answer" in (root / run.folder / "config.yaml").read_text()
    # An arm that trains the same is not trained again to diverge again.
    (root / run.folder / RESULT).unlink()
    assert carry_out(run, root) and trained == ["see", "answer"]
    # Somebody else makes what it needs: it waits.
    other = plan.runs[1]
    held = claim(claim_of(root, other.stages[1].folder))
    assert held is not None
    with held:
        assert not carry_out(other, root) and state_of(other, root) == "waiting"


def test_versions_are_kept_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ABLATIONS.register("rates", TINY)
    try:
        old = plan_of()
        work(
            [old], tmp_path, carry=pretend({"fast": 0.2, "slow": 0.8, "long": 0.5}), stop=_after(4, tmp_path), pause=0.0
        )
        monkeypatch.setattr(resolving, "code_version", lambda: "newer")
        new = plan_of()
        assert all(state_of(run, tmp_path) == "waiting" for run in new.runs)
        work([new], tmp_path, carry=pretend({"fast": 0.9, "slow": 0.3, "long": 0.5}), pause=0.0)
        found = findings_of(TINY, read_results(tmp_path, "rates"))
        assert found.contrasts[0].verdict == "reproduced" and len(found.apart) == 1
        apart = next(iter(found.apart.values()))
        assert apart["fast"] < 0.4 < 0.6 < apart["slow"]
        every = [one for one in collect(tmp_path) if one.ablation.name == "rates"]
        text = render_markdown(every)
        assert "| rates | fast against slow | > | +2.5 avg |" in text and "reproduced" in text and "Kept apart" in text
        page = render_html(every, tmp_path)
        assert "fast against slow" in page and "http" not in page.replace("http://www.w3.org", "")
        told = to_json(every)["ablations"]["rates"]
        assert told["contrasts"][0]["found"]["by_seed"].keys() == {0, 1, 2}
        said = CliRunner().invoke(cli, ["ablate", "list", "--dir", str(tmp_path)])
        assert said.exit_code == 0 and "rates" in said.output
        later = findings_of(replace(TINY, metric="short_answers.within"), read_results(tmp_path, "rates"))
        assert not later.arms[0].scores and len(later.apart) == 2  # what was made for another metric is told beside
        damaged = tmp_path / new.runs[0].folder / RESULT
        damaged.write_text("{")
        with pytest.raises(DataError, match="no result of a run"):
            read_results(tmp_path, "rates")
    finally:
        del ABLATIONS._local["rates"]


def test_arms_that_read_fewer_tokens_are_told_with_their_gain(tmp_path: Path) -> None:
    plan = plan_of()
    tokens = {"fast": 80.0, "slow": 16.0, "long": 32.0}
    for run in plan.runs:
        value = 0.75 if run.arm == "fast" else 0.5 if run.arm == "long" else 0.25
        rows = [
            {"id": f"p{i}", "example_id": f"p{i}", "scores": {"accuracy": float(i < 40 * value)}} for i in range(40)
        ]
        write_result(run, tmp_path, {"short_answers": rows}, image_tokens=tokens[run.arm])  # type: ignore[arg-type]
    found = findings_of(TINY, read_results(tmp_path, "rates"))
    text = render_markdown([found])
    assert "| arm | mean | by seed | image tokens | gain for ten |" in text
    assert "| fast | 75.0 | 75.0, 75.0, 75.0 | 80.0 | +7.8 |" in text and "| 16.0 | - |" in text
    assert "| 32.0 | +15.6 |" in text and "<th>Image tokens</th>" in render_html([found], tmp_path)
    assert to_json([found])["ablations"]["rates"]["arms"]["slow"]["image_tokens"] == 16.0


def _after(count: int, root: Path):
    return lambda: len(list(root.glob(f"runs/*/*/{RESULT}"))) >= count


def test_a_budget_that_decides_nothing_is_said_before(tmp_path: Path) -> None:
    assert [read_budget(text) for text in ("20m", "1h30m", "90s", "20")] == [1200, 5400, 90, 1200]
    for text in ("", "soon", "-5m", "5x", "0m"):
        with pytest.raises(ConfigError, match="is no time"):
            read_budget(text)
    plan = plan_of()
    pace = {stage.folder: 1.0 for run in plan.runs for stage in run.stages}
    needed = minutes_to_decide(plan, tmp_path, pace, workers=2)
    assert 50 < needed < 60  # three times 700 steps of seeing, six times 700 of answering, two at once
    said = too_small(plan, 20, needed, 2)
    assert said is not None and "20 minutes are too few" in said and "--budget 5" in said
    assert too_small(plan, 60, needed, 2) is None
    work([plan], tmp_path, carry=pretend({"fast": 0.9, "slow": 0.3, "long": 0.5}), pause=0.0)
    assert minutes_to_decide(plan, tmp_path, pace, workers=2) == 0.0


def test_commands_refuse_what_they_do_not_know() -> None:
    for words, said in (
        (["run"], "name the ablations"),
        (["run", "2d", "--all"], "exclude each other"),
        (["run", "2e0"], "did you mean"),
        (["run", "2d", "--budget", "soon"], "is no time"),
    ):
        result = CliRunner().invoke(cli, ["ablate", *words])
        assert said in str(result.exception), words

"""Documents a second on one core, by tool: program, picture, questions, second path and the record's row.

    python benchmarks/docs.py                                   # every tool that is there, half a minute each
    python benchmarks/docs.py --tools typst,matplotlib --out benchmarks/results/docs.json

Each picture goes through all steps as a worker makes it, the ledger included, in this one process. Figures count
processor time of this process and of tools that it starts; the wall-clock figure stands beside them. The first
pictures, which load fonts and start tools, are made before the clock starts, and what that took is not counted.
"""

from __future__ import annotations

import argparse
import contextlib
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from openmolmo.engine.docs.base import TOOLS
from openmolmo.engine.docs.item import Workshop
from openmolmo.engine.docs.ledger import LEDGER, Ledger
from openmolmo.engine.docs.plan import DocsPlan, usable_tools
from surroundings import surroundings, write_figures

TARGETS = {1: 15.0, 2: 5.0}
"""Documents a second and core over the tools of a tier."""
WARM_UP = 6


def processor() -> float:
    """Seconds of processor time of this process, of those that have ended under it and of those that still run."""
    used = [time.process_time()]
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    used.append(ended.ru_utime + ended.ru_stime)
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = child.cpu_times()
            used.append(times.user + times.system)
    return sum(used)


def measure(tool: str, count: int, noise: str) -> dict[str, Any]:
    """Rates of one tool over ``count`` pictures of all its kinds and families."""
    plan = DocsPlan(tools=(tool,), count=count + WARM_UP, noise=noise)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / LEDGER
        ledger = Ledger(path)
        workshop = Workshop(plan, path)
        specs, failed = plan.specs(), 0
        try:
            for spec in specs[:WARM_UP]:
                ledger.put(workshop.make(spec, 0))
            wall, used = time.perf_counter(), processor()
            for spec in specs[WARM_UP:]:
                rows = workshop.make(spec, 0)
                failed += rows[-1].state == "failed"
                ledger.put(rows)
            wall, used = time.perf_counter() - wall, processor() - used  # before the tools end, as they had begun
        finally:
            workshop.close()
        ledger.close()
    return {
        "tool": tool,
        "tier": TOOLS.get(tool).tier,
        "version": TOOLS.get(tool).version(),
        "per_second_per_core": round(count / used, 1),
        "ms_processor": round(1000 * used / count, 1),
        "ms_wall": round(1000 * wall / count, 1),
        "per_second_wall": round(count / wall, 1),
        "pictures": count,
        "failed": failed,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tools", default=",".join(TOOLS.names()))
    parser.add_argument("--count", type=int, default=90, help="pictures of each tool")
    parser.add_argument("--noise", default="none")
    parser.add_argument("--out", type=Path, help="write the figures as JSON")
    options = parser.parse_args()
    there, sentences = usable_tools(options.tools.split(","))
    for sentence in sentences:
        print(f"left out: {sentence}")
    rows = []
    print(f"{'tool':<12}{'tier':>6}{'per s per core':>16}{'per s wall':>12}{'failed':>8}")
    for tool in there:
        row = measure(tool, options.count, options.noise)
        rows.append(row)
        print(
            f"{tool:<12}{row['tier']:>6}{row['per_second_per_core']:>16.1f}{row['per_second_wall']:>12.1f}"
            f"{row['failed']:>8}"
        )
    tiers = {}
    for tier, target in TARGETS.items():
        rates = [row["per_second_per_core"] for row in rows if row["tier"] == tier]
        if rates:  # the tools take turns: their times a picture are averaged, not their rates
            tiers[tier] = round(len(rates) / sum(1 / rate for rate in rates), 1)
            print(f"tier {tier}: {tiers[tier]:.1f} a second and core, target {target:.0f}")
    if options.out:
        write_figures(options.out, "docs", {**surroundings("matplotlib", "typst"), "tiers": tiers, "rows": rows})


if __name__ == "__main__":
    main()

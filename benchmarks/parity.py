"""Two backends side by side, as a row of a table of results.

    python benchmarks/parity.py "nano in bfloat16" nano "nano?dtype=bfloat16"
    python benchmarks/parity.py "mlx-vlm, our numbers" m "mlx:m-mlx?inputs=ours" --max-new-tokens 20

Figures are those of ``openmolmo parity``; a row with the same name is put in place of the old one. The figures do not
hang on how busy the machine is, so times are left out.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from openmolmo.core.files import write_json
from openmolmo.serving.parity.asked import drawn
from openmolmo.serving.parity.run import run
from openmolmo.serving.parity.verdict import Gate, as_json
from surroundings import surroundings

RESULTS = Path(__file__).parent / "results" / "parity.json"
_TOLD = ("dtype", "version", "weights")


def main() -> None:
    """Run one pair and keep its figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="of the row")
    parser.add_argument("a")
    parser.add_argument("b")
    parser.add_argument("--count", type=int, default=8, help="drawn pictures, three questions each")
    parser.add_argument("--max-new-tokens", type=int, default=256)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    found = run(options.a, options.b, drawn(options.count), Gate(), max_new_tokens=options.max_new_tokens)
    gaps = [(pair.first.gap_a, pair.first.gap_b) for pair in found.pairs if pair.first is not None]
    row = {
        "name": options.name,
        "a": {"address": found.a} | {name: found.about_a[name] for name in _TOLD if name in found.about_a},
        "b": {"address": found.b} | {name: found.about_b[name] for name in _TOLD if name in found.about_b},
        "max_new_tokens": options.max_new_tokens,
        **{name: value for name, value in as_json(found.figures).items() if not name.startswith("seconds")},
        "gaps_at_first_difference": [[None if gap is None else round(gap.value, 4) for gap in both] for both in gaps],
        **{key: value for key, value in surroundings("torch", "transformers").items() if "load" not in key},
    }
    known = json.loads(options.out.read_text())["rows"] if options.out.exists() else []
    kept = [one for one in known if one["name"] != options.name]
    write_json(options.out, {"benchmark": "parity", "rows": [*kept, row]})
    print(json.dumps({key: row[key] for key in ("name", "asked", "same", "agreement", "matched", "mean_distance")}))


if __name__ == "__main__":
    main()

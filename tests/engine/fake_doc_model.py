"""What a language model might say when it is asked for documents: good data and code, and every fault in turn.

    FakeLLMServer(reply=FakeDocModel(), faults=...)

The first draft of code is faulty for some pictures (:data:`SLIPS`, by the number of the draft); what it sends after a
tool complained is whole. Of its questions one is right, one wrong, and one names what is not there.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

from openmolmo.core.rng import derive

__all__ = ["SLIPS", "FakeDocModel"]

_GOODS = [
    *("Apples", "Bread", "Candles", "Dates", "Eggs", "Figs", "Grapes", "Honey", "Ink"),
    *("Jam", "Kites", "Lamps", "Maps", "Nuts", "Oats", "Pears", "Quilts", "Rice"),
]
_TOWNS = ["Ardley", "Brunfeld", "Corvale", "Dunmore", "Estling", "Farnow", "Gelden", "Harbrook", "Isford"]

MATPLOTLIB = """
import matplotlib.pyplot as plt
figure, axes = plt.subplots(figsize=({width}, 5), layout="constrained")
names, rows = chart["categories"], chart["values"]
wide = 0.8 / len(rows)
for i, row in enumerate(rows):
    at = [j + i * wide for j in range(len(names))]
    bars = axes.bar(at, row, wide, label=chart["series"][i], color=plt.cm.tab10(({number} + i) % 10))
    axes.bar_label(bars, labels=chart["shown"][i], fontsize=8)
axes.set_xticks([j + wide * (len(rows) - 1) / 2 for j in range(len(names))], names)
axes.margins(y=0.15)
axes.set_title(chart["title"])
axes.set_xlabel(chart["x_label"])
axes.set_ylabel(chart["y_label"])
if len(rows) > 1:
    figure.legend(loc="outside upper right")
"""

SLIPS = {
    "a name that is not there": "import matplotlib.pyplot as plt\nplt.figure()\nplt.bar(nmaes, values)\n",
    "two figures": "import matplotlib.pyplot as plt\nplt.figure()\nplt.figure()\n",
    "a picture of its own": MATPLOTLIB + "figure.savefig('mine.png')\n",
    "keys": "import os\nraise SystemExit('key: ' + os.environ['OPENAI_API_KEY'])\n",
    "files": "open('/etc/passwd').read()\n",
    "network": "import urllib.request\nurllib.request.urlopen('http://192.0.2.1/', timeout=2)\n",
    "a huge picture": "import matplotlib.pyplot as plt\nplt.figure(figsize=(400, 400))\n",
    "no picture": "print('done')\n",
    "a letter that no font has": MATPLOTLIB + "axes.set_title('\\U00013000 hieroglyph')\n",
    "texts on each other": MATPLOTLIB + "axes.text(1, 1, 'one text here')\naxes.text(1, 1, 'another there')\n",
}
"""Faults of first drafts of Matplotlib code."""

SLOW_SLIPS = {
    "a loop": "while True: pass\n",
    "forks": "import os\nwhile True:\n  try: os.fork()\n  except OSError: pass\n",
    "memory": "x = []\nwhile True: x.append(bytearray(50_000_000))\n",
    "output": "while True: print('x' * 10_000)\n",
}


class FakeDocModel:
    """``slips``: faulty first drafts, one in ``every`` pictures has one."""

    def __init__(self, slips: dict[str, str] | None = None, every: int = 2) -> None:
        self.slips, self.every = list((SLIPS if slips is None else slips).items()), every
        self.said: Counter[str] = Counter()

    def __call__(self, body: dict[str, Any]) -> str:
        asked = next(message["content"] for message in body["messages"] if message["role"] == "user")
        system = body["messages"][0]["content"]
        if "invent data" in system:
            return json.dumps(self._data(asked))
        if "write questions" in system:
            return json.dumps(self._questions(asked))
        repair = "What is wrong with it" in asked
        number = int(found[1]) if (found := re.search(r"draft number (\d+)", asked)) else 0
        return f"Here it is:\n```python\n{self._code(asked, number, repair)}```\n"

    def _data(self, asked: str) -> dict[str, Any]:
        number = int(re.search(r"idea number (\d+)", asked)[1])  # type: ignore[index]
        rng = derive(7, "fake data", number)
        goods = [_GOODS[int(at)] for at in rng.permutation(len(_GOODS))[:5]]
        town = _TOWNS[int(rng.integers(len(_TOWNS)))]
        title = f"{goods[0]} and more in {town} {1950 + number}"
        self.said["data"] += 1
        if "form of chart" in asked:
            rows = [[float(value) for value in rng.permutation(90)[:5] + 10] for _ in range(2)]
            return {
                "topic": f"Sales of {town}", "title": title, "x_label": "Goods", "y_label": "Boxes", "unit": "",
                "categories": goods, "series": ["Spring", "Autumn"], "values": rows,
            }  # fmt: skip
        if "as a table" in asked:
            rows = [
                [one, str(value), str(1900 + value)] for one, value in zip(goods, rng.permutation(90), strict=False)
            ]
            return {"topic": town, "title": title, "header": ["Goods", "Boxes", "Since"], "rows": rows}
        fields = [
            {"name": one, "value": f"{value} boxes"} for one, value in zip(goods, rng.permutation(90), strict=False)
        ]
        return {"topic": town, "title": title, "fields": fields, "paragraphs": [f"All goods of {town} are counted."]}

    def _code(self, asked: str, number: int, repair: bool) -> str:
        self.said["repairs" if repair else "code"] += 1
        data = json.loads(re.search(r"^\{$.*?^\}$", asked.rpartition("instead of")[0] or asked, re.M | re.S)[0])  # type: ignore[index]
        if "with typst" in asked:
            return self._typst(data, broken=not repair and number % self.every == 0)
        if not repair and number % self.every == 0 and self.slips:
            name, code = self.slips[(number // self.every) % len(self.slips)]
            self.said[f"slip: {name}"] += 1
            return code.replace("{width}", "7").replace("{number}", str(number))
        return MATPLOTLIB.replace("{width}", "8").replace("{number}", str(number))

    def _typst(self, data: dict[str, Any], *, broken: bool) -> str:
        def mk(role: str, datum: str, text: str) -> str:
            return f"#mk({json.dumps(role)}, ({datum}), {json.dumps(text, ensure_ascii=False)})"

        lines = ["#set page(width: 420pt, height: auto, margin: 28pt)", '#set text(font: "DejaVu Sans")']
        lines.append(f"= {mk('title', ':', data['title'])}")
        if broken:
            lines.append('#image("/etc/passwd")')
        if "rows" in data:
            cells = [mk("header", f"column: {at}", text) for at, text in enumerate(data["header"])]
            for row, texts in enumerate(data["rows"]):
                cells += [mk("cell", f"row: {row}, column: {at}", text) for at, text in enumerate(texts)]
            lines.append(f"#table(columns: {len(data['header'])}, {', '.join(f'[{cell}]' for cell in cells)})")
        for at, (name, value) in enumerate(data.get("fields", ())):
            lines.append(f"{mk('field', f'field: {at}', name)} #h(1fr) {mk('value', f'field: {at}', value)}\n")
        for at, text in enumerate(data.get("paragraphs", ())):
            lines.append(f'#words("word", (paragraph: {at}), {json.dumps(text)})')
        return "\n".join(lines) + "\n"

    def _questions(self, asked: str) -> dict[str, Any]:
        self.said["questions"] += 1
        data = json.loads(next(line for line in asked.splitlines() if line.startswith("{")))
        if data["type"] == "chart":
            series, one, other = data["series"][0], *data["categories"][:2]
            first, shown = data["values"][0], data["shown"][0]
            found = [
                (f"How many boxes of {one} are there in {series}?", shown[0], "chart_lookup", [series, one]),
                (f"What is the sum of {one} and {other}?", f"{first[0] + first[1]:g}", "chart_sum_two",
                 [series, one, other]),
                (f"How many boxes of {other} are there?", "12345", "chart_lookup", [series, other]),
                ("How many unicorns are there?", "7", "chart_lookup", [series, "Unicorns"]),
                ("Which is the largest?", one, "chart_extreme_category", [series, "the largest"]),
            ]  # fmt: skip
        elif data["type"] == "fields":
            name, value = data["fields"][0]
            found = [
                (f"What stands by {name}?", value, "paper_value", [name]),
                (f"How many are there of {name}?", "none at all", "paper_value", [name]),
                ("What stands by the unicorn?", "Nobody", "paper_value", ["unicorn"]),
            ]
        else:
            row = data["rows"][0]
            found = [
                (f"How many boxes of {row[0]}?", row[1], "table_lookup", [row[0], "Boxes"]),
                (f"Since when is {row[0]} sold?", "1066", "table_lookup", [row[0], "Since"]),
            ]
        keys = ("question", "answer", "check", "args")
        return {"questions": [dict(zip(keys, one, strict=True)) for one in found]}

"""Run in an environment with lmms-eval: tasks with the names of two of its own; JSON on the last line."""

import json
import sys
from pathlib import Path

import datasets
import lmms_eval.evaluator
from lmms_eval.tasks import TaskManager

from openmolmo.evaluation.adapters.lmms_eval import TASKS

folder = Path(sys.argv[1])
rows = [("Is there a red star?", "no", "red"), ("How many red stars are there?", "0", "blue")]
table = [{"question": question, "answer": answer, "colour": colour} for question, answer, colour in rows]
datasets.DatasetDict({"test": datasets.Dataset.from_list(table)}).save_to_disk(str(folder / "disk"))
(folder / "tiny.py").write_text(
    "from PIL import Image\n"
    "def visual(doc):\n    return [Image.new('RGB', (64, 48), doc['colour'])]\n"
    "def text(doc, lmms_eval_specific_kwargs=None):\n"
    "    return doc['question'] + lmms_eval_specific_kwargs['post_prompt']\n"
)
TASK = f"""
dataset_path: {folder}/disk
dataset_kwargs: {{load_from_disk: true}}
test_split: test
output_type: generate_until
doc_to_visual: !function tiny.visual
doc_to_text: !function tiny.text
doc_to_target: "answer"
generation_kwargs: {{max_new_tokens: 16, temperature: 0, do_sample: false}}
metric_list: [{{metric: exact_match, aggregation: mean, higher_is_better: true}}]
lmms_eval_specific_kwargs: {{default: {{pre_prompt: "", post_prompt: "\\nAnswer with a single number."}}}}
"""
for name, benchmark in (("tiny_chart", "chart_qa"), ("tiny_count", "pixmo_count")):
    (folder / f"{name}.yaml").write_text(f"task: {name}{TASK}")
    TASKS[name] = benchmark
result = lmms_eval.evaluator.simple_evaluate(
    "openmolmo",
    model_args="pretrained=nano,max_crops=2",
    tasks=["tiny_chart", "tiny_count"],
    task_manager=TaskManager(include_path=str(folder)),
    bootstrap_iters=0,
    log_samples=True,
)
print(json.dumps({name: [one["filtered_resps"] for one in ones] for name, ones in result["samples"].items()}))

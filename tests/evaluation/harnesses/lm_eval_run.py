"""Run in an environment with lm-evaluation-harness: a tiny task of each kind, results as JSON on the last line."""

import json
import sys
from pathlib import Path

import lm_eval
from lm_eval.tasks import TaskManager

import openmolmo.evaluation.adapters.lm_evaluation_harness  # noqa: F401  (registers the model)

folder = Path(sys.argv[1])
rows = [("Is a red star red?", "yes"), ("Is there a blue circle?", "no")]
(folder / "tiny.jsonl").write_text("".join(json.dumps({"question": q, "answer": a}) + "\n" for q, a in rows))
COMMON = f"""
dataset_path: json
dataset_kwargs: {{data_files: {{test: {folder}/tiny.jsonl}}}}
test_split: test
"""
TASKS = {
    "tiny_choice": """
output_type: multiple_choice
doc_to_text: "{{question}}"
doc_to_choice: ["yes", "no"]
doc_to_target: "{{answer}}"
metric_list: [{metric: acc}]
""",
    "tiny_generation": """
output_type: generate_until
doc_to_text: "{{question}}"
doc_to_target: "{{answer}}"
generation_kwargs: {until: ["\\n"], max_gen_toks: 8, do_sample: false}
metric_list: [{metric: exact_match}]
""",
    "tiny_rolling": """
output_type: loglikelihood_rolling
doc_to_text: ""
doc_to_target: "{{question}}"
metric_list: [{metric: word_perplexity}]
""",
}
for name, text in TASKS.items():
    (folder / f"{name}.yaml").write_text(f"task: {name}{COMMON}{text}")
tasks = TaskManager(include_path=str(folder), include_defaults=False)
found = {}
for chat in (False, True):
    result = lm_eval.simple_evaluate(
        "openmolmo",
        model_args="pretrained=nano",
        batch_size=3,
        tasks=[name for name in TASKS if name != "tiny_rolling" or not chat],
        task_manager=tasks,
        apply_chat_template=chat,
        bootstrap_iters=0,
    )
    for name, samples in result["samples"].items():
        found[f"{name} {'chat' if chat else 'plain'}"] = [
            {"asked": one["arguments"][0][0], "replies": one["filtered_resps"]} for one in samples
        ]
print(json.dumps(found))

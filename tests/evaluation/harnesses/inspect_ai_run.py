"""Run in an environment with inspect_ai: a question with a picture and one without; JSON on the last line."""

import json
import sys
from pathlib import Path

from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.model import ChatMessageUser, ContentImage, ContentText
from inspect_ai.scorer import match
from inspect_ai.solver import generate
from PIL import Image

folder = Path(sys.argv[1])
Image.new("RGB", (64, 48), "red").save(folder / "red.png")
shown = [ContentImage(image=str(folder / "red.png")), ContentText(text="Is there a red star?")]
samples = [Sample(input=[ChatMessageUser(content=shown)], target="no"), Sample(input="Is a red star red?", target="no")]
task = Task(dataset=samples, solver=generate(), scorer=match())
(log,) = eval(task, model="openmolmo/nano", log_dir=str(folder / "logs"), display="none", max_tokens=8)
replies = [[one.output.completion, one.output.stop_reason] for one in log.samples or []]
print(json.dumps({"status": log.status, "error": log.error and log.error.message, "replies": replies}))

"""Run in an environment with VLMEvalKit: a set with choices; JSON on the last line."""

import base64
import io
import json
import os
import sys
from pathlib import Path

folder = Path(sys.argv[1])
os.environ["LMUData"] = str(folder)  # noqa: SIM112  (the harness's name; read when it is imported)

import pandas as pd
from PIL import Image
from vlmeval.config import supported_VLM
from vlmeval.dataset import build_dataset
from vlmeval.inference import infer_data_job

from openmolmo.evaluation.adapters.vlmevalkit import register


def picture(colour: str) -> str:
    """In the form of the harness's files."""
    stream = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


rows = [("red", "Is there a red star?", "no", "yes"), ("blue", "Which colour?", "red", "blue")]
table = [
    {"index": number, "image": picture(colour), "question": question, "A": a, "B": b, "answer": "B"}
    for number, (colour, question, a, b) in enumerate(rows)
]
pd.DataFrame(table).to_csv(folder / "Tiny.tsv", sep="\t", index=False)
register("openmolmo-nano", "nano", max_crops=2)
model = supported_VLM["openmolmo-nano"]()
infer_data_job(model, work_dir=str(folder), model_name="openmolmo-nano", dataset=build_dataset("Tiny"))
written = pd.read_excel(folder / "openmolmo-nano_Tiny.xlsx")
print(json.dumps({"replies": [str(reply) for reply in written["prediction"]]}))

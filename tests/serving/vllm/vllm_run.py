"""Run in an environment with vLLM: answer the requests of a file by one engine; JSON on the last line."""

import json
import os
import sys
from pathlib import Path

os.environ |= {"VLLM_ENABLE_V1_MULTIPROCESSING": "0", "VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1"}
os.environ |= {"VLLM_LOGGING_LEVEL": "ERROR", "VLLM_NO_USAGE_STATS": "1"}

from vllm import LLM, SamplingParams
from vllm.exceptions import VLLMValidationError
from vllm.lora.request import LoRARequest

job = json.loads(Path(sys.argv[1]).read_text())
engine = LLM(
    job["model"], dtype="float32", enforce_eager=True, max_num_seqs=8, disable_log_stats=False, **job.get("options", {})
)
answers = []
for request in job["requests"]:
    choosing = SamplingParams(**{"temperature": 0.0, **request.get("choosing", {})})
    lora = LoRARequest("adapter", 1, request["lora"]) if "lora" in request else None
    common = {"sampling_params": choosing, "lora_request": lora, "use_tqdm": False}
    try:
        if "prompt" in request:
            (done,) = engine.generate(request["prompt"], **common)
        else:
            known = {name: request[name] for name in ("chat_template_kwargs", "mm_processor_kwargs") if name in request}
            (done,) = engine.chat(request["messages"], **common, **known)
    except (ValueError, VLLMValidationError) as error:
        answers.append({"error": str(error)})
        continue
    answers.append(
        {"prompt": done.prompt_token_ids, "ids": done.outputs[0].token_ids, "cached": done.num_cached_tokens}
    )
print(json.dumps(answers))

"""A question from the shell imports what answering uses, and is answered as it would be with everything imported."""

from __future__ import annotations

import subprocess
import sys

UNUSED = {
    "accelerate",
    "datasets",
    "matplotlib",
    "pandas",
    "scipy",
    "sklearn",
    "sympy",
    "torch._dynamo",
    "torch._inductor",
    "torch.distributed.checkpoint",
    "torch.distributed.fsdp",
    "torch.distributed.tensor",
    "torch.fx.experimental.symbolic_shapes",
    "torchvision",
    "transformers.models.siglip.modeling_siglip",
    "transformers.trainer",
}


def python(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True)


def test_a_question_from_the_shell_imports_nothing_that_answering_does_not_use(picture_file, run):
    code = (
        "import atexit, sys\n"
        f"unused = {UNUSED!r}\n"
        "atexit.register(lambda: print('UNUSED', sorted(unused & set(sys.modules)), file=sys.stderr))\n"
        "from openmolmo.__main__ import run\n"
        "sys.argv[0] = 'openmolmo'\n"
        "run()\n"
    )
    question = ("ask", picture_file, "What is this?", "--max-new-tokens", "8")
    done = python(code, *question)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "UNUSED []"
    _, shown, _ = run(*question)  # in this process, which has imported everything
    assert done.stdout == shown != ""


def test_what_was_left_out_is_imported_when_it_is_used_after_all():
    code = (
        "import sys\n"
        "from openmolmo.inference.lean import import_lean\n"
        "import_lean()\n"
        "assert 'torch._dynamo' not in sys.modules\n"
        "from transformers import masking_utils\n"
        "made = masking_utils.TransformGetItemToIndex()\n"
        "from torch._dynamo._trace_wrapped_higher_order_op import TransformGetItemToIndex\n"
        "assert type(made) is TransformGetItemToIndex\n"
        "import torch\n"
        "assert torch._dynamo.is_compiling() is False\n"
        "from transformers import SiglipVisionModel\n"
    )
    done = python(code)
    assert done.returncode == 0, done.stderr


def test_a_process_that_has_imported_the_library_keeps_it_whole():
    code = (
        "import transformers.utils.import_utils as library\n"
        "before = library.is_scipy_available\n"
        "from openmolmo.inference.lean import import_lean\n"
        "import_lean()\n"
        "assert library.is_scipy_available is before\n"
    )
    done = python(code)
    assert done.returncode == 0, done.stderr

"""A question from the shell imports what answering uses, and is answered as it would be with everything imported."""

from __future__ import annotations

import subprocess
import sys

from openmolmo.inference.lean import import_lean

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
    """Nor has it, or a library it stands on, anything to complain of; what was left out is imported when it is used."""
    code = (
        "import sys\n"
        f"unused = {UNUSED!r}\n"
        "from openmolmo.__main__ import run\n"
        "sys.argv[0] = 'openmolmo'\n"
        "try:\n"
        "    run()\n"
        "except SystemExit as end:\n"
        "    assert not end.code, end.code\n"
        "print('UNUSED', sorted(unused & set(sys.modules)), file=sys.stderr)\n"
        "from transformers import masking_utils\n"
        "made = masking_utils.TransformGetItemToIndex()\n"
        "from torch._dynamo._trace_wrapped_higher_order_op import TransformGetItemToIndex\n"
        "assert type(made) is TransformGetItemToIndex\n"
        "import torch\n"
        "assert torch._dynamo.is_compiling() is False\n"
        "from transformers import SiglipVisionModel\n"
    )
    question = ("ask", picture_file, "What is this?", "--max-new-tokens", "8")
    done = python(code, *question)
    assert done.returncode == 0, done.stderr
    told = done.stderr.splitlines()
    said = told[: told.index("UNUSED []")]
    notes = ("note: cut after 8", "note: This picture is unlike what this model knows")
    assert [line for line in said if not line.startswith(notes)] == []
    _, shown, _ = run(*question)  # in this process, which has imported everything
    assert done.stdout == shown != ""


def test_a_process_that_has_imported_the_library_keeps_it_whole():
    from transformers.utils import import_utils

    before = import_utils.is_scipy_available
    import_lean()
    assert import_utils.is_scipy_available is before

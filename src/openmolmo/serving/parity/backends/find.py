"""Opens what an address names, and finds the processor whose words both backends are asked in."""

from __future__ import annotations

import os
from collections.abc import Sequence

from openmolmo.core.errors import ConfigError
from openmolmo.prompting.processor import Processor
from openmolmo.serving.parity.backends.address import Address
from openmolmo.serving.parity.backends.base import ParityBackend

__all__ = ["open_backend", "processor_of"]

_VLLM, _MLX = "OPENMOLMO_VLLM_PYTHON", "OPENMOLMO_MLX_PYTHON"
_VLLM_ENVIRONMENT = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # one process: it starts ten times as fast, and ends with its parent
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB, where it runs on a processor
    "VLLM_NO_USAGE_STATS": "1",
}
"""What vLLM is told where the environment does not say otherwise."""


def processor_of(addresses: Sequence[Address]) -> Processor | None:
    """Of the first that is a model on this machine or the hub; None where all are servers."""
    from openmolmo.inference.load import find_tokenizer
    from openmolmo.model.find import find_model
    from openmolmo.prompting.released import load_processor

    for address in addresses:
        if address.kind != "openai":
            folder = find_model(address.model)
            return load_processor(folder, find_tokenizer(folder, address.options.get("tokenizer")))
    return None


def open_backend(address: Address) -> ParityBackend:
    """Ready to be asked. Raises ConfigError and CheckpointError where there is no such thing."""
    if address.kind == "library":
        from openmolmo.serving.parity.backends.library import LibraryBackend

        return LibraryBackend(address)
    if address.kind == "openai":
        from openmolmo.serving.parity.backends.server import ServerBackend

        return ServerBackend(address)
    return _peer(address)


def _peer(address: Address) -> ParityBackend:
    from openmolmo.model.find import find_model
    from openmolmo.serving.parity.backends.mlx_inputs import MlxInputs
    from openmolmo.serving.parity.backends.peer import PeerBackend, peer_python

    options = dict(address.options)
    job = {"model": str(find_model(address.model).resolve()), "options": options}
    if address.kind == "mlx":
        python = peer_python(_MLX, '"mlx[cpu]" mlx-vlm')
        inputs = options.get("inputs", "own")
        if inputs not in ("own", "ours"):
            raise ConfigError(f"inputs={inputs!r} is not one of own, ours", fix="own: mlx-vlm's pixels and template")
        processor = processor_of([address]) if inputs == "ours" else None
        return PeerBackend("mlx_worker.py", python, job, extra=None if processor is None else MlxInputs(processor))
    python = peer_python(_VLLM, "vllm openmolmo[vllm]")
    # A list of plug-ins that names none switches ours off.
    environment = {"VLLM_PLUGINS": "none"} if address.kind == "vllm-builtin" else {}
    ours = {name: value for name, value in _VLLM_ENVIRONMENT.items() if name not in os.environ}
    return PeerBackend("vllm_worker.py", python, job, environment={**ours, **environment})

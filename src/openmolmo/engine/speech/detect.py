"""How much of a recording is speech: Silero's detector where its file is installed, else loudness."""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openmolmo.core.optional import require
from openmolmo.engine.speech.audio import RATE, Audio

__all__ = ["by_energy", "by_silero", "silero_file", "speech_share"]

_WINDOW, _CONTEXT = 512, 64  # samples that Silero's detector (version 6) takes at once, and of the window before
_AT_ONCE = 4000  # windows, about two minutes: bounds the memory of long recordings
_FRAME = RATE // 50  # 20 ms, for loudness


def speech_share(audio: Audio) -> tuple[float, str]:
    """The share of windows with speech, 0 to 1, and the detector that says so: ``silero`` or ``energy``."""
    file = silero_file()
    if file is not None and importlib.util.find_spec("onnxruntime") is not None:
        return _share(by_silero(audio, file)), "silero"
    return _share(by_energy(audio)), "energy"


def silero_file() -> Path | None:
    """The detector's weights, an asset of the package faster-whisper; the package itself is not imported."""
    spec = importlib.util.find_spec("faster_whisper")
    if spec is None or not spec.submodule_search_locations:
        return None
    return next(iter(sorted(Path(spec.submodule_search_locations[0]).glob("assets/silero_vad_v6*.onnx"))), None)


def by_silero(audio: Audio, file: Path, *, threshold: float = 0.5) -> NDArray[np.bool_]:
    """For each window of 32 ms whether it is speech."""
    if not len(audio.samples):
        return np.zeros(0, bool)
    windows = _windows(audio.samples, _WINDOW)
    before = np.zeros((len(windows), _CONTEXT), np.float32)
    before[1:] = windows[:-1, -_CONTEXT:]
    inputs = np.concatenate([before, windows], 1)
    h = c = np.zeros((1, 1, 128), np.float32)  # what the detector remembers from piece to piece
    scores = []
    for start in range(0, len(inputs), _AT_ONCE):
        found, h, c = _session(file).run(None, {"input": inputs[start : start + _AT_ONCE], "h": h, "c": c})
        scores.append(np.asarray(found, np.float32).reshape(-1))
    speech: NDArray[np.bool_] = np.concatenate(scores) > threshold
    return speech


def by_energy(audio: Audio, *, above_floor: float = 12.0, least: float = -50.0) -> NDArray[np.bool_]:
    """For each 20 ms whether it is ``above_floor`` dB louder than the quietest tenth, and above ``least`` dBFS.

    A hum of one loudness is no speech by that. Music is: only Silero's detector tells them apart.
    """
    if not len(audio.samples):
        return np.zeros(0, bool)
    power = np.square(_windows(audio.samples, _FRAME), dtype=np.float64).mean(1)
    level = 10 * np.log10(np.maximum(power, 1e-12))
    floor = float(np.percentile(level, 10))
    speech: NDArray[np.bool_] = level > max(floor + above_floor, least)
    return speech


def _windows(samples: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """(n, size); the last one is filled with silence."""
    return np.pad(samples, (0, -len(samples) % size)).reshape(-1, size)


def _share(speech: NDArray[np.bool_]) -> float:
    return float(speech.mean()) if len(speech) else 0.0


@lru_cache(maxsize=1)
def _session(file: Path) -> Any:
    runtime = require("onnxruntime", extra="whisper")
    options = runtime.SessionOptions()
    options.inter_op_num_threads = options.intra_op_num_threads = 1  # small: threads only cost
    options.log_severity_level = 4
    return runtime.InferenceSession(str(file), providers=["CPUExecutionProvider"], sess_options=options)

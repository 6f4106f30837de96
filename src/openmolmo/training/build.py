"""From a configuration to the things a run needs: processor, model, device."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

import torch
from torch.utils._triton import has_triton

import openmolmo
from openmolmo.core.errors import CheckpointError, ConfigError
from openmolmo.core.hub import is_repository
from openmolmo.core.progress import console, say
from openmolmo.core.rng import derive_seed
from openmolmo.imaging import CropConfig, make_plan
from openmolmo.model.checkpoint import load_config, load_model, load_weights
from openmolmo.model.config import MolmoConfig
from openmolmo.model.find import bundled_models, find_model
from openmolmo.model.folder import read_settings
from openmolmo.model.materialize import empty_model
from openmolmo.model.matmul import multiplies_bfloat16
from openmolmo.model.molmo import Molmo
from openmolmo.model.presets import PRESETS
from openmolmo.prompting.format_config import FormatConfig
from openmolmo.prompting.processor import Processor
from openmolmo.prompting.released import load_processor
from openmolmo.prompting.tokenizer import TextTokenizer
from openmolmo.training.architecture import change_architecture
from openmolmo.training.checkpoint import is_sharded, require_model_folder
from openmolmo.training.config import BaseRunConfig, CropPolicyRunConfig, RunConfig
from openmolmo.training.estimate.work import most_image_tokens
from openmolmo.training.freeze import freeze
from openmolmo.training.lora import adapt, load_adapter
from openmolmo.training.lora_config import LoraConfig
from openmolmo.training.vocabulary import move_vocabulary, same_vocabulary

__all__ = [
    "BUNDLED_TOKENIZER",
    "build_model",
    "build_processor",
    "find_source",
    "pick_attention",
    "pick_device",
    "pick_precision",
    "require_room",
    "seed_step",
]

BUNDLED_TOKENIZER = Path(openmolmo.__file__).parent / "bundled" / "tokenizer"
"""Byte-level BPE of 4096 tokens, trained on the text of the package's own generators."""


def find_source(config: BaseRunConfig) -> Path | None:
    """The folder of the model that ``init_from`` names, fetched if it is one of the hub; None for fresh weights.

    Raises CheckpointError where there is none.
    """
    if config.init_from is None:
        return None
    path = Path(config.init_from)
    if path.is_dir() or config.init_from in bundled_models() or is_repository(config.init_from):
        return find_model(config.init_from)
    if path.exists() or len(path.parts) > 1:
        return require_model_folder(path, fresh=not (isinstance(config, RunConfig) and config.lora))
    near = difflib.get_close_matches(config.init_from, bundled_models(), n=2)
    raise CheckpointError(
        f"there is no model {config.init_from!r}: no bundled one has that name, and there is no such folder",
        fix=(f"did you mean {' or '.join(near)}? otherwise " if near else "")
        + f"give a checkpoint folder, the folder of a run, OWNER/NAME at the hub, or a bundled model "
        f"({', '.join(bundled_models()) or 'none here'})",
    )


def require_room(row_length: int, crop: CropConfig) -> None:
    """Raise ConfigError where not even the smallest picture fits a row, so that nothing could be learnt of any."""
    least = make_plan(1, 1, crop).n_sequence_tokens
    if row_length <= least:
        raise ConfigError(
            f"loader.row_length={row_length}, and the smallest picture alone takes {least} tokens",
            fix=f"set loader.row_length to more than {least}; the largest takes {most_image_tokens(crop)[1]}",
        )


def build_processor(config: BaseRunConfig) -> Processor:
    """The tokenizer named by the configuration, else that of ``init_from``, else the package's own.

    Crop and format settings are the configuration's, else those of ``init_from``, else the defaults.
    """
    source, given = find_source(config), _tokenizer_of(config)
    crop, format = config.crop, config.format
    tokenizer: TextTokenizer | None = None
    if source is not None:
        ours = read_settings(source).layout in ("ours", "adapter")
        if not ours or crop is None or format is None:
            found = load_processor(source, None if ours else given)
            crop, format = crop or found.crop, format or found.format
            tokenizer = None if ours and given else found.tokenizer
    if tokenizer is None:
        tokenizer = TextTokenizer.from_pretrained(given or source or BUNDLED_TOKENIZER)
    crop = crop or CropConfig()
    if crop.policy == "learned" and not isinstance(config, CropPolicyRunConfig):
        raise ConfigError(
            "crop.policy=learned looks at pictures through a trained model, and training draws crops without one",
            fix="train with crop.policy=random, then teach the policy (recipe micro_crop_policy)",
        )
    return Processor(tokenizer, crop, format or FormatConfig(), resize_mode=config.resize_mode)


def _tokenizer_of(config: BaseRunConfig) -> Path | None:
    """The folder that ``config.tokenizer`` names: one on the disk, else one of the package."""
    if config.tokenizer is None:
        return None
    bundled = BUNDLED_TOKENIZER.parent / config.tokenizer
    return bundled if not Path(config.tokenizer).is_dir() and bundled.is_dir() else Path(config.tokenizer)


def build_model(
    config: BaseRunConfig, processor: Processor, weights: Path | None = None, *, empty: bool = False
) -> Molmo:
    """The model in float32: from ``weights`` (a resumed run), from ``init_from``, or fresh from the seed.

    With ``config.lora`` it is always that of ``init_from``, and ``weights`` has its adapters; its frozen
    weights are bfloat16 on an accelerator. ``empty`` leaves weights that would be read without memory (meta device),
    for a model that is to be sharded first and filled then. Raises ConfigError if the model's table and the
    tokenizer do not fit each other, or no picture fits a row.
    """
    if isinstance(config, RunConfig):
        require_room(config.loader.row_length, processor.crop)
    special = processor.tokenizer.special
    lora = config.lora if isinstance(config, RunConfig) else None
    source = find_source(config) if lora else weights or find_source(config)
    if source is not None:
        settings = load_config(source)
    else:
        settings = PRESETS.get(config.model)(special.im_start, special.im_patch)
    settings = change_architecture(settings, config.architecture, trained=source is not None)
    if settings.image_patch_id != special.im_patch:
        raise ConfigError(
            f"<im_patch> is token {settings.image_patch_id} for the model and {special.im_patch} for the tokenizer",
            fix="use the tokenizer that the checkpoint was saved with (tokenizer=none)",
        )
    _set_training(settings, config)
    if lora and source:
        return _build_adapted(config, lora, source, weights)
    whole = not empty and (source is None or not is_sharded(source))  # else its weights are read by load_run
    if empty and source is not None:
        model = empty_model(settings)
    else:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(config.seed, "weights") % 2**63)
            model = Molmo(settings)
        if source is not None and whole:
            load_weights(model, source)
    if source is not None and weights is None:
        _follow_tokenizer(model, source, processor.tokenizer, config, whole=whole)
    if isinstance(config, RunConfig):
        if config.seeing_from is not None and weights is None:
            _take_seeing(model, config, whole=whole)
        freeze(model, config.freeze)
    model.train()
    return model


def _take_seeing(model: Molmo, config: RunConfig, *, whole: bool) -> None:
    """Put the encoder and connector of ``config.seeing_from`` in place of the model's."""
    folder = find_source(config.replace(init_from=config.seeing_from, seeing_from=None))
    if not whole or folder is None:
        raise ConfigError(
            f"seeing_from={config.seeing_from} is taken over only where one process holds the whole model",
            fix="take the first step with one process and without sharding, and start from its checkpoint",
        )
    with torch.no_grad():
        other = load_model(folder, torch.float32)
        for part, ours, theirs in (
            ("encoder", model.encoder, other.encoder),
            ("connector", model.connector, other.connector),
        ):
            state = theirs.state_dict()
            if {n: t.shape for n, t in state.items()} != {n: t.shape for n, t in ours.state_dict().items()}:
                raise ConfigError(
                    f"the {part} of {folder} does not fit that of {config.init_from}: other sizes, or another kind",
                    fix="set seeing_from to a model made from the same settings",
                )
            ours.load_state_dict(state)


def _follow_tokenizer(
    model: Molmo, source: Path, tokenizer: TextTokenizer, config: BaseRunConfig, *, whole: bool
) -> None:
    """Where the run names another tokenizer than the checkpoint ``source`` has, move the rows of its tables."""
    if config.tokenizer is None or read_settings(source).layout != "ours" or not (source / "tokenizer.json").is_file():
        return
    before = TextTokenizer.from_pretrained(source)
    if same_vocabulary(before, tokenizer):
        return
    if not whole:
        raise ConfigError(
            f"tokenizer={config.tokenizer} is not that of {source}, and rows are moved from one to another only where "
            "one process holds the whole model",
            fix="take the first step with one process and without sharding, and start from its checkpoint",
        )
    new = move_vocabulary(model, before, tokenizer, config.seed)
    if os.environ.get("RANK", "0") == "0":
        say(f"tokenizer: {config.tokenizer}; rows moved to it, {new} tokens are new")


def _set_training(settings: MolmoConfig, config: BaseRunConfig) -> None:
    settings.residual_dropout = config.dropout.residual
    settings.dropout_tokens = config.dropout.on
    settings.z_loss = config.z_loss


def _build_adapted(config: BaseRunConfig, lora: LoraConfig, base: Path, adapters: Path | None) -> Molmo:
    device = pick_device(config)
    half = device.type != "cpu" and pick_precision(config, device) == torch.bfloat16
    dtype = torch.bfloat16 if half else torch.float32
    model = load_model(base, dtype, change=lambda settings: _set_training(settings, config))
    adapt(model, lora, base, config.seed, name=config.init_from or "")
    if adapters is not None:
        load_adapter(model, adapters)
    if isinstance(config, RunConfig):
        freeze(model, config.freeze)
    model.train()
    return model


def pick_device(config: BaseRunConfig) -> torch.device:
    """The device to compute on; raises ConfigError when an accelerator is asked for and there is none."""
    available = torch.cuda.is_available()
    if config.device == "cuda" and not available:
        raise ConfigError("device=cuda, but torch sees no CUDA device", fix="device=cpu, or install torch for CUDA")
    return torch.device("cuda" if available and config.device != "cpu" else "cpu")


def pick_precision(config: BaseRunConfig, device: torch.device) -> torch.dtype:
    """The type of matrix products: bfloat16 unless the device would only emulate it."""
    if config.precision != "auto":
        return torch.bfloat16 if config.precision == "bfloat16" else torch.float32
    return torch.bfloat16 if multiplies_bfloat16(device) else torch.float32


def pick_attention(config: BaseRunConfig, device: torch.device) -> str:
    """How the language model's attention is computed, which is also told; see ``BaseRunConfig.attention``.

    Raises ConfigError for FlexAttention on a processor, where it cannot learn.
    """
    if config.attention == "flex_attention" and device.type == "cpu":
        raise ConfigError(
            "attention=flex_attention has no backward pass on a processor", fix="attention=auto, or an accelerator"
        )
    kind: str = config.attention
    if kind == "auto":
        kind = "eager" if device.type == "cpu" else "flex_attention" if has_triton() else "sdpa"
    if os.environ.get("RANK", "0") == "0":
        console.print(f"attention: {kind} on {device.type}", highlight=False)
    return kind


def seed_step(seed: int, step: int, batch: int = 0) -> None:
    """Seed dropout from (seed, step, number of the batch in the step).

    Step 700 is the same whether the run was resumed or not, and by however many processes it is taken.
    """
    key = (step, batch) if batch else (step,)
    torch.manual_seed(derive_seed(seed, "dropout", *key) % 2**63)

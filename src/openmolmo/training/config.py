"""Everything a run depends on, in one value. A recipe is a function that returns it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from openmolmo.core.config import Config
from openmolmo.core.errors import ConfigError
from openmolmo.data.mixture import MixtureConfig
from openmolmo.data.streams import LoaderConfig
from openmolmo.engine.synth.patch_labels import FACTS, NAMES
from openmolmo.imaging.config import CropConfig
from openmolmo.prompting.format_config import FormatConfig
from openmolmo.training.grounding_config import GroundingConfig, require_heads
from openmolmo.training.lora_config import LoraConfig
from openmolmo.training.parallel.config import ParallelConfig
from openmolmo.training.watch.config import WatchConfig

__all__ = [
    "PARTS",
    "ArchitectureConfig",
    "BaseRunConfig",
    "CropPolicyRunConfig",
    "DropoutConfig",
    "OptimizerConfig",
    "PartConfig",
    "NameRunConfig",
    "PatchRunConfig",
    "RunConfig",
    "SceneConfig",
]

PARTS = ("encoder", "connector", "llm")
"""The parts of a model that have a learning rate, warm-up and clipping of their own."""


@dataclass(frozen=True, kw_only=True)
class PartConfig(Config):
    """Peak learning rate, warm-up in steps and largest gradient norm of one part (lr 0 freezes it).

    ``weight_decay`` is the part's own, where it is not None.

    Neither the warm-up nor the ``delay`` before it, in which the part stands still, takes more than a
    fifth of the run, so that a recipe can be tried in few steps.
    """

    lr: float
    warmup: int = 200
    delay: int = 0
    clip: float = 1.0
    weight_decay: float | None = None

    def __post_init__(self) -> None:
        # Written so that it refuses what is not a number, too.
        if not (0 <= self.lr < math.inf and self.warmup >= 0 and self.delay >= 0 and self.clip > 0):
            raise ConfigError(
                f"lr={self.lr}, warmup={self.warmup} and delay={self.delay} must be >= 0, and clip={self.clip} > 0"
            )

    def warmup_in(self, steps: int) -> int:
        """Warm-up of a run of ``steps``."""
        return min(self.warmup, steps // 5)

    def delay_in(self, steps: int) -> int:
        """Delay of a run of ``steps``."""
        return min(self.delay, steps // 5)


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig(Config):
    """AdamW with cosine decay to ``final_fraction`` of the peak (arXiv 2409.17146, appendix on training).

    ``matrices="muon"`` gives the weights of linear layers to Muon, at ``muon_scale`` times the rate of
    their part; everything else stays with AdamW. From random weights it learns in a third of the steps
    (docs/log.md); the paper uses AdamW for all. ``decayed="layers"`` spares norms (but those of
    queries and keys), scales of layers and embeddings the weight decay, as the paper's code does.
    ``clipping="global"`` clips all gradients by one norm, the smallest ``clip`` of the parts that are trained, in place
    of each part by its own.
    """

    encoder: PartConfig = field(default_factory=lambda: PartConfig(lr=6e-6, warmup=2000))
    connector: PartConfig = field(default_factory=lambda: PartConfig(lr=2e-4, warmup=200))
    llm: PartConfig = field(default_factory=lambda: PartConfig(lr=2e-5, warmup=2000))
    betas: tuple[float, float] = (0.9, 0.95)
    eps: float = 1e-6
    weight_decay: float = 0.0
    decayed: Literal["all", "layers"] = "all"
    final_fraction: float = 0.1
    matrices: Literal["adamw", "muon"] = "adamw"
    muon_scale: float = 1.0
    clipping: Literal["parts", "global"] = "parts"

    def __post_init__(self) -> None:
        if self.muon_scale <= 0:
            raise ConfigError(f"muon_scale={self.muon_scale} must be greater than 0")
        if not all(0 <= beta < 1 for beta in self.betas):
            raise ConfigError(f"optimizer.betas={self.betas} must each be at least 0 and less than 1")
        if not (self.eps >= 0 and self.weight_decay >= 0 and 0 <= self.final_fraction <= 1):
            raise ConfigError(
                f"optimizer.eps={self.eps} and weight_decay={self.weight_decay} must not be negative, and "
                f"final_fraction={self.final_fraction} between 0 and 1"
            )

    def part(self, name: str) -> PartConfig:
        """Settings of one of :data:`PARTS`."""
        part: PartConfig = getattr(self, name)
        return part

    def decay(self, name: str) -> float:
        """Weight decay of one of :data:`PARTS`."""
        own = self.part(name).weight_decay
        return self.weight_decay if own is None else own


@dataclass(frozen=True, kw_only=True)
class DropoutConfig(Config):
    """Residual dropout inside the language model: on tokens with loss only, or on all."""

    residual: float = 0.1
    on: Literal["supervised", "all"] = "all"

    def __post_init__(self) -> None:
        if not 0 <= self.residual < 1:
            raise ConfigError(f"dropout.residual={self.residual} must be at least 0 and less than 1")


@dataclass(frozen=True, kw_only=True)
class ArchitectureConfig(Config):
    """Settings of the model in place of the preset's (None: the preset's).

    ``pooling``: how a window of patches becomes one image token (``MolmoConfig.pooling``). ``feature_layers``: the
    encoder's blocks whose outputs are used, from the last (-1); blocks behind the last one used do not exist.
    """

    pooling: Literal["attention", "stack", "mean"] | None = None
    feature_layers: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        layers = self.feature_layers or ()
        if len(set(layers)) < len(layers):
            raise ConfigError(f"architecture.feature_layers={layers} names a block twice")
        if self.feature_layers == ():
            raise ConfigError("architecture.feature_layers is empty", fix="name at least one block, such as -1")


@dataclass(frozen=True, kw_only=True)
class BaseRunConfig(Config):
    """What every kind of run has.

    ``model`` is a registered preset, built with fresh weights and the changes of ``architecture``, unless
    ``init_from`` names a model whose weights and tokenizer to start from: a checkpoint folder of ours or of a
    released Molmo, the folder of a run, a bundled model, or OWNER/NAME at the hub. ``tokenizer`` is a folder or the
    name of one in the package (``tokenizer-micro``), or None for the one that ``init_from`` or the package brings.
    ``crop`` and ``format`` are those of ``init_from`` where they are
    None. ``keep`` is how many checkpoints stay on disk. ``threads`` is how many CPU threads computing uses
    (0: as many as there are cores). ``precision`` is the type of matrix products; weights, gradients and
    optimiser states are float32 always. ``auto`` is bfloat16 where the device multiplies it in hardware
    (accelerators, processors with AVX512-BF16 or AMX). ``attention`` is how it is computed; ``auto`` is
    eager on a processor, where SDPA's backward pass with a mask takes half as long again (docs/log.md),
    and FlexAttention elsewhere, which passes over what the mask of a packed row hides (SDPA without Triton).
    ``seconds`` bounds the time of the steps: where the machine is too slow for all of them, or becomes so, there are
    fewer, and the learning rate comes to its end in just these. Such a run is not the same twice.
    """

    name: str
    steps: int
    model: str = "nano"
    architecture: ArchitectureConfig = field(default_factory=ArchitectureConfig)
    init_from: str | None = None
    tokenizer: str | None = None
    crop: CropConfig | None = field(default_factory=CropConfig)
    format: FormatConfig | None = field(default_factory=FormatConfig)
    resize_mode: Literal["exact", "fast"] = "exact"
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    z_loss: float = 1e-4
    dropout: DropoutConfig = field(default_factory=DropoutConfig)
    seed: int = 0
    checkpoint_every: int = 500
    keep: int = 2
    log_every: int = 1
    threads: int = 0
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    attention: Literal["auto", "eager", "sdpa", "flex_attention"] = "auto"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    seconds: float | None = None
    watch: WatchConfig = field(default_factory=WatchConfig)

    def __post_init__(self) -> None:
        if self.seconds is not None and not 0 < self.seconds < math.inf:
            raise ConfigError(f"seconds={self.seconds} must be greater than 0, or none")
        for name in ("steps", "checkpoint_every", "keep", "log_every"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}={getattr(self, name)} must be at least 1")
        if not self.z_loss >= 0 or self.threads < 0:
            raise ConfigError(f"z_loss={self.z_loss} and threads={self.threads} must not be negative")


@dataclass(frozen=True, kw_only=True)
class RunConfig(BaseRunConfig):
    """A run that trains a whole model on a mixture; a step uses ``accumulate`` batches of the loader.

    With several processes that is the number of all of them together. ``freeze`` names what is not trained
    (``openmolmo.training.freeze``), as does a learning rate of 0 for a whole part. With ``lora`` adapters are
    trained in place of the weights. ``normalise`` is what the loss of a batch is divided by: the loss weight of the
    whole ``step``, or its own (``batch``), which over-weights short replies and is there to be compared with.
    ``seeing_from`` names a model of the same sizes whose encoder and connector take the place of those of
    ``init_from``: a seeing side that was taught further, or that text has not changed.
    With ``grounding`` points also teach where to look, and image tokens where they are (one process only).
    With ``require_audit`` data is refused of which the audit
    (``openmolmo data audit``) refuses a part; without, that is told.
    """

    mixture: MixtureConfig
    loader: LoaderConfig = field(default_factory=LoaderConfig)
    accumulate: int = 1
    normalise: Literal["step", "batch"] = "step"
    parallel: ParallelConfig = field(default_factory=ParallelConfig)
    freeze: tuple[str, ...] = ()
    lora: LoraConfig | None = None
    seeing_from: str | None = None
    grounding: GroundingConfig | None = None
    require_audit: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.accumulate < 1:
            raise ConfigError(f"accumulate={self.accumulate} must be at least 1")
        if self.parallel.sharded and self.optimizer.matrices == "muon":
            raise ConfigError(
                f"optimizer.matrices=muon needs whole matrices, and parallel.mode={self.parallel.mode} shards them",
                fix="set optimizer.matrices=adamw, or parallel.mode=ddp",
            )
        if self.seeing_from is not None and (self.init_from is None or self.lora is not None):
            raise ConfigError(
                f"seeing_from={self.seeing_from} replaces parts of the model of init_from, which is {self.init_from}, "
                "and adapters (lora) go onto a model as it is",
                fix="set init_from to a model and lora=none, or seeing_from=none",
            )
        if self.grounding is not None and (self.parallel.sharded or self.lora is not None or not self.loader.isolate):
            raise ConfigError(
                "grounding supervises whole weights, of examples by themselves; "
                f"lora={'set' if self.lora else 'none'}, parallel.mode={self.parallel.mode}, "
                f"loader.isolate={str(self.loader.isolate).lower()}",
                fix="set grounding=none, or lora=none, parallel.mode=none and loader.isolate=true",
            )
        if self.lora is not None and (self.parallel.sharded or self.init_from is None):
            raise ConfigError(
                f"adapters (lora) go onto a whole model that is trained already; init_from={self.init_from}, "
                f"parallel.mode={self.parallel.mode}",
                fix="set init_from to a model, and parallel.mode=none (one process) or ddp",
            )


@dataclass(frozen=True, kw_only=True)
class SceneConfig(Config):
    """One kind of scene: its size in pixels, how many crops are cut from it, the most objects (None: any).

    ``world`` is what they are made of (``openmolmo.engine.synth.scenes.world``).
    """

    size: int
    windows: int = 1
    most: int | None = None
    world: Literal["whole", "micro", "small", "crowd", "told", "brief", "careless"] = "whole"

    def __post_init__(self) -> None:
        if self.windows < 1:
            raise ConfigError(f"windows={self.windows} must be at least 1")


@dataclass(frozen=True, kw_only=True)
class PatchRunConfig(BaseRunConfig):
    """A run that teaches the encoder alone: a step takes ``batch`` crops.

    A share ``clocks`` of the pictures drawn are clocks of one of ``clock_sizes`` pixels, shares ``icons`` and
    ``cards`` are of those generators, the others scenes, their kinds drawn evenly. ``facts`` are the labels taught,
    of those in ``openmolmo.engine.synth.patch_labels``.
    With ``tokens`` the labels are those of image tokens, read behind the connector, which is taught too.
    The layer that reads the others learns at the rate of the part that it reads; the rest of the model is saved as it
    was. With ``anchor``, what the image tokens of scenes and clocks are is held near what they were in ``init_from``:
    that many times their squared distance, over the square of what they were, is added to the loss. A language model
    that read those still reads them, while the encoder learns the other worlds. ``workers`` are processes that draw
    the scenes (0: none beside this one).
    """

    scenes: tuple[SceneConfig, ...]
    crop: CropConfig = field(default_factory=CropConfig)
    clocks: float = 0.0
    clock_sizes: tuple[int, ...] = (112, 192)
    icons: float = 0.0
    cards: float = 0.0
    facts: tuple[str, ...] = tuple(FACTS)
    tokens: bool = False
    anchor: float = 0.0
    batch: int = 32
    workers: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.batch < 1 or self.workers < 0:
            raise ConfigError(f"batch={self.batch} must be at least 1, and workers={self.workers} not negative")
        if self.anchor < 0:
            raise ConfigError(f"anchor={self.anchor} must not be negative: it weighs a distance")
        if self.anchor and not (self.tokens and self.init_from):
            raise ConfigError(
                f"anchor={self.anchor} with tokens={self.tokens} and init_from={self.init_from!r}: there are no tokens "
                "of an earlier model to hold to",
                fix="set tokens=true and init_from, or anchor=0",
            )
        if not self.scenes:
            raise ConfigError("scenes is empty", fix="name at least one kind of scene")
        shares = (self.clocks, self.icons, self.cards)
        if min(shares) < 0 or sum(shares) >= 1:
            raise ConfigError(
                f"clocks={self.clocks}, icons={self.icons} and cards={self.cards} must be shares that leave some scenes"
            )
        if not self.clock_sizes:
            raise ConfigError("clock_sizes is empty", fix="name at least one size")
        if unknown := set(self.facts) - set(FACTS):
            raise ConfigError(f"facts has {', '.join(sorted(unknown))}; known are {', '.join(FACTS)}")
        if self.optimizer.encoder.lr == 0:
            raise ConfigError("optimizer.encoder.lr=0: nothing would be trained", fix="give it a learning rate")

    def drawn(self) -> PatchRunConfig:
        """What draws the windows: the run's own settings."""
        return self


@dataclass(frozen=True, kw_only=True)
class NameRunConfig(BaseRunConfig):
    """A run that teaches names to look for what they name (:mod:`openmolmo.training.grounding.names`).

    Only the embeddings of tokens, and the queries and keys of ``heads`` in the language model's layer number
    ``layer`` (both from 0), learn, at the rate of the language model; the seeing side stays as it is. A step takes
    ``windows``, drawn and labelled as the encoder's stages have them (a share of the ``icons`` generator, one of
    ``cards``, the others scenes), and all ``names`` in them beside ``others`` that are not. ``workers`` draw them.
    """

    scenes: tuple[SceneConfig, ...]
    crop: CropConfig = field(default_factory=CropConfig)
    icons: float = 0.68
    cards: float = 0.2
    names: tuple[str, ...] = ("thing", "word", "shape")
    layer: int = 2
    heads: tuple[int, ...] = (0, 2)
    windows: int = 32
    others: int = 200
    workers: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        require_heads("", self.layer, self.heads)
        if self.init_from is None:
            raise ConfigError(
                "init_from=none: names are taught to a model whose encoder sees already", fix="name a model"
            )
        if not self.names or (wrong := set(self.names) - set(NAMES)):
            told = ", ".join(sorted(wrong)) if self.names else "nothing"
            raise ConfigError(f"names has {told}; known are {', '.join(NAMES)}")
        if self.windows < 1 or self.others < 1 or self.optimizer.llm.lr == 0:
            raise ConfigError(
                f"windows={self.windows} and others={self.others} must be at least 1, "
                f"optimizer.llm.lr={self.optimizer.llm.lr:g} above 0"
            )
        self.drawn()

    def drawn(self) -> PatchRunConfig:
        """What draws the windows; raises ConfigError for shares and crops that do not fit."""
        return PatchRunConfig(
            name=self.name,
            steps=self.steps,
            scenes=self.scenes,
            crop=self.crop,
            icons=self.icons,
            cards=self.cards,
            tokens=True,
            batch=self.windows,
            seed=self.seed,
            workers=self.workers,
        )


@dataclass(frozen=True, kw_only=True)
class CropPolicyRunConfig(BaseRunConfig):
    """A run that teaches a crop policy (:mod:`openmolmo.training.crop_policy`); the model itself stays as it is.

    A step asks the model of ``init_from`` one question on each of ``batch`` pictures of the mixture, with each
    high-resolution crop alone beside the global one, and then takes ``updates`` steps at the rate ``lr`` on all
    that was asked so far. Crops are worth as much as softmax says of the replies' likelihoods, ``temperature``
    nats being one unit. A share ``unasked`` of the examples goes without its question, as when a picture is looked at
    before anything is asked. The model saved keeps ``keep_crops`` by the policy ``learned``.
    """

    mixture: MixtureConfig
    crop: CropConfig | None = None
    format: FormatConfig | None = None
    batch: int = 8
    updates: int = 20
    lr: float = 3e-3
    temperature: float = 0.3
    unasked: float = 0.2
    keep_crops: int = 1
    hidden: int = 48

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.batch < 1 or self.updates < 1 or self.hidden < 1 or self.keep_crops < 1:
            raise ConfigError(
                f"batch={self.batch}, updates={self.updates}, hidden={self.hidden} and keep_crops={self.keep_crops} "
                "must be at least 1"
            )
        if not (self.lr > 0 and self.temperature > 0 and 0 <= self.unasked <= 1):
            raise ConfigError(
                f"lr={self.lr} and temperature={self.temperature} must be greater than 0, and unasked={self.unasked} "
                "between 0 and 1"
            )

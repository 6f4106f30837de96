"""What a Molmo is made of: one configuration for encoder, connector and language model."""

from __future__ import annotations

from typing import Any, Literal

from transformers import AutoConfig, CLIPVisionConfig, PreTrainedConfig, Qwen2Config

from openmolmo.core.errors import ConfigError

__all__ = ["MolmoConfig"]


class MolmoConfig(PreTrainedConfig):  # type: ignore[misc]
    """Settings of a :class:`~openmolmo.model.molmo.Molmo`; the defaults are those of the released 7B models.

    ``vision_config`` and ``text_config`` are ``transformers`` configurations (or their dictionaries) and
    choose the backbones by their ``model_type``. Everything between the two is set here.
    """

    model_type = "openmolmo"
    sub_configs = {"vision_config": AutoConfig, "text_config": AutoConfig}  # noqa: RUF012  (the base class's form)

    vision_config: Any = None
    text_config: Any = None

    #: Id of ``<im_patch>``: the tokens that carry an image feature.
    image_patch_id: int = 152066
    #: Rows that follow the language model's own embedding table; special tokens beyond its vocabulary live there.
    extra_embeddings: int = 128

    #: Encoder blocks whose outputs are concatenated, counted from the last stored block (-1), in this order.
    feature_layers: Any = (-2, -9)
    #: Bring each chosen block's output to mean 0 and variance 1 per patch, and the connector's output to mean square 1.
    #: The released models do not; an encoder that starts from random weights needs it, or the features' scale runs
    #: away and starves it of gradients (docs/log.md).
    feature_norm: bool = False
    #: Root mean square of sines and cosines of row and column that a new encoder's position embedding starts from;
    #: None leaves the library's start (N(0, 0.02)), next to which patches are so loud that places go unheard.
    position_init: float | None = None
    #: Learned vectors that mark patches which are padding, wholly or in part.
    padding_embedding: bool = True
    #: Patches that make one image token: 4 for windows of 2x2.
    patches_per_token: int = 4
    #: How a window becomes one vector: attention with the mean as query, the patches side by side, or their mean.
    pooling: Literal["attention", "stack", "mean"] = "attention"
    pooling_heads: int = 16
    pooling_head_dim: int = 64
    #: Inner width of the SwiGLU projector.
    projector_hidden: int = 18944
    #: Deviation of new connector weights; None means 1/sqrt(inputs), which starts faster from random backbones.
    connector_init: float | None = 0.02

    #: Residual dropout inside the language model, and which tokens it touches.
    residual_dropout: float = 0.1
    dropout_tokens: Literal["supervised", "all", "none"] = "supervised"
    #: Weight of the z-loss in ``loss``.
    z_loss: float = 1e-4
    tie_word_embeddings: bool = False

    def __post_init__(self, **kwargs: Any) -> None:
        self.vision_config = _backbone(self.vision_config, CLIPVisionConfig)
        self.text_config = _backbone(self.text_config, Qwen2Config, vocab_size=152064)
        self.tie_word_embeddings = bool(self.text_config.tie_word_embeddings)
        self.feature_layers = list(self.feature_layers)
        self._check()
        super().__post_init__(**kwargs)

    @property
    def last_feature_layer(self) -> int:
        """Index of the last block that is computed, from 0; later ones do not exist in the model."""
        return max(self.resolved_feature_layers)

    @property
    def resolved_feature_layers(self) -> list[int]:
        """``feature_layers`` as indices from 0."""
        count = self.vision_config.num_hidden_layers
        return [layer + count if layer < 0 else layer for layer in self.feature_layers]

    def _check(self) -> None:
        count = self.vision_config.num_hidden_layers
        for given, layer in zip(self.feature_layers, self.resolved_feature_layers, strict=True):
            if not 0 <= layer < count:
                raise ConfigError(
                    f"feature_layers has {given}, but the vision encoder has {count} blocks",
                    fix=f"choose from {-count} to {count - 1}",
                )
        if not self.feature_layers:
            raise ConfigError("feature_layers is empty", fix="name at least one encoder block, for example [-2, -9]")
        if not 0.0 <= self.residual_dropout < 1.0:
            raise ConfigError(f"residual_dropout={self.residual_dropout} must be at least 0 and below 1")
        for name, known in (
            ("pooling", ("attention", "stack", "mean")),
            ("dropout_tokens", ("supervised", "all", "none")),
        ):
            if getattr(self, name) not in known:
                raise ConfigError(f"{name}={getattr(self, name)!r} must be one of {', '.join(known)}")
        table = self.text_config.vocab_size + self.extra_embeddings
        if not 0 <= self.image_patch_id < table:
            raise ConfigError(
                f"image_patch_id={self.image_patch_id} lies outside the embedding table of {table} rows "
                f"({self.text_config.vocab_size} of the language model, {self.extra_embeddings} extra)",
                fix="raise extra_embeddings or give the id of <im_patch> in the tokenizer",
            )


def _backbone(given: Any, default: Any, **settings: Any) -> Any:
    if given is None:
        return default(**settings)
    if isinstance(given, dict):
        given = dict(given)
        kind = given.pop("model_type", None) or default.model_type
        return AutoConfig.for_model(kind, **given)
    return given

"""Molmo: a vision encoder, a connector and a language model as one model of the library.

Letters: B rows, T tokens of a row, N crops, S side of a crop, P patches of a crop, M image tokens
of the batch, W patches of a window, D width of the language model, V rows of the output head.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModel, GenerationMixin, PreTrainedModel
from transformers import initialization as init
from transformers.utils import ModelOutput

from openmolmo.core.errors import PromptError
from openmolmo.model.config import MolmoConfig
from openmolmo.model.connector import Connector, PaddingEmbedding
from openmolmo.model.crop_scorer import SavedCropPolicy
from openmolmo.model.dropout import ResidualDropout, add_residual_dropout
from openmolmo.model.embedding import ExtendedEmbedding
from openmolmo.model.generation import MolmoGeneration
from openmolmo.model.known_world import KnownWorld
from openmolmo.model.loss import OutputHead, Target, loss_sums, supervised_rows
from openmolmo.model.mask import UNDECLARED_FLEX, attention_mask
from openmolmo.model.matmul import use_fast_matmul
from openmolmo.model.quantize import require_not_quantized
from openmolmo.model.vision import VisionEncoder

__all__ = ["Molmo", "MolmoOutput"]

_IDS = "pass input_ids, and crops with pooled_patches for pictures"
_COLLATE = (
    "give batches of openmolmo.data.collate; in a Trainer: that as data_collator, remove_unused_columns=False, "
    "and neither label smoothing nor compute_loss_func, which take the labels away"
)


@dataclass
class MolmoOutput(ModelOutput):  # type: ignore[misc]
    """Result of a forward pass.

    ``logits`` is (B, T, V). With labels and weights there are none, for only the loss is computed, unless
    ``return_logits=True`` asks for those of the supervised tokens: (supervised tokens, V) in row-major order.
    ``patch_features`` (N, P, W) are those of the encoder, where ``return_patches=True`` asks for them.
    The sums are scalars over the supervised tokens; ``loss`` divides them by this batch's weight, or by
    ``num_items_in_batch`` where that is given.
    """

    loss: Tensor | None = None
    logits: Tensor | None = None
    ce_sum: Tensor | None = None
    z_sum: Tensor | None = None
    weight_sum: Tensor | None = None
    past_key_values: Any = None
    hidden_states: Any = None
    attentions: Any = None
    router_logits: Any = None
    patch_features: Tensor | None = None


class Molmo(MolmoGeneration, PreTrainedModel, GenerationMixin):  # type: ignore[misc]
    """A picture-and-text model (arXiv 2409.17146). The forward pass:

    1. Embed the tokens; special tokens beyond the base vocabulary have rows of their own.
    2. Run the vision encoder over all crops of the batch at once.
    3. Gather each image token's window of patches, pool it and project it.
    4. Add these features to the embeddings of the ``<im_patch>`` tokens, in order.
    5. Run the language model under the mask of examples and branches.
    6. Apply the output head. When there are labels it gives the loss of the supervised tokens, and no logits.
    """

    known_world: KnownWorld | None = None
    crop_policy: SavedCropPolicy | None = None
    config_class = MolmoConfig
    base_model_prefix = ""
    main_input_name = "input_ids"
    input_modalities = ("image", "text")
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_flex_attn = True
    _supports_flash_attn = True
    _supports_attention_backend = True
    _can_compile_fullgraph = True
    _no_split_modules = ("VisionEncoder", "Connector", "ExtendedEmbedding")  # the decoder names its own
    _skip_keys_device_placement = ("past_key_values",)
    _tied_weights_keys = {"lm_head.weight": "embedding.base.weight"}  # noqa: RUF012

    def __init__(self, config: MolmoConfig) -> None:
        super().__init__(config)
        text = config.text_config
        self.encoder = VisionEncoder(config)
        self.connector = Connector(config, self.encoder.width)
        self.decoder = AutoModel.from_config(text)
        if text.model_type in UNDECLARED_FLEX:
            self.decoder._supports_flex_attn = True
        # The table moves out of the decoder, which gets ready-made embeddings.
        self.embedding = ExtendedEmbedding(self.decoder.get_input_embeddings(), config.extra_embeddings)
        self.decoder.set_input_embeddings(nn.Identity())
        self._drops = config.residual_dropout > 0 and config.dropout_tokens != "none"
        if self._drops:
            add_residual_dropout(self.decoder.layers, text.model_type)
        self.lm_head = OutputHead(text.hidden_size, text.vocab_size, bias=False)
        use_fast_matmul(self)
        self.post_init()
        if config.position_init is not None:
            self.encoder.start_positions(config.position_init)

    def _init_weights(self, module: nn.Module) -> None:
        """New weights: N(0, 0.02) for embeddings and head; the connector as its configuration says.

        The backbones initialise themselves.
        """
        if isinstance(module, ExtendedEmbedding):
            init.normal_(module.extra, std=0.02)
        elif isinstance(module, nn.Embedding):
            init.normal_(module.weight, std=self.config.text_config.initializer_range)
        elif isinstance(module, PaddingEmbedding):
            init.zeros_(module.weight)
        elif isinstance(module, nn.Linear):
            std = self.config.text_config.initializer_range
            if module is not self.lm_head:
                std = self.config.connector_init or module.in_features**-0.5
            init.normal_(module.weight, std=std)
            if module.bias is not None:
                init.zeros_(module.bias)

    def get_input_embeddings(self) -> nn.Module:
        """Base table and extra rows."""
        return self.embedding

    def set_input_embeddings(self, value: ExtendedEmbedding) -> None:
        """Replace the whole embedding."""
        self.embedding = value

    def get_output_embeddings(self) -> nn.Module:
        """The output head; it has no rows for the extra tokens."""
        return self.lm_head

    def image_features(self, crops: Tensor, patch_mask: Tensor | None, pooled_patches: Tensor) -> Tensor:
        """(N, 3, S, S) pixels, (N, P) shares of real pixels, (M, W) patch indices -> (M, D)."""
        features: Tensor = self.connector(self.encoder(crops), patch_mask, pooled_patches)
        return features

    def save_pretrained(self, save_directory: Any, *args: Any, **kwargs: Any) -> None:
        """As the library does, with what is known of the pictures that the model knows.

        Raises CheckpointError for weights that ``load(quantize=...)`` rounded; those that the library itself quantised
        it can write."""
        if getattr(self, "hf_quantizer", None) is None:
            require_not_quantized(self)
        super().save_pretrained(save_directory, *args, **kwargs)
        if self.known_world is not None:
            self.known_world.write(Path(save_directory))
        if self.crop_policy is not None:
            self.crop_policy.write(Path(save_directory))

    def forward(  # noqa: PLR0913  (the keys of a batch)
        self,
        input_ids: Tensor,
        position_ids: Tensor | None = None,
        example_ids: Tensor | None = None,
        branch_ids: Tensor | None = None,
        labels: Tensor | None = None,
        loss_weights: Tensor | None = None,
        crops: Tensor | None = None,
        patch_mask: Tensor | None = None,
        pooled_patches: Tensor | None = None,
        **kwargs: Any,
    ) -> MolmoOutput:
        """A collated batch, or one step of generation (cache, 2-D attention mask ... in ``kwargs``).

        ``return_logits=True`` also keeps the logits of a batch with labels, which takes their memory.
        ``num_items_in_batch`` is what the loss is divided by instead of this batch's weight. Given the same number,
        such as the weight of a whole step, the losses and gradients of the step's batches add up to the step's.

        Args:
            input_ids: (B, T) int64.
            position_ids: (B, T) int64; each branch continues from the end of its prefix.
            example_ids: (B, T) int64, -1 for padding. None: every row is one example without padding.
            branch_ids: (B, T) int64, 0 for the prefix that all branches see.
            labels: (B, T) int64, the token *after* each input token.
            loss_weights: (B, T) float32, 0 where nothing is learnt.
            crops: (N, 3, S, S) float32, the normalised crops of all images.
            patch_mask: (N, P) float32, share of real pixels of each patch.
            pooled_patches: (M, W) int64 into the N*P patches, -1 for a zero vector; one row for each
                ``<im_patch>`` of ``input_ids`` in row-major order.

        Raises:
            PromptError: image tokens and image features differ in number, or inputs are missing.
        """
        _require_both(labels, loss_weights)
        whole = kwargs.pop("num_items_in_batch", None)
        logits_to_keep = kwargs.pop("logits_to_keep", 0)
        return_logits = kwargs.pop("return_logits", False)
        return_patches = kwargs.pop("return_patches", False)
        kwargs.pop("return_dict", None)
        if kwargs.pop("inputs_embeds", None) is not None:  # wrappers pass it along as None
            raise PromptError("inputs_embeds cannot be given: pictures are added to embeddings made here", fix=_IDS)
        patches = self.encoder(crops) if return_patches and crops is not None else None
        embeds = self._embed(input_ids, crops, patch_mask, pooled_patches, patches)
        mask = self._mask(embeds, position_ids, example_ids, branch_ids, kwargs)
        dropout = self._dropout(loss_weights)
        if dropout is not None:
            kwargs["residual_dropout"] = dropout
        if example_ids is not None:
            kwargs.setdefault("use_cache", False)  # packed rows cannot be continued
        out = self.decoder(inputs_embeds=embeds, attention_mask=mask, position_ids=position_ids, **kwargs)
        result = MolmoOutput(
            past_key_values=out.get("past_key_values"),
            hidden_states=out.get("hidden_states"),
            attentions=out.get("attentions"),
            router_logits=out.get("router_logits"),
            patch_features=patches,
        )
        if labels is None or loss_weights is None:
            keep = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep
            result.logits = self.lm_head(out.last_hidden_state[:, keep])
        else:
            self._add_loss(result, out.last_hidden_state, labels, loss_weights, return_logits, whole)
        return result

    def _embed(
        self,
        input_ids: Tensor,
        crops: Tensor | None,
        patch_mask: Tensor | None,
        pooled_patches: Tensor | None,
        patches: Tensor | None = None,
    ) -> Tensor:
        """Steps 1 to 4: (B, T, D); ``patches``: of the encoder, where it has looked already."""
        embeds: Tensor = self.embedding(input_ids)
        given = 0 if pooled_patches is None else pooled_patches.shape[0]
        if crops is None and given == 0 and self._only_text(input_ids):
            return embeds
        places = (input_ids.reshape(-1) == self.config.image_patch_id).nonzero().squeeze(1)
        if places.numel() != given:
            raise PromptError(
                f"the text has {places.numel()} image tokens (id {self.config.image_patch_id}), "
                f"but the images give {given} features",
                fix="make both with the same processor; a cut text must keep its images whole",
            )
        if given == 0:
            return embeds
        if crops is None or pooled_patches is None:
            raise PromptError(f"the text has {given} image tokens but there are no crops", fix="pass crops as well")
        if patches is None:
            features = self.image_features(crops, patch_mask, pooled_patches)
        else:
            features = self.connector(patches, patch_mask, pooled_patches)
        flat = embeds.reshape(-1, embeds.shape[-1])
        return flat.index_add(0, places, features.to(embeds)).view_as(embeds)

    def _only_text(self, input_ids: Tensor) -> bool:
        # One token a row is a step of decoding, where looking would stall an accelerator.
        return input_ids.shape[1] == 1 or not bool((input_ids == self.config.image_patch_id).any())

    def _mask(
        self,
        embeds: Tensor,
        position_ids: Tensor | None,
        example_ids: Tensor | None,
        branch_ids: Tensor | None,
        kwargs: dict[str, Any],
    ) -> Any:
        """Step 5's mask. Never nothing without a cache: the library would guess packing from the positions."""
        mask = kwargs.pop("attention_mask", None)
        if example_ids is None:
            if mask is None and kwargs.get("past_key_values") is None:
                return torch.ones(embeds.shape[:2], dtype=torch.long, device=embeds.device)
            return mask
        if position_ids is None:
            raise PromptError("example_ids came without position_ids", fix="collate both from the same rows")
        if kwargs.get("past_key_values") is not None:
            raise PromptError("rows of several examples cannot continue from a cache", fix="leave past_key_values out")
        if branch_ids is None:
            branch_ids = torch.zeros_like(example_ids)
        return attention_mask(self.decoder.config, example_ids, branch_ids, position_ids, embeds.dtype)

    def _dropout(self, loss_weights: Tensor | None) -> ResidualDropout | None:
        if not (self.training and self._drops):
            return None
        if self.config.dropout_tokens == "all":
            return ResidualDropout(self.config.residual_dropout)
        if loss_weights is None:
            return None
        return ResidualDropout(self.config.residual_dropout, (loss_weights > 0).unsqueeze(-1))

    def _add_loss(
        self,
        result: MolmoOutput,
        hidden: Tensor,
        labels: Tensor,
        loss_weights: Tensor,
        return_logits: bool,
        whole: Tensor | float | None,
    ) -> None:
        """Step 6 with labels: only the supervised rows meet the head."""
        rows = supervised_rows(loss_weights)
        hidden = hidden.reshape(-1, hidden.shape[-1]).index_select(0, rows)
        labels, weights = labels.reshape(-1)[rows], loss_weights.reshape(-1)[rows]
        if isinstance(self.lm_head, OutputHead) and not return_logits:
            sums = self.lm_head(hidden, Target(labels, weights, self.config.z_loss))
        else:  # something else may stand in the head's place, such as one with adapters
            logits = self.lm_head(hidden)
            sums = loss_sums(logits, labels, weights)
            result.logits = logits if return_logits else None
        result.ce_sum, result.z_sum, result.weight_sum = sums
        weight = sums.weight if whole is None else torch.as_tensor(whole).to(sums.ce)
        # A batch without supervision has loss 0, not 0/0.
        result.loss = (sums.ce + self.config.z_loss * sums.z) / weight.clamp(min=1e-12)


def _require_both(labels: Tensor | None, loss_weights: Tensor | None) -> None:
    """Labels alone would be taken for nothing to learn, and what was meant by them is unknown."""
    if (labels is None) != (loss_weights is None):
        one, other = ("labels", "loss_weights") if loss_weights is None else ("loss_weights", "labels")
        raise PromptError(f"{one} came without {other}: both are needed to learn", fix=_COLLATE)

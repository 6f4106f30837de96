"""The driver ``transformers`` on tiny detectors with random weights, in the layout in which real ones lie."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import (
    BertConfig,
    BertTokenizer,
    CLIPTokenizer,
    GroundingDinoConfig,
    GroundingDinoForObjectDetection,
    GroundingDinoImageProcessor,
    GroundingDinoProcessor,
    Owlv2Config,
    Owlv2ForObjectDetection,
    Owlv2ImageProcessor,
    Owlv2Processor,
    RTDetrConfig,
    RTDetrForObjectDetection,
    RTDetrImageProcessor,
    RTDetrResNetConfig,
    SwinConfig,
)

from openmolmo.core.errors import CheckpointError, ConfigError
from openmolmo.engine.count import Box, build_detector

PICTURE = np.random.default_rng(0).integers(0, 255, (60, 90, 3), dtype=np.uint8)


def _inside(boxes: list[Box]) -> bool:
    return all(0 <= b.left <= b.right <= 90 and 0 <= b.top <= b.bottom <= 60 and 0.05 <= b.score <= 1 for b in boxes)


def test_rt_detr_finds_its_classes(tmp_path: Path) -> None:
    torch.manual_seed(0)
    backbone = RTDetrResNetConfig(
        embedding_size=8, hidden_sizes=[8, 8, 8, 8], depths=[1, 1, 1, 1], out_features=["stage2", "stage3", "stage4"]
    )
    config = RTDetrConfig(
        backbone_config=backbone, d_model=16, encoder_hidden_dim=16, encoder_in_channels=[8, 8, 8], encoder_ffn_dim=16,
        encoder_attention_heads=2, decoder_in_channels=[16, 16, 16], decoder_layers=1, decoder_ffn_dim=16,
        decoder_attention_heads=2, num_queries=12, num_denoising=0, id2label={0: "Person", 1: "cup"},
        label2id={"Person": 0, "cup": 1},
    )  # fmt: skip
    RTDetrForObjectDetection(config).save_pretrained(tmp_path)
    RTDetrImageProcessor(size={"height": 64, "width": 64}).save_pretrained(tmp_path)
    detector = build_detector("transformers", {"model": str(tmp_path)})
    assert list(detector.labels) == ["cup", "person"]
    boxes = list(detector.detect(PICTURE))
    assert boxes and _inside(boxes) and {box.label for box in boxes} <= {"cup", "person"}
    assert boxes == list(detector.detect(PICTURE))


def test_owlv2_finds_what_it_is_told(tmp_path: Path) -> None:
    torch.manual_seed(0)
    letters = [*"abcdefghijklmnopqrstuvwxyz", *(f"{c}</w>" for c in "abcdefghijklmnopqrstuvwxyz")]
    vocabulary = {token: i for i, token in enumerate([*letters, "<|startoftext|>", "<|endoftext|>"])}
    tokenizer = CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=24)
    config = Owlv2Config(
        text_config={"vocab_size": 64, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1,
                     "num_attention_heads": 2, "max_position_embeddings": 24, "bos_token_id": 52, "eos_token_id": 53,
                     "pad_token_id": 0},
        vision_config={"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
                       "image_size": 32, "patch_size": 8},
        projection_dim=16,
    )  # fmt: skip
    Owlv2ForObjectDetection(config).save_pretrained(tmp_path)
    Owlv2Processor(Owlv2ImageProcessor(size={"height": 32, "width": 32}), tokenizer).save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match="finds what it is told to"):
        build_detector("transformers", {"model": str(tmp_path)})
    detector = build_detector("transformers", {"model": str(tmp_path), "things": "cup, red dog"})
    assert list(detector.labels) == ["cup", "red dog"]
    boxes = list(detector.detect(PICTURE))
    assert boxes and _inside(boxes) and {box.label for box in boxes} <= {"cup", "red dog"}


def test_grounding_dino_finds_what_it_is_told(tmp_path: Path) -> None:
    torch.manual_seed(0)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", "cup", "dog", "?"]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    tokenizer = BertTokenizer(str(tmp_path / "vocab.txt"))
    backbone = SwinConfig(
        image_size=32, patch_size=4, embed_dim=8, depths=[1, 1, 1], num_heads=[1, 1, 1], window_size=4,
        out_features=["stage1", "stage2", "stage3"],
    )  # fmt: skip
    text = BertConfig(
        vocab_size=16, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        max_position_embeddings=32,
    )  # fmt: skip
    config = GroundingDinoConfig(
        backbone_config=backbone, text_config=text, d_model=32, encoder_layers=1, decoder_layers=2,
        encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16, num_queries=10,
        max_text_len=16, num_feature_levels=3,
    )  # fmt: skip
    GroundingDinoForObjectDetection(config).save_pretrained(tmp_path)
    processor = GroundingDinoImageProcessor(size={"shortest_edge": 32, "longest_edge": 64})
    GroundingDinoProcessor(processor, tokenizer).save_pretrained(tmp_path)
    detector = build_detector("transformers", {"model": str(tmp_path), "things": "cup,dog"})
    boxes = list(detector.detect(PICTURE))
    assert _inside(boxes) and {box.label for box in boxes} <= {"cup", "dog"}


def test_what_is_no_detector_is_told(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"there is no config\.json"):
        build_detector("transformers", {"model": str(tmp_path)})
    BertConfig().save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match="is a bert, which finds no things"):
        build_detector("transformers", {"model": str(tmp_path)})
    with pytest.raises(ConfigError, match="cannot be made"):
        build_detector("transformers", {})

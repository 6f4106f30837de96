"""A Molmo small enough to run in milliseconds, with random weights, and a tokenizer of its own."""

from __future__ import annotations

import sys

import pytest
import torch
from inference_toys import noise
from PIL import Image
from transformers import CLIPVisionConfig, Qwen2Config

from openmolmo.cli import main
from openmolmo.imaging import CropConfig
from openmolmo.inference.predictor import Predictor
from openmolmo.model.checkpoint import save_model
from openmolmo.model.config import MolmoConfig
from openmolmo.model.molmo import Molmo
from openmolmo.prompting import FormatConfig, Processor
from openmolmo.prompting.tokenizer import train_bpe

TEXTS = [
    'User: Point to the red star. Assistant: <points x1="10.0" y1="20.0" x2="30.5" y2="20.1" alt="star">star</points>',
    "User: How many? Assistant: Counting the shows a total of 3. There are none. Describe this image in detail.",
]


@pytest.fixture(scope="session")
def processor():
    crop = CropConfig(crop_size=56, patch_size=14, margins=(0, 0), max_crops=2)
    return Processor(train_bpe(TEXTS * 4, 320), crop, FormatConfig(caption_tag_length=True))


@pytest.fixture(scope="session")
def model(processor):
    torch.manual_seed(0)
    config = MolmoConfig(
        vision_config=CLIPVisionConfig(
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            image_size=56,
            patch_size=14,
        ),
        text_config=Qwen2Config(
            vocab_size=320,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            max_position_embeddings=256,
        ),
        image_patch_id=processor.tokenizer.special.im_patch,
        feature_layers=[-1],
        pooling_heads=2,
        pooling_head_dim=16,
        projector_hidden=64,
        connector_init=None,
    )
    model = Molmo(config).eval()
    with torch.no_grad():  # livelier than the default, so that greedy replies differ from each other
        for parameter in model.parameters():
            parameter.mul_(3.0)
    return model


@pytest.fixture(scope="session")
def predictor(model, processor):
    return Predictor(model, processor, max_new_tokens=12, batch_size=4)


@pytest.fixture(scope="session")
def model_folder(model, processor, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    save_model(model, folder)
    processor.save_pretrained(folder)
    return folder


@pytest.fixture
def picture_file(tmp_path):
    path = tmp_path / "shapes.png"
    Image.fromarray(noise(60, 80)).save(path)
    return path


@pytest.fixture
def run(monkeypatch, capsys):
    """Run a command line; (exit code, standard output, standard error)."""

    def call(*argv):
        monkeypatch.setattr(sys, "argv", ["openmolmo", *map(str, argv)])
        with pytest.raises(SystemExit) as ended:
            main()
        shown = capsys.readouterr()
        return ended.value.code, shown.out, shown.err

    return call

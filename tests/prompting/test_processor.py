"""The Processor: pictures and words in, numbers out."""

from __future__ import annotations

import io
import json
import pickle
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from prompting_toys import example

from openmolmo.core.errors import CheckpointError, DataError, ImageError, PromptError
from openmolmo.imaging import CropConfig, make_plan
from openmolmo.prompting import FormatConfig, Processor, TextTokenizer
from openmolmo.records.example import (
    Annotation,
    Caption,
    Counting,
    Example,
    ImageRef,
    Point,
    Pointing,
    QuestionAnswer,
    Transcript,
)

CROP = CropConfig(crop_size=112, margins=(2, 2), max_crops=6)
RNG = np.random.default_rng(0)
PICTURE = RNG.integers(0, 255, (60, 90, 3), dtype=np.uint8)


def encoded(picture: np.ndarray) -> bytes:
    stream = io.BytesIO()
    PIL.Image.fromarray(picture).save(stream, "PNG")
    return stream.getvalue()


DATA = encoded(PICTURE)
EXAMPLE = example(
    Caption(text="A picture of noise in many colours."),
    Transcript(text="so this is noise, um, in colours"),
    Pointing(label="dots", points=(Point(10, 20), Point(5, 5))),
    Counting(label="dots", count=2, points=(Point(10, 20), Point(5, 5))),
    QuestionAnswer(question="What?", answers=("noise",), style="vqa2"),
    image=ImageRef(data=DATA, width=90, height=60),
)


@pytest.fixture(scope="module")
def processor(tokenizer: TextTokenizer) -> Processor:
    return Processor(tokenizer, CROP, FormatConfig())


def reformatted(processor: Processor, **changes: object) -> Processor:
    """The same with other format settings."""
    return Processor(processor.tokenizer, processor.crop, processor.format.replace(**changes))


def text_of(processor: Processor, ids: np.ndarray) -> str:
    return processor.tokenizer.decode(ids.tolist())


def test_training_puts_every_annotation_behind_one_image(processor: Processor) -> None:
    tokens = processor.train(EXAMPLE, np.random.default_rng(1))
    assert set(tokens.branch_ids.tolist()) == {0, 1, 2, 3, 4, 5}
    (image,) = tokens.images
    plan = make_plan(90, 60, CROP)
    assert image.pixels.shape == (plan.n_crops, 3, 112, 112)
    assert np.count_nonzero(tokens.input_ids == processor.tokenizer.special.im_patch) == len(image.pooled_patches)
    assert set(np.unique(tokens.loss_weights)) == {np.float32(0), np.float32(5**-0.5)}
    learned = text_of(processor, tokens.labels[tokens.loss_weights > 0])
    for reply in (" noise", "A picture of noise", ' <points x1="5.0" y1="5.0"', "shows a total of 2."):
        assert reply in learned


def test_caption_stage(processor: Processor) -> None:
    stage = reformatted(
        processor,
        kinds=("caption", "transcript"),
        system_prompt="style_and_length",
        prompt_templates=False,
        loss_weighting="none",
    )
    tokens = stage.train(EXAMPLE, np.random.default_rng(1), max_length=512)
    assert set(tokens.branch_ids.tolist()) == {0, 1, 2}
    assert set(np.unique(tokens.loss_weights)) == {0.0, 1.0}
    text = text_of(stage, tokens.input_ids)
    assert "User: long_caption" in text and "User: transcript" in text and "User: vqa2" not in text


def test_the_same_stream_gives_the_same_numbers_and_another_gives_others(processor: Processor) -> None:
    first, again, other = (processor.train(EXAMPLE, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert np.array_equal(first.input_ids, again.input_ids)
    assert not np.array_equal(first.input_ids, other.input_ids)


def test_what_is_asked_later_is_what_was_trained(processor: Processor) -> None:
    plain = reformatted(processor, demo_tag_rate=0.0, prompt_templates=False, shuffle_branches=False)
    for annotation, text in (
        (EXAMPLE.annotations[2], "Point to dots."),
        (EXAMPLE.annotations[3], "How many dots are there?"),
        (EXAMPLE.annotations[0], ""),
    ):
        trained = plain.train(EXAMPLE.replace(annotations=(annotation,)), np.random.default_rng(0))
        asked = processor.prompt(text, [DATA], style=annotation.style)
        assert trained.input_ids[: len(asked)].tolist() == asked.input_ids.tolist()
        assert trained.position_ids[: len(asked)].tolist() == asked.position_ids.tolist()
        assert trained.branch_ids[: len(asked)].tolist() == asked.branch_ids.tolist()
        assert trained.loss_weights[len(asked) - 2] == 0 and trained.loss_weights[len(asked) - 1] > 0
        np.testing.assert_array_equal(asked.images[0].pixels, trained.images[0].pixels)


def test_prompts(processor: Processor) -> None:
    def asked(*args: object, **kwargs: object) -> str:
        return text_of(processor, processor.prompt(*args, **kwargs).input_ids)  # type: ignore[arg-type]

    assert asked("Hi") == " User: Hi Assistant:"
    assert asked("Hi", style="vqa2") == " User: vqa2: Hi Assistant:"
    assert asked("", style="long_caption") == " User: Describe this image. Assistant:"
    conversation = [("user", "Hi"), ("assistant", "Hello"), ("user", "More?")]
    messages = [{"role": role, "content": content} for role, content in conversation]
    tokens = processor.prompt(messages)
    assert text_of(processor, tokens.input_ids) == " User: Hi Assistant: Hello User: More? Assistant:"
    assert np.count_nonzero(tokens.input_ids == processor.tokenizer.special.eos) == 2  # BOS, and after the first reply
    assert processor.prompt(["Hi", "Hello", "More?"]).input_ids.tolist() == tokens.input_ids.tolist()


def test_prompts_take_pictures_of_every_kind(processor: Processor, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(DATA)
    path = tmp_path / "a.png"
    for source in (DATA, path, str(path), PICTURE, PIL.Image.fromarray(PICTURE), ImageRef(path=str(path))):
        np.testing.assert_array_equal(
            processor.prompt("Hi", [source]).images[0].pixels, processor.prompt("Hi", [DATA]).images[0].pixels
        )
    two = processor.prompt("Is <|image|> like <|image|>?", [DATA, path])
    assert len(two.images) == 2


def test_a_length_is_written_or_refused_but_never_dropped(processor: Processor) -> None:
    measured = reformatted(processor, caption_tag_length=True)
    said = text_of(measured, measured.prompt("", length_hint=83).input_ids)
    assert said == " User: long_caption 83: Describe this image. Assistant:"
    for system_prompt in ("none", "style", "demo_or_style"):
        with pytest.raises(PromptError, match="length hint 83 is given, but this model was trained without lengths"):
            reformatted(processor, system_prompt=system_prompt).prompt("", length_hint=83)
    with pytest.raises(PromptError, match="style vqa2 is no description"):
        measured.prompt("What?", style="vqa2", length_hint=83)


def test_wrong_prompts(processor: Processor) -> None:
    with pytest.raises(PromptError, match="2 messages end with the assistant's"):
        processor.prompt(["Hi", "Hello"])
    with pytest.raises(PromptError, match="no message"):
        processor.prompt([])
    with pytest.raises(PromptError, match=r"message 1 .* expected role 'user'"):
        processor.prompt([{"role": "system", "content": "Be nice"}])
    with pytest.raises(PromptError, match="0 images were given"):
        processor.prompt("What is <|image|>?")
    with pytest.raises(ImageError):
        processor.prompt("Hi", [b"<html>"])


def test_wrong_examples(processor: Processor) -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(DataError, match=r"known by its address only \(http://a/b.jpg\)"):
        processor.train(EXAMPLE.replace(image=ImageRef(url="http://a/b.jpg")), rng)
    with pytest.raises(PromptError, match="image 1 ends at token"):
        processor.train(EXAMPLE, rng, max_length=20)
    with pytest.raises(PromptError, match="no annotation to train on"):
        reformatted(processor, kinds=("dialogue",)).train(EXAMPLE, rng)


def test_text_alone_trains(processor: Processor) -> None:
    tokens = processor.train(
        EXAMPLE.replace(image=None, annotations=EXAMPLE.annotations[-1:]), np.random.default_rng(0)
    )
    assert not tokens.images and tokens.labels[-1] == processor.tokenizer.special.eos
    assert text_of(processor, tokens.input_ids) == " User: vqa2: What? Assistant: noise"


def test_saved_and_loaded(processor: Processor, tmp_path: Path) -> None:
    changed = reformatted(processor, kinds=("caption",), counting="count", caption_tag_rate=0.5)
    changed.save_pretrained(tmp_path)
    loaded = Processor.from_pretrained(tmp_path)
    assert (loaded.crop, loaded.format, loaded.resize_mode) == (changed.crop, changed.format, "exact")
    assert loaded.tokenizer.special == changed.tokenizer.special
    copy = pickle.loads(pickle.dumps(loaded))
    first, second = (p.train(EXAMPLE, np.random.default_rng(2)) for p in (changed, copy))
    assert np.array_equal(first.input_ids, second.input_ids)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda settings: settings["format"].update(countig="count"), "format.countig"),
        (lambda settings: settings["format"].update(counting="no"), "format.counting='no'"),
        (lambda settings: settings["crop"].update(crop_size=100), "crop_size 100"),
        (lambda settings: settings.update(crop=[]), "processor_config.json"),
        (lambda settings: settings.update(extra=1), "must hold crop, format and resize_mode"),
        (lambda settings: settings.update(resize_mode="slow"), "must hold crop, format and resize_mode"),
    ],
)
def test_settings_files_are_strict(processor: Processor, tmp_path: Path, change: object, message: str) -> None:
    processor.save_pretrained(tmp_path)
    path = tmp_path / "processor_config.json"
    settings = json.loads(path.read_text())
    change(settings)  # type: ignore[operator]
    path.write_text(json.dumps(settings))
    with pytest.raises(CheckpointError, match=message):
        Processor.from_pretrained(tmp_path)


def test_a_folder_without_settings(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"has no processor_config.json"):
        Processor.from_pretrained(tmp_path)
    (tmp_path / "processor_config.json").write_text("{")
    with pytest.raises(CheckpointError, match="cannot be read"):
        Processor.from_pretrained(tmp_path)


def two_pictures(*annotations: Annotation) -> Example:
    other = ImageRef(data=encoded(PICTURE[:, :50]), width=50, height=60)
    return example(*annotations, image=EXAMPLE.image).replace(more_images=(other,))


def test_several_pictures_stand_at_the_start_for_all_annotations(processor: Processor) -> None:
    both = two_pictures(*EXAMPLE.annotations)
    tokens = processor.train(both, np.random.default_rng(1))
    plans = [make_plan(90, 60, CROP), make_plan(50, 60, CROP)]
    assert [len(image.pixels) for image in tokens.images] == [plan.n_crops for plan in plans]
    prefix = tokens.input_ids[tokens.branch_ids == 0]
    assert len(prefix) == 1 + sum(plan.n_sequence_tokens for plan in plans)
    assert set(tokens.branch_ids.tolist()) == {0, 1, 2, 3, 4, 5}
    sizes_only = processor.train(both, np.random.default_rng(1), pixels=False)
    np.testing.assert_array_equal(sizes_only.input_ids, tokens.input_ids)
    assert sizes_only.images == []
    parts = processor.train_parts(both, np.random.default_rng(1), max_length=len(prefix) + 60)
    assert len(parts) > 1 and all(len(part.images) == 2 for part in parts)


def test_several_pictures_stand_where_the_texts_name_them(processor: Processor) -> None:
    asked = QuestionAnswer(question="Is <|image|> darker than <|image|>?", answers=("no",), style="vqa2")
    tokens = processor.train(two_pictures(asked), np.random.default_rng(1))
    assert np.count_nonzero(tokens.branch_ids == 0) == 1
    special = processor.tokenizer.special
    text = [id for id in tokens.input_ids.tolist() if id not in (special.im_patch, special.im_col, special.im_end)]
    starts = [place for place, id in enumerate(text) if id == special.im_start]
    plans = [make_plan(90, 60, CROP), make_plan(50, 60, CROP)]
    assert len(starts) == sum(len(plan.token_grids) for plan in plans)
    last_of_first = starts[len(plans[0].token_grids) - 1]
    assert text_of(processor, np.array(text[last_of_first + 1 : starts[len(plans[0].token_grids)]])) == " darker than "
    assert [len(image.pixels) for image in tokens.images] == [plan.n_crops for plan in plans]
    with pytest.raises(PromptError, match=r"1 <.image.> placeholder, 2 images were given"):
        processor.train(two_pictures(QuestionAnswer(question="<|image|>?", answers=("no",))), np.random.default_rng(1))

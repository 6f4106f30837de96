"""Conversations: the same replies as from the start, and pictures looked at once."""

from __future__ import annotations

import pytest
import torch
from inference_toys import noise
from transformers import Olmo3Config

from openmolmo.core.errors import PromptError, RunError
from openmolmo.inference.predictor import Predictor
from openmolmo.inference.quick_step import QuickStep
from openmolmo.model.config import MolmoConfig
from openmolmo.model.molmo import Molmo
from openmolmo.words.requests import Request

PICTURES = [noise(60, 80), noise(40, 90, 1)]
QUESTIONS = ["What is it?", "Where is the red star?", "How many?"]


@pytest.fixture
def looks(model, monkeypatch):
    """How often pictures have been through the encoder."""
    count = []
    look = type(model.encoder).forward
    monkeypatch.setattr(type(model.encoder), "forward", lambda *given: count.append(1) or look(*given))
    return count


def from_the_start(predictor, pictures, replies):
    """What the model says to each question when it reads everything before it anew."""
    given, history = [], ()
    for question, reply in zip(QUESTIONS, replies, strict=True):
        request = Request(text=question, images=tuple(pictures), history=history, max_new_tokens=6)
        given.append(predictor.answer_batch([request])[0])
        history += (question, reply.text)
    return given


@pytest.mark.parametrize("pictures", [PICTURES[:1], PICTURES, []])
def test_replies_are_those_of_the_whole_conversation(predictor, looks, pictures):
    chat = predictor.chat(pictures)
    replies = [chat.ask(question, max_new_tokens=6) for question in QUESTIONS]
    assert len(looks) == (1 if pictures else 0)
    assert replies == from_the_start(predictor, pictures, replies)
    assert chat.messages[0::2] == QUESTIONS
    assert chat.messages[1::2] == [reply.text for reply in replies]


def test_only_what_is_new_is_read(predictor, monkeypatch):
    chat = predictor.chat(PICTURES[0])
    read = []
    forward = type(predictor.model).forward
    monkeypatch.setattr(
        type(predictor.model),
        "forward",
        lambda self, **given: read.append(given["input_ids"].shape[1]) or forward(self, **given),
    )
    step = QuickStep.__call__
    monkeypatch.setattr(
        QuickStep, "__call__", lambda self, ids, *given: read.append(ids.shape[1]) or step(self, ids, *given)
    )
    chat.ask("What is it?", max_new_tokens=3)
    whole, read[:] = read[0], []
    chat.ask("Where?", max_new_tokens=3)
    assert read[0] < whole / 2
    assert read[1:] == [1, 1]


def test_a_reply_in_other_tokens_than_the_tokenizers_own_changes_nothing(predictor, looks):
    """A model may spell a word letter by letter; the conversation read from its start would not."""
    chat = predictor.chat(PICTURES[0])
    first = chat.ask(QUESTIONS[0], max_new_tokens=6)
    chat.messages[1] = "Counting the red star"
    expected = predictor.answer_batch(
        [Request(text="Where?", images=(PICTURES[0],), history=tuple(chat.messages), max_new_tokens=6)]
    )[0]
    looks.clear()
    assert chat.ask("Where?", max_new_tokens=6) == expected
    assert not looks
    assert first.text != chat.messages[1]


def test_a_reply_given_up_is_as_if_never_asked_for(predictor, looks):
    chat, undisturbed = predictor.chat(PICTURES[0]), predictor.chat(PICTURES[0])
    assert chat.ask("What is it?", max_new_tokens=6) == undisturbed.ask("What is it?", max_new_tokens=6)
    begun = chat.stream("Tell me everything", max_new_tokens=9)
    next(begun)
    expected = undisturbed.ask("Where?", max_new_tokens=6)
    assert chat.ask("Where?", max_new_tokens=6) == expected
    assert chat.messages == undisturbed.messages
    assert len(looks) == 2
    with pytest.raises(RunError, match="another question"):
        list(begun)


def test_a_conversation_streams(predictor):
    chat, other = predictor.chat(PICTURES[0]), predictor.chat(PICTURES[0])
    for question in QUESTIONS:
        given = list(chat.stream(question, max_new_tokens=6, stop=("zzz",)))
        assert given[-1].answer == other.ask(question, max_new_tokens=6)
        assert "".join(piece.text for piece in given) == given[-1].answer.text


def test_pictures_go_where_the_question_has_them(predictor, looks):
    chat = predictor.chat(PICTURES)
    text = "First <|image|> then <|image|>: same?"
    request = Request(text=text, images=tuple(PICTURES), max_new_tokens=6)
    assert chat.ask(text, max_new_tokens=6) == predictor.answer_batch([request])[0]
    looks.clear()
    chat.ask("And now?", max_new_tokens=3)
    assert not looks
    for count, placeholders in ((1, 2), (2, 1)):
        with pytest.raises(PromptError, match=rf"{placeholders} <\|image\|> placeholders?.* {count} image"):
            predictor.chat(PICTURES[:count]).ask("<|image|>" * placeholders)


def test_a_conversation_that_outgrows_the_context_says_both_numbers(predictor):
    chat = predictor.chat()
    chat.ask("red star " * 30, max_new_tokens=2)
    before = list(chat.messages)
    with pytest.raises(PromptError, match=r"takes \d+ tokens, the model's context has 256"):
        chat.ask("red star " * 60)
    assert chat.messages == before
    assert chat.ask("Where?", max_new_tokens=2).text is not None


def test_a_history_holds_questions_and_replies(predictor):
    with pytest.raises(PromptError, match="1 texts"):
        Request(text="What?", history=("only a question",))


def test_sliding_windows_give_the_same_replies(processor):
    torch.manual_seed(1)
    config = MolmoConfig(
        vision_config={
            "model_type": "clip_vision_model",
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "image_size": 56,
            "patch_size": 14,
        },
        text_config=Olmo3Config(
            vocab_size=320,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=2,
            max_position_embeddings=256,
            layer_types=["sliding_attention", "full_attention"],
            sliding_window=8,
        ),
        image_patch_id=processor.tokenizer.special.im_patch,
        feature_layers=[-1],
        pooling_heads=2,
        pooling_head_dim=16,
        projector_hidden=64,
        connector_init=None,
    )
    predictor = Predictor(Molmo(config), processor, max_new_tokens=6)
    chat = predictor.chat(PICTURES[0])
    replies = [chat.ask(question, max_new_tokens=6) for question in QUESTIONS]
    assert replies == from_the_start(predictor, PICTURES[:1], replies)

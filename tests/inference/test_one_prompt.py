"""The same question is the same tokens, in training and by every way of asking."""

from __future__ import annotations

import ast
import io
import re
from pathlib import Path

import numpy as np
import pytest
from inference_toys import noise
from PIL import Image

import openmolmo
from openmolmo.core.errors import PromptError
from openmolmo.evaluation.tasks.base import to_request
from openmolmo.evaluation.tasks.captions import CaptionsTask
from openmolmo.evaluation.tasks.clocks import ClocksTask
from openmolmo.evaluation.tasks.counting import CountingTask
from openmolmo.evaluation.tasks.pointing import PointingTask
from openmolmo.evaluation.tasks.short_answers import ShortAnswersTask
from openmolmo.inference.conversation import Chat
from openmolmo.inference.hf import MolmoProcessor
from openmolmo.inference.predictor import Predictor
from openmolmo.prompting import Processor, replies
from openmolmo.prompting.formatter import Formatter
from openmolmo.records.example import (
    Caption,
    Counting,
    Example,
    ImageRef,
    NotPresent,
    Point,
    PointExplanation,
    Pointing,
    Provenance,
    QuestionAnswer,
    Transcript,
)
from openmolmo.words.requests import Request, ask_request, caption_request, count_request, point_request
from openmolmo.words.templates import wording

STREAM = io.BytesIO()
Image.fromarray(noise(56, 60)).save(STREAM, "PNG")
PICTURE = STREAM.getvalue()
AT = (Point(10.0, 20.0),)
WORDS = "x" * 65 * 15

ANNOTATIONS = [
    Pointing(label="Cup", points=AT),
    NotPresent(label="Cup"),
    Counting(label="Cup", count=1, points=AT),
    Pointing(label="cup", points=AT, question="Where is it?", style="find"),
    Caption(text=WORDS),
    Caption(text=WORDS, style="short_caption"),
    Transcript(text=WORDS),
    PointExplanation(question="Why?", answer="By <|POINT|>.", labels=("cup",), points=(AT,)),
    *(
        QuestionAnswer(question="What is it?", answers=("10:30",), style=style)
        for style in ("user_qa", "vqa2", "clocks", "android_control", "demo")
    ),
]
TAGS = {
    "none": {"system_prompt": "none"},
    "style": {"system_prompt": "style"},
    "demo": {"system_prompt": "demo_or_style"},
    "demo, lengths": {"system_prompt": "demo_or_style", "caption_tag_length": True, "caption_tag_rate": 1.0},
    "demo of nothing": {"system_prompt": "demo_or_style", "demo_styles": ()},
    "lengths": {"system_prompt": "style_and_length"},
    "no default length": {"system_prompt": "style_and_length", "default_length": None, "length_hint_rate": 0.0},
}
MARKUP = [
    {"message_format": "role"},
    {"message_format": "none"},
    {"message_format": "none", "always_start_with_space": False},
    {"message_format": "role", "prompt_templates": False},
]


def example(annotation):
    return Example(
        id="toy",
        image=ImageRef(data=PICTURE, width=60, height=56),
        annotations=(annotation,),
        provenance=Provenance(dataset="toys", licence="CC0-1.0", made={}),
        facts={"statements": []},
    )


class Listening(Predictor):
    """Keeps every prompt, and lets no model answer."""

    def limit(self, prompt, *args, **kwargs):
        self.prompt = prompt
        raise PromptError("heard")

    def heard(self, asking):
        with pytest.raises(PromptError, match="heard"):
            asking()
        return self.prompt.input_ids.tolist()


def ways_in(predictor, processor, annotation, text):
    """name -> ids of every way of asking what an annotation asks."""
    style, heard = annotation.style, predictor.heard

    def request(one):
        return heard(lambda: predictor.answer_batch([one]))

    yield "processor", processor.prompt(text, [PICTURE], style=style).input_ids.tolist()
    yield "request", request(Request(text=text, images=(PICTURE,), style=style))
    yield "stream", heard(lambda: list(predictor.stream(Request(text=text, images=(PICTURE,), style=style))))
    if text:
        chat = Chat(predictor, processor.pictures([PICTURE]))
        yield "chat", heard(lambda: chat.ask(text, style=style))
        yield "ask", request(ask_request(PICTURE, text, style))
    content = [{"type": "image", "image": Image.open(io.BytesIO(PICTURE))}, {"type": "text", "text": text}]
    chatted = MolmoProcessor(processor).apply_chat_template(
        [{"role": "user", "content": content}], tokenize=True, style=style
    )
    yield "library", chatted[0].tolist()
    plain = getattr(annotation, "question", None) is None
    if plain and style == "pointing":
        yield "point", request(point_request(PICTURE, annotation.label))
    if plain and style == "point_count":
        yield "count", request(count_request(PICTURE, annotation.label))
    if style == "long_caption":
        yield "caption", request(caption_request(PICTURE))
    for task in (PointingTask(), CountingTask(), CaptionsTask(), ShortAnswersTask(), ClocksTask()):
        for question in task.questions(example(annotation)):
            yield f"evaluation of {task.name}", request(to_request(question))


@pytest.mark.parametrize("tags", TAGS)
@pytest.mark.parametrize("markup", MARKUP, ids=str)
def test_every_way_asks_as_training_does(model, processor, monkeypatch, tags, markup):
    monkeypatch.setattr(replies, "wording", lambda kind, rng=None, label="": wording(kind, label=label))
    forced = {"demo_tag_rate": 0.0, "length_hint_sd": 0.0, "length_hint_rate": 1.0}
    forced |= {"caption_tag_length": False, **TAGS[tags], **markup}
    core = Processor(processor.tokenizer, processor.crop, processor.format.replace(**forced))
    predictor = Listening(model, core)
    asked = 0
    for annotation in ANNOTATIONS:
        if not core.formatter.branch(annotation, np.random.default_rng(0))[0].text:
            continue  # the bare text of nothing: not trained either
        trained = core.train(example(annotation), np.random.default_rng(0), pixels=False).input_ids.tolist()
        described = isinstance(annotation, Caption | Transcript)
        text = "" if described else replies.render_turns(annotation, core.format, None)[0]
        for way, ids in ways_in(predictor, core, annotation, text):
            said = core.tokenizer.decode(ids)
            assert ids == trained[: len(ids)], f"{way} asks {said!r}, {core.tokenizer.decode(trained)!r} was trained"
            asked += 1
    assert asked > 70


def test_without_demo_styles_pointing_has_its_tag(model, processor):
    core = Processor(processor.tokenizer, processor.crop, processor.format.replace(demo_styles=()))
    said = [
        core.tokenizer.decode(ids)
        for way, ids in ways_in(Listening(model, core), core, ANNOTATIONS[0], "Point to cup.")
    ]
    assert len(said) >= 7 and set(said) == {" User: pointing: Point to cup. Assistant:"}


def test_styles_that_bring_their_own_words_have_no_tag(processor):
    formatter = Formatter(processor.format.replace(demo_styles=()))
    assert formatter.question("Tap.", "android_control") == formatter.question("Tap.", "demo") == "Tap."
    assert Formatter(processor.format.replace(system_prompt="style")).question("Tap.", "demo") == "demo: Tap."


def test_a_picture_goes_where_its_word_stands_in_training_and_later(processor):
    asked = QuestionAnswer(question="What is <|image|> like?", answers=("noise",), style="vqa2")
    trained = processor.train(example(asked), np.random.default_rng(0)).input_ids.tolist()
    prompt = processor.prompt(asked.question, [PICTURE], style="vqa2").input_ids.tolist()
    assert prompt == trained[: len(prompt)] and prompt[1] != processor.tokenizer.special.im_start
    twice = QuestionAnswer(question="<|image|> and <|image|>: alike?", answers=("yes",), style="vqa2")
    for refused in (
        lambda: processor.train(example(twice), np.random.default_rng(0)),
        lambda: processor.prompt(twice.question, [PICTURE]),
        lambda: MolmoProcessor(processor)(images=[PICTURE], text=twice.question),
    ):
        with pytest.raises(PromptError, match=r"2 <.image.> placeholders, 1 image was given"):
            refused()


def test_the_library_s_template_takes_no_style(processor):
    chat = [{"role": "user", "content": "What?"}]
    with pytest.raises(PromptError, match=r"style='vqa2' .* nothing that a chat template writes"):
        MolmoProcessor(processor).apply_chat_template(chat, style="vqa2")


def test_every_public_method_has_a_caller():
    names = {Processor: ("processor", "core", "cls"), Formatter: ("formatter",)}
    called = {kind: set() for kind in names}
    for path in Path(openmolmo.__file__).parent.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if not re.search("processor|formatter|core|cls", text, re.IGNORECASE):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                on = ast.unparse(node.func.value)
                for kind, known in names.items():
                    itself = ("self",) if path.stem == kind.__name__.lower() else ()
                    if on.endswith((*known, kind.__name__, *itself)) or on.startswith(f"{kind.__name__}."):
                        called[kind].add(node.func.attr)
    for kind, found in called.items():
        public = {name for name, value in vars(kind).items() if not name.startswith("_")}
        assert public and public - found == set()

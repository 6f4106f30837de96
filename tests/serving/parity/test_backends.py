"""The backends themselves: the library, a server, and peers that die, hang, babble or are not there."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from parity_toys import picture, question

import openmolmo
from openmolmo.core.errors import ConfigError, OpenMolmoError, PromptError
from openmolmo.inference.load import load
from openmolmo.serving.parity.asked import drawn
from openmolmo.serving.parity.backends import server as server_module
from openmolmo.serving.parity.backends.address import read_address
from openmolmo.serving.parity.backends.base import Reply
from openmolmo.serving.parity.backends.find import open_backend
from openmolmo.serving.parity.backends.mlx_inputs import mlx_arrays
from openmolmo.serving.parity.backends.peer import PeerBackend, peer_python
from openmolmo.serving.parity.run import run
from openmolmo.serving.parity.verdict import Gate
from released_toys import published_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published_folder(tmp_path_factory.mktemp("parity") / "m")


def test_a_model_beside_itself(folder: Path) -> None:
    asked = drawn(1)
    same = run(str(folder), str(folder), asked, Gate(min_agreement=1.0), max_new_tokens=6)
    assert not same.misses and same.figures.same == 3 and same.figures.agreement == 1.0
    predictor = load(folder, device="cpu", max_new_tokens=6)
    (reply,) = [pair.a for pair in same.pairs if pair.question.id == "pointing 0"]
    assert isinstance(reply, Reply) and reply.text.strip() == predictor.answer_batch([asked[0].request])[0].text
    assert reply.tops is not None and reply.ids is not None and len(reply.tops) == len(reply.ids) == 6
    assert all(
        max(top, key=lambda token: top[token]) == token for top, token in zip(reply.tops, reply.ids, strict=True)
    )


SCRIPTS = {
    "says": "print(line(ready={'version': 'peer 1'})); [print(reply(r)) for r in requests]",
    "dies": "print(line(ready={})); print(reply(requests[0]), flush=True); sys.exit('out of memory')",
    "hangs": "print(line(ready={}), flush=True); time.sleep(60)",
    "babbles": "print('hello')",
    "refuses": "print(line(place=0, error='too long')); print(reply(requests[1]))",
}
_HEAD = """\
import json, sys, time
requests = json.load(open(sys.argv[1]))["requests"]
line = lambda **values: json.dumps(values)
reply = lambda r: line(place=r["place"], text=r["text"], ids=[1], tops=[[[1, -0.5]]], finished=True, seconds=0.1)
"""


@pytest.mark.parametrize("kind", SCRIPTS)
def test_peers(kind: str, tmp_path: Path) -> None:
    script = tmp_path / "peer.py"
    script.write_text(_HEAD + SCRIPTS[kind])
    peer = PeerBackend(str(script), Path(sys.executable), {}, patience=0.4 if kind == "hangs" else 30.0)
    questions = [question("one"), question("two")]
    outcomes: dict[int, Any] = dict(peer.replies(questions))
    peer.close()
    said = {
        place: outcome.text if isinstance(outcome, Reply) else outcome.message for place, outcome in outcomes.items()
    }
    assert set(said) == {0, 1}
    expected = {
        "says": ("one", "two"),
        "dies": ("one", "it died with exit status 1: out of memory"),
        "hangs": ("it said nothing for 0.4 seconds",) * 2,
        "babbles": ("it wrote what is no JSON",) * 2,
        "refuses": ("too long", "two"),
    }[kind]
    assert (said[0], said[1]) == expected
    if kind == "says":
        assert peer.about["version"] == "peer 1" and outcomes[0].tops == ({1: -0.5},)


def test_peers_that_are_not_there(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    for name, address in (("OPENMOLMO_MLX_PYTHON", "mlx"), ("OPENMOLMO_VLLM_PYTHON", "vllm")):
        monkeypatch.delenv(name, raising=False)
        with pytest.raises(ConfigError, match=f"{name} is not set"):
            open_backend(read_address(f"{address}:{folder}"))
        monkeypatch.setenv(name, "/nowhere/python")
        with pytest.raises(ConfigError, match="is no program"):
            open_backend(read_address(f"{address}:{folder}"))
    monkeypatch.setenv("OPENMOLMO_MLX_PYTHON", sys.executable)
    assert peer_python("OPENMOLMO_MLX_PYTHON", "mlx-vlm") == Path(sys.executable)
    with pytest.raises(ConfigError, match="inputs='mine' is not one of own, ours"):
        open_backend(read_address(f"mlx:{folder}?inputs=mine"))


def test_our_numbers_in_the_form_of_mlx(folder: Path) -> None:
    processor = openmolmo.load(folder, device="cpu").processor
    prompt = processor.prompt("How many?", [picture(300, 180)])
    arrays = mlx_arrays(prompt, processor)
    side, (crops,) = 8, prompt.images
    places, pixels = arrays["image_input_idx"], arrays["pixel_values"]
    assert (prompt.input_ids[places[places >= 0]] == processor.tokenizer.special.im_patch).all()
    windows = {int(places[tuple(at)]): at for at in np.argwhere(places >= 0)}
    for token, pooled in zip(sorted(windows), crops.pooled_patches.tolist(), strict=True):
        crop, window = windows[token]
        row, column = divmod(int(window), side // 2)
        first = crop * side * side + 2 * row * side + 2 * column
        assert pooled == [first, first + 1, first + side, first + side + 1]
    patch = pixels[1, side + 2].reshape(14, 14, 3)  # second row, third column
    assert np.array_equal(patch, crops.pixels[1][:, 14:28, 28:42].transpose(1, 2, 0))
    assert "pixel_values" not in mlx_arrays(processor.prompt("Hello?"), processor)
    with pytest.raises(PromptError, match="takes one"):
        mlx_arrays(processor.prompt("Both?", [picture(), picture()]), processor)


def test_what_a_server_is_sent() -> None:
    chat = server_module._chat(question("Point to star."))
    (message,) = chat.messages
    assert message["content"][0]["image_url"]["url"].startswith("data:image/png;base64,")
    assert message["content"][1] == {"type": "text", "text": "Point to star."} and chat.max_tokens == 8
    odd = question("one")
    object.__setattr__(odd.request, "max_crops", 3)
    with pytest.raises(OpenMolmoError, match="a server is not told max_crops=3"):
        server_module._chat(odd)

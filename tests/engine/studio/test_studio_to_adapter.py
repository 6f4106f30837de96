"""From nothing to a trained adapter, by the commands of the how-to: spoken, clicked, reviewed, exported, audited."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from app_room import Browser
from speak_room import say

from openmolmo.engine.speech import Audio, read_audio
from openmolmo.engine.speech.audio import RATE
from openmolmo.engine.studio import sample
from openmolmo.engine.studio.app.create import create_app
from openmolmo.engine.studio.settings import read_settings
from openmolmo.engine.studio.store.database import upgrade
from openmolmo.model.find import bundled_models
from openmolmo.records.example import Made, Transcript
from openmolmo.records.folder import open_dataset

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed here (Debian: flite)"),
    pytest.mark.skipif("nano" not in bundled_models(), reason="no bundled model in this installation"),
]

TEXTS = (
    "There are nine grey keys on a pale background. A pink mushroom stands at the left. "
    "There is also a pink hexagon near the top. The largest key is at the top, and the others lie below it.",
    "The picture shows eight grey keys. The sky behind them is light blue, and it turns to orange at the bottom. "
    "A pink mushroom with a dark edge is in the lower left corner. It is a drawing with soft colours.",
)


def openmolmo(folder: Path, *words: str) -> str:
    """Run a command as a user does, in an empty folder; what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "openmolmo", *words],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def spoken(folder: Path, text: str) -> bytes:
    """What a browser records of flite's voice: Opus in webm."""
    wav, webm = folder / "said.wav", folder / "said.webm"
    subprocess.run(["flite", "-voice", "slt", "-t", text, "-o", str(wav)], check=True, timeout=60)
    audio: Audio = read_audio(wav)
    with av.open(webm, "w", format="webm") as target:
        track = target.add_stream("libopus", rate=RATE, layout="mono")
        samples = (np.pad(audio.samples, (0, -len(audio.samples) % 320)) * 32767).astype(np.int16)
        for start in range(0, len(samples), 320):
            frame = av.AudioFrame.from_ndarray(samples[None, start : start + 320], format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
            target.mux(track.encode(frame))
        target.mux(track.encode(None))
    return webm.read_bytes()


def test_from_nothing_to_a_trained_adapter(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for picture in Path(sample.__file__).parent.glob("*.jpg"):
        shutil.copy(picture, tmp_path / "photos")
    openmolmo(tmp_path, "studio", "init", "--project", "garden", "--licence", "CC-BY-4.0")
    ways = ("--modes", "speak,point", "--annotations", "2", "--licence", "Apache-2.0")
    openmolmo(tmp_path, "studio", "import", "photos", "--project", "garden", *ways)
    (tmp_path / "studio/studio.yaml").write_text("speech: pocketsphinx\n")
    settings = read_settings(tmp_path / "studio")
    links = [
        openmolmo(tmp_path, "studio", "users", "invite", "--role", role).strip().rpartition("/join/")[2]
        for role in ("annotator", "annotator", "admin")
    ]
    with closing(upgrade(settings.database_url)) as database:
        app = create_app(settings, database)
        ada, bob, root = (Browser(app, settings.address) for _ in links)
        for browser, link, name in zip((ada, bob, root), links, ("Ada", "Bob", "Root"), strict=True):
            assert browser.enter(link, name).status_code == 200
        options = {"annotations": "2", "lease_seconds": "1800", "gold_share": "0", "max_seconds": "600"}
        saved = root.form("/project/speak", **options, min_seconds="8", min_speech="0.3", needs_review="on")
        assert saved.status_code == 200
        for browser, text in zip((ada, bob), TEXTS, strict=True):
            lease = browser.take("speak")["lease"]
            say(browser, lease, spoken(tmp_path, text))
            answer = browser.call(f"/api/leases/{lease}/submit", {"payload": {"texts": {}}, "worked_ms": 20_000})
            assert answer.status_code == 200, answer.text
        task = ada.take("point")
        clicked = {"groups": [{"label": "key", "points": [{"x": 20.0, "y": 30.0}, {"x": 60.0, "y": 70.0}]}]}
        answer = ada.call(f"/api/leases/{task['lease']}/submit", {"payload": {**clicked, "absent": ["dog"]}})
        assert answer.status_code == 200, answer.text

        said = openmolmo(tmp_path, "studio", "worker", "--until-idle")
        for work in (1, 2):
            seen = root.get(f"/api/reviews/{work}/spoken").json()
            assert seen["caption"]["method"] == "offline", said
            assert len(seen["caption"]["annotations"]) == 2, "both people spoke of one picture"
            verdict = {"verdict": "accepted", "comment": ""}
            assert root.call(f"/api/reviews/{work}", verdict).status_code == 200

    openmolmo(tmp_path, "studio", "export", "data")
    openmolmo(tmp_path, "data", "audit", "data")
    recordings = sorted((tmp_path / "data/recordings").glob("*.webm"))
    assert len(recordings) == 2
    spoken_of = next(one for one in open_dataset(tmp_path / "data") if "caption" in one.provenance.made)
    assert spoken_of.provenance.made["caption"] == (Made.SPOKEN, Made.SPEECH, Made.PROGRAM)
    assert sum(isinstance(one, Transcript) for one in spoken_of.annotations) == 2
    assert len(spoken_of.provenance.receipts["audio_sha256"].split()) == 2
    tuned = openmolmo(
        tmp_path,
        *("train", "finetune_lora", "data=data", "steps=2", "loader.rows=1", "loader.workers=0", "loader.streams=1"),
        *("threads=1", "--require-audit", "--out", "run"),
    )
    assert (tmp_path / "run/final/adapter/adapter_model.safetensors").is_file(), tuned

    # the receipts are looked at: a recording that was changed fails by name
    recordings[0].write_bytes(recordings[0].read_bytes()[:-1])
    failed = subprocess.run(
        [sys.executable, "-m", "openmolmo", "data", "audit", "data"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert failed.returncode != 0
    assert recordings[0].stem[:8] in failed.stdout + failed.stderr

"""Any number of requests into a folder of answers: each answered once, taken up where it was left."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from openmolmo.core.errors import ImageError, RunError
from openmolmo.inference.at_scale import engines, job
from openmolmo.inference.at_scale.job import Workers, answer_at_scale
from openmolmo.inference.at_scale.work import answer_part
from openmolmo.inference.commands import answer
from openmolmo.inference.settings import Settings
from openmolmo.words.answer import Answer

SETTINGS = Settings(
    model="nano",
    tokenizer=None,
    max_new_tokens=8,
    temperature=0.0,
    top_p=1.0,
    seed=0,
    batch_size=4,
    device="cpu",
    dtype=None,
    resize=None,
    compile=False,
)


class Echo:
    """Answers with text, seed and kind of pictures; texts that begin with ``bad`` fail while ``broken`` is there."""

    name, weights = "echo", "w1"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def answers(self, requests):
        for place, request in enumerate(requests):
            if request.text == "kill" and not (self.folder / "killed").exists():
                (self.folder / "killed").touch()
                os.kill(os.getpid(), signal.SIGKILL)
            with (self.folder / "asked.txt").open("a") as stream:
                stream.write(f"{request.text}\n")
            wrong = request.text.startswith("bad") and (self.folder / "broken").exists()
            kinds = [type(image).__name__ for image in request.images]
            text = f"{request.text}/{request.seed}/{','.join(kinds)}"
            yield place, ImageError("no picture", kind="missing") if wrong else Answer(text)


def echo(settings):
    """The engine of these tests, also in the processes of Ray, which know the folder by their environment."""
    return Echo(Path(os.environ["ECHO_FOLDER"]))


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ECHO_FOLDER", str(tmp_path))
    engines.opened.cache_clear()
    engines.ENGINES.register("echo", echo)
    yield tmp_path
    engines.opened.cache_clear()


def run(source, out, engine="echo", rows=3, **options):
    return answer_at_scale(source, out, SETTINGS, Workers(engine=engine), rows_per_shard=rows, **options)


def found(out):
    lines = [line for path in sorted(out.glob("answers-*.jsonl")) for line in path.read_text().splitlines()]
    values = [json.loads(line) for line in lines]
    assert len({value["id"] for value in values}) == len(values), "each request is answered once"
    return {value["id"]: value.get("text") or value["error"] for value in values}


def test_every_request_is_answered_once_and_a_job_goes_on_where_it_was_left(folder):
    source, out = folder / "requests.jsonl", folder / "out"
    texts = ["a", "bad", "kill", "c", "d", "é", "g"]
    (folder / "killed").touch()  # nobody is killed here
    lines = [json.dumps({"text": text}, ensure_ascii=False) for text in texts]
    source.write_text("\ufeff" + "\n".join([*lines[:2], "", *lines[2:4], "{half", *lines[4:]]) + "\n", encoding="utf-8")
    (folder / "broken").touch()
    done = run(source, out)
    assert (done.answered, done.before, done.failed) == (6, 0, 2)
    assert found(out)["2"] == "no picture" and found(out)["8"] == "é/7/" and "JSON" in found(out)["line 6"]
    assert sorted(path.name for path in out.glob("*.failed")) == ["answers-000000.failed", "answers-000001.failed"]

    (folder / "broken").unlink()
    (out / "answers-000002.jsonl").unlink()  # as if the job had ended before it came to this part
    (folder / "asked.txt").unlink()
    done = run(source, out)
    assert done.failed == 1 and found(out)["2"] == "bad/1/"
    assert (folder / "asked.txt").read_text().split() == ["bad", "d", "é", "g"], "what has an answer is not asked again"
    with pytest.raises(RunError, match="begun with another rows_per_shard: 3, now 4"):
        run(source, out, rows=4)
    source.write_text('{"text": "other"}\n')
    with pytest.raises(RunError, match="begun with another source_mark"):
        run(source, out)


def test_tables_and_folders_of_pictures(folder):
    import pyarrow as pa
    from pyarrow.parquet import write_table

    pictures = folder / "pictures"
    (pictures / "deep").mkdir(parents=True)
    for name in ("a.png", "b.png", "deep/c.png"):
        Image.new("RGB", (8, 8)).save(pictures / name)
    run(pictures, folder / "of-pictures", rows=2, default={"task": "caption"})
    assert found(folder / "of-pictures") == {"a.png": "/0/str", "b.png": "/1/str", "deep/c.png": "/2/str"}

    data = (pictures / "a.png").read_bytes()
    rows = pa.table(
        {
            "image": pa.array([{"bytes": data, "path": None}, {"bytes": None, "path": "a.png"}, None, None, None]),
            "images": [None, None, ["a.png", "b.png"], None, ["a.png"]],
            "text": ["one", "two", "three", None, "five"],
            "more": [1, 2, 3, 4, 5],
        }
    )
    write_table(rows, pictures / "table.parquet", row_group_size=2)
    done = run(pictures / "table.parquet", folder / "of-rows", default={"text": "plain"})
    assert (done.answered, done.failed) == (5, 0)
    texts = ["one/0/bytes", "two/1/str", "three/2/str,str", "plain/3/", "five/4/str"]
    assert found(folder / "of-rows") == dict(zip("01234", texts, strict=True))


def test_the_command_says_what_goes_where(folder):
    source = folder / "requests.jsonl"
    source.write_text('{"text": "a"}\n{"text": "b"}\n')
    done = CliRunner().invoke(answer, [str(source), "--out", str(folder / "o"), "--engine", "echo", "--device", "cpu"])
    assert done.exit_code == 0, done.output
    assert found(folder / "o") == {"1": "a/0/", "2": "b/1/"}
    both = CliRunner().invoke(answer, [str(source), "--out", str(folder / "o.jsonl"), "--engine", "ray"])
    assert both.exit_code == 2 and "give --out a folder" in both.output


def part_by_echo(task):
    """What a worker of Ray does, which has to be told of this file's engine first."""
    engines.ENGINES.register("echo", echo)
    return answer_part(task)


@pytest.mark.slow
@pytest.mark.timeout(480)
def test_two_workers_of_ray_answer_everything_though_one_is_killed(folder, monkeypatch):
    pytest.importorskip("ray")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    source = folder / "requests.jsonl"
    texts = ["kill" if number == 4 else f"t{number}" for number in range(14)]
    source.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    with monkeypatch.context() as patch:
        patch.setattr(job, "answer_part", part_by_echo)
        workers = Workers(engine="echo", executor="ray", count=2)
        done = answer_at_scale(source, folder / "echoed", SETTINGS, workers, rows_per_shard=3)
    assert (folder / "killed").exists()
    assert (done.answered, done.failed) == (14, 0)
    assert found(folder / "echoed") == {str(i + 1): f"{text}/{i}/" for i, text in enumerate(texts)}

    Image.new("RGB", (64, 64), "white").save(folder / "a.png")
    lines = [{"task": "point", "image": "a.png", "text": f"red star {number}"} for number in range(6)]
    source.write_text("".join(json.dumps(line) + "\n" for line in lines))
    for name, executor in (("many", "ray"), ("one", "processes")):
        done = answer_at_scale(source, folder / name, SETTINGS, Workers(executor=executor, count=2), rows_per_shard=2)
        assert (done.answered, done.failed) == (6, 0)
    assert found(folder / "many") == found(folder / "one")

"""``openmolmo doctor``: what is here, what is missing, with the line that installs it, and its exit code."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from openmolmo.core.doctor import Finding, machine, packages, torch_facts
from openmolmo.core.doctor.commands import doctor
from openmolmo.core.doctor.report import CHECKS, finding_lines
from openmolmo.engine.sandbox import launch, sandbox_missing


def call(*options: str) -> Result:
    return CliRunner().invoke(doctor, options, standalone_mode=False)


def without(monkeypatch: pytest.MonkeyPatch, *missing: str, **other: str) -> None:
    """As if some packages were not installed, and others had another version."""
    version = metadata.version

    def pretend(name: str) -> str:
        if name in missing:
            raise metadata.PackageNotFoundError(name)
        return other.get(name) or version(name)

    monkeypatch.setattr(metadata, "version", pretend)


def found(findings: list[dict[str, Any]], name: str) -> dict[str, Any]:
    (one,) = [finding for finding in findings if finding["name"] == name]
    return one


def test_all_that_is_needed_is_here() -> None:
    told = call("--json")
    values = json.loads(told.stdout)
    assert told.return_value == 0 and values["ok"] is True
    findings = values["findings"]
    assert found(findings, "numpy")["value"] == metadata.version("numpy")
    assert found(findings, "bundled models")["value"] == "nano"
    assert {"versions", "extras", "devices", "machine", "disk"} == {finding["group"] for finding in findings}
    assert {"instructions", "threads of torch", "memory", "fonts", "disk here", "output"} <= {
        finding["name"] for finding in findings
    }
    lines = call().stdout
    assert f"numpy{' ' * 13}{metadata.version('numpy')}" in lines and lines.endswith("all that is needed is here\n")


def test_the_sandbox_is_tried_and_a_check_that_fails_hides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    state = found(json.loads(call("--json").stdout)["findings"], "sandbox")
    assert state["state"] == ("ok" if sandbox_missing() is None else "note")
    monkeypatch.setattr(launch, "_try_namespaces", lambda: "bwrap: No permissions to create new namespace")
    monkeypatch.setattr(launch.shutil, "which", lambda name: "/usr/bin/bwrap" if name == "bwrap" else None)
    closed = found(json.loads(call("--json").stdout)["findings"], "sandbox")
    assert "forbids the namespaces" in closed["value"] and "No permissions" in closed["value"]
    assert closed["fix"].startswith("allow user namespaces") and closed["state"] == "note"
    monkeypatch.setattr(launch.shutil, "which", lambda name: None)
    none = found(json.loads(call("--json").stdout)["findings"], "sandbox")
    assert "bubblewrap, which is not installed" in none["value"] and none["fix"] == "apt install bubblewrap"

    def broken() -> Iterator[Finding]:
        raise OSError("no such device")

    monkeypatch.setattr(CHECKS, "_local", {"sandbox": broken})
    findings = json.loads(call("--json").stdout)["findings"]
    assert found(findings, "sandbox")["value"] == "cannot be looked at: no such device" and found(findings, "memory")


def test_every_extra_is_listed_with_its_purpose() -> None:
    extras = set(metadata.distribution("openmolmo").metadata.get_all("Provides-Extra") or [])
    assert extras <= set(packages.PURPOSES)
    listed = {finding.name for finding in packages.installed_findings() if finding.group == "extras"}
    assert listed == extras - {"dev"}


def test_a_missing_extra_is_a_note_with_its_pip_line(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "peft")
    told = call("--json")
    peft = found(json.loads(told.stdout)["findings"], "peft")
    assert told.return_value == 0
    assert (peft["state"], peft["fix"]) == ("note", 'pip install "openmolmo[peft]"')
    assert peft["value"].endswith("peft is not installed")


def test_without_torch_nothing_is_broken_and_extras_with_models_name_it(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "torch")
    told = call("--json")
    findings = json.loads(told.stdout)["findings"]
    assert told.return_value == 0
    torch, train = found(findings, "torch"), found(findings, "train")
    assert (torch["state"], torch["fix"]) == ("note", 'pip install "openmolmo[torch]"')
    assert torch["value"].endswith(": torch is not installed")
    assert (train["state"], train["fix"]) == ("note", 'pip install "openmolmo[train]"')
    assert train["value"].endswith(": the extra torch is not complete")
    assert {found(findings, extra)["state"] for extra in ("download", "synth", "eval")} == {"ok"}


def test_what_is_needed_and_missing_or_old_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "jinja2", pyarrow="3.0")
    told = call("--json")
    values = json.loads(told.stdout)
    assert told.return_value == 1 and values["ok"] is False
    jinja, arrow = found(values["findings"], "jinja2"), found(values["findings"], "pyarrow")
    assert jinja["state"] == arrow["state"] == "broken"
    assert jinja["fix"].startswith('pip install "jinja2>=')
    assert arrow["value"].startswith("is 3.0, needed is >=")
    assert call().stdout.endswith("2 broken\n")


def test_a_package_that_is_not_installed_says_so() -> None:
    *_, last = packages.installed_findings("no-such-package")
    assert last.state == "broken" and last.fix is not None and "pip install -e ." in last.fix


def test_without_torch_it_works_all_the_same() -> None:
    code = (
        "import sys\n"
        "from importlib import metadata\n"
        "class Missing:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('torch', 'transformers'):\n"
        "            raise ModuleNotFoundError(name, name=name)\n"
        "sys.meta_path.insert(0, Missing())\n"
        "version = metadata.version\n"
        "def pretend(name):\n"
        "    if name in ('torch', 'transformers'):\n"
        "        raise metadata.PackageNotFoundError(name)\n"
        "    return version(name)\n"
        "metadata.version = pretend\n"
        "sys.argv = ['openmolmo', 'doctor']\n"
        "from openmolmo.cli import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr == ""
    assert "torch" in done.stdout and "is not installed" in done.stdout
    assert "devices\n  ok      instructions" not in done.stdout and "free at" in done.stdout


def test_a_torch_that_cannot_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> None:
        raise OSError("libgomp.so.1: cannot open shared object file")

    monkeypatch.setattr(torch_facts.importlib, "import_module", fail)
    (finding,) = torch_facts.torch_findings()
    assert finding.state == "broken" and "libgomp.so.1" in finding.value and finding.fix is not None


@pytest.mark.parametrize("hidden", [False, True])
def test_a_processor_without_bfloat16_and_two_accelerators(monkeypatch: pytest.MonkeyPatch, hidden: bool) -> None:
    """Without it, or with one that ATEN_CPU_CAPABILITY hides."""
    pretended = SimpleNamespace(
        backends=SimpleNamespace(
            cpu=SimpleNamespace(get_cpu_capability=lambda: "AVX2"), mps=SimpleNamespace(is_available=lambda: False)
        ),
        cpu=SimpleNamespace(_is_avx512_bf16_supported=lambda: hidden),
        cuda=SimpleNamespace(
            is_available=lambda: True,
            device_count=lambda: 2,
            get_device_properties=lambda n: SimpleNamespace(name=f"Card {n}", total_memory=80 * 2**30),
        ),
        get_num_threads=lambda: 2,
    )
    monkeypatch.setattr(torch_facts.importlib, "import_module", lambda name: pretended)
    told = {finding.name: finding.value for finding in torch_facts.torch_findings()}
    assert told["instructions"] == "AVX2" and told["bfloat16"].startswith("emulated here")
    assert told["cuda:0"] == "Card 0, 80 GiB" and told["cuda:1"] == "Card 1, 80 GiB"
    assert "accelerator" not in told


def test_folders_that_cannot_be_written_and_full_disks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(dir: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda path: SimpleNamespace(free=5_000_000))
    told = list(machine.machine_findings(tmp_path, tmp_path / "not/there/yet"))
    disk = [finding for finding in told if finding.group == "disk"]
    assert len(disk) == 4 and {finding.state for finding in disk} == {"broken"}
    assert any("Permission denied" in f.value and f.fix and "HF_HOME" in f.fix for f in disk)
    assert any("0.0 GB free" in f.value and f.fix and f.fix.startswith("free some space") for f in disk)


def test_a_terminal_that_cannot_print_every_script(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(encoding="ascii", isatty=lambda: False))
    finding = machine._terminal()
    assert (finding.state, finding.value) == ("note", "ascii, no terminal")
    assert finding.fix is not None and "PYTHONUTF8=1" in finding.fix


def test_lines_put_the_next_step_under_what_is_missing() -> None:
    lines = finding_lines([Finding(group="extras", name="peft", value="missing", state="note", fix="pip install x")])
    assert lines == ["extras", "  -       peft  missing", "                -> pip install x"]

"""What scripts/run and scripts/test install, on machines that are made up of a few stand-in programs."""

import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = ROOT / "scripts" / "environment.sh"


def shell(command: str, **environment: object) -> subprocess.CompletedProcess:
    """Run a command after environment.sh, in an environment of its own."""
    return subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", f'source "{ENVIRONMENT}"; {command}', "test"],
        env={name: str(value) for name, value in environment.items()},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_python_may_lie_in_a_folder_with_spaces(tmp_path):
    python = tmp_path / "my python" / "python3"
    python.parent.mkdir()
    python.symlink_to(sys.executable)
    done = shell('find_python && printf "%s" "$PYTHON"', PATH="/usr/bin:/bin", PYTHON=python)
    assert (done.returncode, done.stdout) == (0, str(python))


def program(path: Path, script: str) -> Path:
    """An executable that notes how it was called before it does anything else."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\necho "{path.name} $*" >>"$CALLS"\n{script}\n')
    path.chmod(0o755)
    return path


@pytest.fixture
def machine(tmp_path):
    """A machine without Chromium; gives check_chromium's result and the calls it made."""
    programs = tmp_path / "bin"
    for name in ("bash", "dirname", "basename", "mktemp", "rm", "tail", "ln", "env"):
        (programs / name).parent.mkdir(exist_ok=True)
        (programs / name).symlink_to(f"/usr/bin/{name}")
    program(programs / "id", "echo 0")
    program(programs / "apt-get", "")
    downloaded = program(tmp_path / "downloaded" / "chrome", "")
    program(tmp_path / "venv/bin/python", f'[ "$1" = -m ] || echo {downloaded}')

    def check(candidates: str) -> tuple[subprocess.CompletedProcess, str]:
        program(programs / "apt-cache", f"printf '{candidates}'")
        calls = tmp_path / "calls"
        calls.write_text("")
        done = shell(
            f"VENV={tmp_path / 'venv'}; LOG={tmp_path / 'log'}; check_chromium; command -v chromium || true",
            PATH=programs,
            CALLS=calls,
        )
        return done, calls.read_text()

    return check


def test_chromium_comes_from_apt_where_apt_has_it(machine):
    done, calls = machine("chromium | 150.0 | http://deb.debian.org bookworm/main")
    assert done.returncode == 0, done.stderr
    assert "--no-install-recommends chromium fonts-liberation" in calls
    assert "playwright" not in calls


def test_chromium_comes_from_playwright_where_apt_has_none(machine, tmp_path):
    done, calls = machine("")
    assert done.returncode == 0, done.stderr
    assert "python -m playwright install --with-deps chromium" in calls
    link = tmp_path / "venv/bin/chromium"
    assert done.stdout.splitlines()[-1] == str(link)
    assert link.resolve() == tmp_path / "downloaded" / "chrome"
    assert "apt-get install" not in calls
    _, calls = machine("")
    assert calls == ""  # it is there


@pytest.mark.parametrize(("extras", "installs"), [("cpu", False), ("cpu,train,test", True)])
def test_imaug_comes_without_the_opencv_that_it_asks_for(tmp_path, extras, installs):
    programs, venv, calls = tmp_path / "bin", tmp_path / "my venv", tmp_path / "calls"
    programs.mkdir()
    for name in ("dirname", "cat", "sha256sum", "cut"):
        (programs / name).symlink_to(f"/usr/bin/{name}")
    program(venv / "bin/python", "exit 0")
    calls.write_text("")
    done = shell(
        f'VENV="{venv}"; LOG="{tmp_path / "log"}"; check_mongod() {{ :; }}; install_package {extras}',
        PATH=programs,
        CALLS=calls,
    )
    assert done.returncode == 0, done.stderr
    separate = "python -m pip install --no-deps imaug>=0.4.3,<0.5\n"
    assert calls.read_text().count(separate) == installs


def test_training_on_a_gpu_takes_another_tensorflow_and_nothing_else():
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    cpu, gpu = (
        set(setup["options.extras_require"][name].strip().splitlines()) for name in ("train", "train-gpu")
    )
    assert gpu - cpu == {'tensorflow[and-cuda]>=2.19,<3; sys_platform == "linux"'}
    assert {line.split(">=")[0] for line in cpu - gpu} == {"tensorflow-cpu", "tensorflow"}

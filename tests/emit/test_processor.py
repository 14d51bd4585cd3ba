"""LLVM is asked about the processor once, not by every process."""

from pathlib import Path

import pytest

from nngraph.emit import processor
from nngraph_kernels import host, target
from nngraph_kernels.target import Target

FOUND = Target("some-cpu", "+fast,-slow", 32, True)


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Where questions to LLVM are noted; nothing is known at first."""
    questions: list[str] = []

    def ask() -> Target:
        questions.append("asked")
        return FOUND

    if not processor.CPU_INFORMATION.exists():
        pytest.skip("the system does not say what its processor is")
    monkeypatch.setenv("NNGRAPH_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(host, "ask", ask)
    monkeypatch.setattr(target, "_known", {})
    return questions


def answer(version: str = "1.0") -> Target:
    """As a new process has it."""
    target._known.clear()
    return processor.processor(version)


def test_a_second_process_reads_the_answer(asked: list[str]) -> None:
    assert [answer(), answer(), answer()] == [FOUND] * 3
    assert asked == ["asked"]


@pytest.mark.parametrize("change", ["version", "variable", "processor", "questions"])
def test_what_the_answer_depends_on(asked: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, change: str):
    answer()
    if change == "variable":
        monkeypatch.setenv("NUMBA_CPU_NAME", "generic")
    if change == "processor":
        (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: another\n\nprocessor\t: 1\n")
        monkeypatch.setattr(processor, "CPU_INFORMATION", tmp_path / "cpuinfo")
    if change == "questions":
        (tmp_path / "host.py").write_text("another rule\n")
        monkeypatch.setattr(processor, "QUESTIONS", tmp_path / "host.py")
    answer("2.0" if change == "version" else "1.0")
    assert asked == ["asked"] * 2


def test_the_clock_rate_is_not_part_of_it(asked: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(processor, "CPU_INFORMATION", tmp_path / "cpuinfo")
    for rate in (2000, 3100):
        (tmp_path / "cpuinfo").write_text(f"processor\t: 0\nmodel name\t: one\ncpu MHz\t\t: {rate}.5\n\n")
        answer()
    assert asked == ["asked"]


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"cpu": 1}', '{"cpu": "a", "features": "", "vector_bytes": "64", "fma": 1}']
)
def test_a_damaged_answer_is_asked_for_again(asked: list[str], tmp_path: Path, text: str) -> None:
    answer()
    (file,) = (tmp_path / "cache").glob("processor-*.json")
    file.write_text(text)
    assert [answer(), answer()] == [FOUND] * 2
    assert asked == ["asked"] * 2


def test_an_answer_that_others_could_write_is_not_read(asked: list[str], tmp_path: Path) -> None:
    answer()
    (tmp_path / "cache").chmod(0o777)
    assert answer() == FOUND
    assert asked == ["asked"] * 2

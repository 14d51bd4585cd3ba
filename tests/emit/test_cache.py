"""The cache gives the right kernel, whatever it finds on disk, and compiles only what is missing."""

import ctypes
import json
import os
import signal
import stat
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from nngraph.emit.cache import KernelCache
from nngraph.emit.directory import pack_object, user_cache_directory
from nngraph.emit.fingerprint import source_key
from nngraph.errors import CompilationError


def adder(name: str, number: int) -> str:
    return f"def {name}(args, thread, threads):\n    args[0] = args[1] + {number} * threads + thread\n"


def call(address: int, value: int) -> int:
    slots = (ctypes.c_int64 * 2)(0, value)
    ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(address)(slots, 1, 10)
    return slots[0]


def run_script(text: str, directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    script = directory / "script.py"
    script.write_text(textwrap.dedent(text))
    path = os.pathsep.join(os.path.abspath(entry) for entry in sys.path)
    environment = os.environ | {"PYTHONPATH": path, "NNGRAPH_CACHE_DIR": str(directory / "cache")}
    command = [sys.executable, str(script), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, cwd=directory, timeout=60)


def test_compiles_then_finds_in_memory_then_on_disk(tmp_path: Path) -> None:
    sources = {f"ng_a{k}": adder(f"ng_a{k}", k) for k in range(4)}
    reports: list[tuple[int, int]] = []
    cache = KernelCache(tmp_path)
    addresses = cache.entries(sources, lambda done, total: reports.append((done, total)))
    assert [call(addresses[f"ng_a{k}"], 5) for k in range(4)] == [5 + 10 * k + 1 for k in range(4)]
    assert reports == [(done, 4) for done in range(5)]
    assert cache.why("ng_a0") == "compiled: not in cache"
    assert cache.entries(sources, lambda done, total: reports.append((done, total))) == addresses
    assert len(reports) == 5
    again = KernelCache(tmp_path)
    assert call(again.entries({"ng_a2": sources["ng_a2"]})["ng_a2"], 5) == 26
    assert again.why("ng_a2") == "on disk"
    assert again.why("ng_a3") == "not used in this process"


def test_files_are_private_and_readable_as_source(tmp_path: Path) -> None:
    cache = KernelCache(tmp_path / "new")
    cache.entries({"ng_p": adder("ng_p", 1)})
    assert (cache.folder / "ng_p.py").read_text() == adder("ng_p", 1)
    assert stat.S_IMODE(cache.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((cache.folder / "ng_p.o").stat().st_mode) == 0o600
    assert "cpu" in json.loads((cache.folder / "fingerprint.json").read_text())
    assert sorted(path.name for path in cache.folder.iterdir()) == ["fingerprint.json", "ng_p.o", "ng_p.py"]


@pytest.mark.parametrize("damage", ["empty", "truncated", "flipped", "foreign", "not an object"])
def test_a_damaged_object_is_a_miss(tmp_path: Path, damage: str) -> None:
    source = adder("ng_d", 3)
    first = KernelCache(tmp_path)
    first.entries({"ng_d": source})
    file = first.folder / "ng_d.o"
    data = file.read_bytes()
    damaged = {
        "empty": b"",
        "truncated": data[: len(data) // 2],
        "flipped": data[:-9] + bytes([data[-9] ^ 4]) + data[-8:],
        "foreign": b"\x7fELF" + data,
        "not an object": pack_object(source_key(source), b"whatever, but with the right checksum"),
    }
    file.write_bytes(damaged[damage])
    second = KernelCache(tmp_path)
    assert call(second.entries({"ng_d": source})["ng_d"], 0) == 31
    reason = "object does not load" if damage == "not an object" else "object corrupt"
    assert second.why("ng_d") == f"compiled: {reason}"
    assert file.read_bytes() == data


def test_an_object_without_its_entry_is_a_miss(tmp_path: Path) -> None:
    first = KernelCache(tmp_path)
    first.entries({"ng_one": adder("ng_one", 1)})
    code = (first.folder / "ng_one.o").read_bytes()[-1000:]
    code = code[code.index(b"\x7fELF") :] if b"\x7fELF" in code else b"?"
    (first.folder / "ng_two.o").write_bytes(pack_object(source_key(adder("ng_two", 2)), code))
    second = KernelCache(tmp_path)
    both = {"ng_one": adder("ng_one", 1), "ng_two": adder("ng_two", 2)}
    addresses = second.entries(both)
    assert (call(addresses["ng_one"], 0), call(addresses["ng_two"], 0)) == (11, 21)
    assert second.why("ng_one") == "on disk"


def test_another_source_under_the_same_name_is_a_miss(tmp_path: Path) -> None:
    cache = KernelCache(tmp_path)
    cache.entries({"ng_s": adder("ng_s", 1)})
    assert call(cache.entries({"ng_s": adder("ng_s", 2)})["ng_s"], 0) == 21
    assert cache.why("ng_s") == "compiled: its source, or what it imports from nngraph_kernels, changed"


def test_says_what_changed_in_the_fingerprint(tmp_path: Path) -> None:
    old = KernelCache(tmp_path)
    old.entries({"ng_f": adder("ng_f", 1)})
    parts = json.loads((old.folder / "fingerprint.json").read_text()) | {"numba": "0.1.0"}
    renamed = old.folder.rename(tmp_path / "0123456789abcdef")
    (renamed / "fingerprint.json").write_text(json.dumps(parts))
    new = KernelCache(tmp_path)
    new.entries({"ng_f": adder("ng_f", 1)})
    assert new.why("ng_f").startswith("compiled: fingerprint changed (numba 0.1.0 -> ")


def test_a_directory_that_cannot_be_written_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    cache = KernelCache(tmp_path / "file" / "cache")
    assert call(cache.entries({"ng_w": adder("ng_w", 1)})["ng_w"], 0) == 11
    assert "cannot be written" in (cache.complaint or "")
    folder = cache.folder
    assert folder.exists()
    del cache
    assert not folder.exists()


def test_a_directory_that_others_can_write_is_not_read(tmp_path: Path) -> None:
    first = KernelCache(tmp_path)
    first.entries({"ng_o": adder("ng_o", 1)})
    tmp_path.chmod(0o777)
    second = KernelCache(tmp_path)
    assert second.complaint == f"{tmp_path} can be written by other users"
    second.entries({"ng_o": adder("ng_o", 1)})
    assert second.why("ng_o") == "compiled: not in cache"
    assert not second.folder.is_relative_to(tmp_path)


def test_user_cache_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NNGRAPH_CACHE_DIR", str(tmp_path))
    assert user_cache_directory() == tmp_path
    monkeypatch.delenv("NNGRAPH_CACHE_DIR")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert user_cache_directory() == tmp_path / "nngraph"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert user_cache_directory() == Path.home() / ".cache" / "nngraph"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert user_cache_directory() == Path.home() / "Library" / "Caches" / "nngraph"


SCRIPT = """
    import sys
    from nngraph.emit.cache import KernelCache
    from nngraph.emit.elf import LINKS_HERE
    sources = {}
    for k in range(3):
        sources[f"ng_q{k}"] = f"def ng_q{k}(args, thread, threads):\\n    args[0] = {k}\\n"
    cache = KernelCache()
    cache.entries(sources)
    print([cache.why(name) for name in sources], "numba" in sys.modules)
    if [cache.why(name) for name in sources] == ["on disk"] * 3 and LINKS_HERE:
        assert "llvmlite" not in sys.modules
"""


def test_an_unguarded_script_compiles_and_never_imports_numba(tmp_path: Path) -> None:
    (tmp_path / "numbers.py").write_text("raise RuntimeError('found in the current directory')")
    (tmp_path / ".numba_config.yaml").write_text("opt: 0\n")
    for reason in ("compiled: not in cache", "on disk"):
        result = run_script(SCRIPT.replace("import sys\n", "import sys; del sys.path[0]\n"), tmp_path)
        assert (result.stdout, result.stderr) == (f"{[reason] * 3} False\n", "")


def test_two_processes_compile_the_same_at_once(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT))
    path = os.pathsep.join(os.path.abspath(entry) for entry in sys.path)
    environment = os.environ | {"PYTHONPATH": path, "NNGRAPH_CACHE_DIR": str(tmp_path / "cache")}
    both = [
        subprocess.Popen([sys.executable, str(script)], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in both:
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        assert output.endswith("False\n")
    assert run_script(SCRIPT, tmp_path).stdout == f"{['on disk'] * 3} False\n"


def test_an_error_is_one_line_that_names_kernel_and_file(tmp_path: Path) -> None:
    source = "def ng_e(args, thread, threads):\n    n = args[0]\n    n.nonsense()\n"
    cache = KernelCache(tmp_path)
    with pytest.raises(CompilationError) as caught:
        cache.entries({"ng_e": source, "ng_good": adder("ng_good", 1)})
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("kernel ng_e does not compile: TypingError: ")
    assert message.endswith(f"({cache.folder / 'ng_e.py'}, line 3)")
    assert "nonsense" in message
    assert not hasattr(caught.value, "__notes__")
    with pytest.raises(CompilationError) as caught:
        KernelCache(tmp_path, debug=True).entries({"ng_e": source})
    assert "Traceback" in caught.value.__notes__[0]
    assert call(cache.entries({"ng_good": adder("ng_good", 1)})["ng_good"], 0) == 11


def test_a_kernel_that_ends_its_compiler_is_given_up(tmp_path: Path) -> None:
    source = f"import os, sys\nprint('last words', file=sys.stderr)\nos._exit(3)\n{adder('ng_x', 1)}"
    with pytest.raises(CompilationError, match=r"ng_x ends its compiler, exit status 3: last words \(/"):
        KernelCache(tmp_path).entries({"ng_x": source})


def test_what_a_source_prints_does_not_disturb(tmp_path: Path) -> None:
    source = f"import os\nprint('hello')\nos.write(1, b'hello')\n{adder('ng_h', 1)}"
    assert call(KernelCache(tmp_path).entries({"ng_h": source})["ng_h"], 0) == 11


@pytest.mark.parametrize("line", ["print(args[0])", "import numpy\n    args[0] = numpy.ones(args[1]).size"])
def test_a_kernel_must_not_need_numbas_run_time(tmp_path: Path, line: str) -> None:
    with pytest.raises(CompilationError, match="ng_r does not compile"):
        KernelCache(tmp_path).entries({"ng_r": f"def ng_r(args, thread, threads):\n    {line}\n"})


def test_ctrl_c_ends_the_compilers(tmp_path: Path) -> None:
    source = f"import os, time\nopen('{tmp_path}/pid', 'w').write(str(os.getpid()))\ntime.sleep(60)\n"
    script = tmp_path / "script.py"
    script.write_text(f"""
from nngraph.emit.cache import KernelCache
KernelCache({str(tmp_path / "cache")!r}).entries({{"ng_c": {source + adder("ng_c", 1)!r}}})
""")
    path = os.pathsep.join(os.path.abspath(entry) for entry in sys.path)
    process = subprocess.Popen(
        [sys.executable, str(script)],
        env=os.environ | {"PYTHONPATH": path},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    worker = int(_await_text(tmp_path / "pid"))
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=10)
    assert process.returncode == -signal.SIGINT
    assert error.endswith("KeyboardInterrupt\n")
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)


def _await_text(path: Path) -> str:
    for _ in range(1000):
        if path.exists() and path.read_text():
            return path.read_text()
        time.sleep(0.01)
    raise TimeoutError(path)

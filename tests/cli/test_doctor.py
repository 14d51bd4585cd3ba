"""`nngraph doctor`: its verdicts."""

from types import SimpleNamespace

import pytest

from nngraph import doctor
from nngraph.doctor import Check
from nngraph.errors import DeviceError
from nngraph.run.cuda.device import About


def test_this_machine_is_well(nngraph):
    ran = nngraph("doctor")
    assert ran.code == 0
    assert ran.out.splitlines()[-1] == "nngraph works on this machine"
    assert "self-test" in ran.out
    assert "broken" not in ran.out


def test_what_is_broken_is_named(nngraph, monkeypatch):
    monkeypatch.setattr(doctor, "self_test", lambda: iter([Check("self-test", "broken", "differs")]))
    ran = nngraph("doctor")
    assert ran.code == 1
    assert ran.out.splitlines()[-1] == "broken: self-test"
    found = nngraph("doctor", "--json").json
    assert found["broken"] == ["self-test"]


def test_a_check_that_fails_hides_no_other(monkeypatch):
    def bad():
        raise RuntimeError("no such thing\nand more")

    monkeypatch.setattr(doctor, "processor", bad)
    monkeypatch.setattr(doctor, "self_test", lambda: iter(()))
    found = list(doctor.checks())
    assert Check("processor", "broken", "RuntimeError: no such thing") in found
    assert found[-1].name == "cache"


def test_settings_and_an_unusable_cache_are_notes(monkeypatch, tmp_path):
    tmp_path.chmod(0o777)
    monkeypatch.setenv("NNGRAPH_CACHE_DIR", str(tmp_path))
    assert next(doctor.settings()) == Check("settings", "note", f"NNGRAPH_CACHE_DIR={tmp_path}")
    (check,) = doctor.cache()
    assert check.verdict == "note"
    assert "can be written by other users" in check.found


def test_a_kernel_that_computes_something_else_is_broken(monkeypatch):
    monkeypatch.setattr(doctor, "SELF_TEST", doctor.SELF_TEST.replace("float32(3.0)", "float32(3.1)"))
    check = list(doctor.self_test())[-1]
    assert check.verdict == "broken"
    assert check.found.endswith("at most 1e-6 expected")


@pytest.mark.parametrize("missing", [True, False])
def test_a_device_and_its_library(monkeypatch, missing):
    def library():
        if missing:
            raise DeviceError("products: 'cublas' needs cuBLAS, which is not found; pip install it")
        return SimpleNamespace(name="cuBLAS 12.9.3")

    about = About("a device", "CUDA 12.9", (9, 0), 2.0**37, 2.0**36)
    monkeypatch.setattr(doctor, "find_spec", lambda name: object())
    monkeypatch.setattr("nngraph.run.cuda.device.device", lambda: SimpleNamespace(about=lambda: about))
    monkeypatch.setattr("nngraph.run.cuda.cublas.library", library)
    cuda, cublas = doctor.cuda()
    assert cuda == Check("cuda", "ok", "a device, compute capability 9.0, driver for CUDA 12.9, 64.0 of 128.0 GiB free")
    kept = Check("cublas", "note", "'cublas' needs cuBLAS, which is not found; pip install it")
    assert cublas == (kept if missing else Check("cublas", "ok", "cuBLAS 12.9.3, for --products cublas"))

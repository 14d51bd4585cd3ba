"""`nngraph doctor`: its verdicts."""

from nngraph import doctor
from nngraph.doctor import Check


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

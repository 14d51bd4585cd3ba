"""Runs: what their directories keep, and how they go on."""

import json
import os
import signal

import numpy as np
import pytest

import nngraph as ng
from nngraph.run.tape import Tape
from nngraph.train import run_directory
from nngraph.train.best import Best
from nngraph.train.loop import Loop
from nngraph.train.position import Position
from tests.train.networks import examples, model, same

X, Y = examples(200)
HELD_OUT = examples(37, seed=1)
OPTIONS = {"epochs": 8, "batch_size": 16, "validation": HELD_OUT, "standardize": True}
FILES = ("model.json", "config.json", "last.safetensors", "best.safetensors")


def new_model():
    return model(threads=1, optimizer=ng.Adam(ng.Cosine(0.02)))


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "unbroken"
    m = new_model()
    history = m.fit(X, Y, **OPTIONS, run=path)
    return m, history, path


def lines(path):
    found = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "seconds"} for line in found]


def test_a_directory_keeps_everything(unbroken):
    m, history, path = unbroken
    assert sorted(os.listdir(path)) == sorted((*FILES, "metrics.jsonl"))
    assert json.loads((path / "model.json").read_text())["name"] == "classifier"
    config = json.loads((path / "config.json").read_text())
    assert config["epochs"] == 8
    assert config["optimizer"]["learning_rate"]["type"] == "cosine"
    assert [line["epoch"] for line in lines(path)] == list(range(1, 9))
    assert [line["validation_loss"] for line in lines(path)] == history["validation_loss"]
    assert same(ng.load_model(path).parameters(), m.parameters())
    best = ng.load_model(path / "best.safetensors")
    assert best.evaluate(*HELD_OUT)["loss"] == pytest.approx(min(history["validation_loss"]), rel=1e-6)
    assert best.history.epochs == history.best_epoch


def stopped_after(monkeypatch, steps):
    """Ctrl-C as soon as a run of the tape has so many steps done in all."""
    start = Tape.start
    total = 0

    def interrupted(self, segments, threads=None):
        nonlocal total
        cut, left = [], steps - total
        for segment in segments:
            taken = min(segment.steps, left)
            left -= taken
            if taken:
                cut.append(type(segment)(segment.program, taken, segment.cursor))
        total = steps - left
        if not left:
            os.kill(os.getpid(), signal.SIGINT)
        return start(self, cut or segments[:1], threads)

    monkeypatch.setattr(Tape, "start", interrupted)


@pytest.mark.parametrize("steps", [1, 5, 17, 31, 60])
def test_goes_on_as_if_it_had_not_been_interrupted(unbroken, steps, tmp_path, monkeypatch):
    """In the midst of an epoch, at its end, and in the midst of its validation."""
    m, history, path = unbroken
    with monkeypatch.context() as patch:
        stopped_after(patch, steps)
        first = new_model()
        with pytest.raises(KeyboardInterrupt):
            first.fit(X, Y, **OPTIONS, run=tmp_path / "run")
    taken = first.trainee.position.epoch * 13 + first.trainee.position.step
    assert taken <= steps
    assert len(lines(tmp_path / "run")) == first.history.epochs
    other = ng.load_model(tmp_path / "run", threads=2)
    again = other.fit(X, Y, **OPTIONS, run=tmp_path / "run", resume=True)
    assert same(m.parameters(), other.parameters())
    assert history == again
    for name in FILES:
        assert (path / name).read_bytes() == (tmp_path / "run" / name).read_bytes(), name
    assert lines(path) == lines(tmp_path / "run")


def test_goes_on_in_the_same_process(unbroken, monkeypatch):
    m, history, _ = unbroken
    other = new_model()
    with monkeypatch.context() as patch:
        stopped_after(patch, 20)
        with pytest.raises(KeyboardInterrupt):
            other.fit(X, Y, **OPTIONS)
    assert other.fit(X, Y, **OPTIONS, resume=True) == history
    assert same(m.parameters(), other.parameters())


def test_early_stopping_goes_on_too(tmp_path):
    def fit(m, path, epochs=60, **options):
        return m.fit(X, Y, epochs=epochs, validation=HELD_OUT, early_stopping=3, run=path, **options)

    whole, part = model(threads=1, optimizer=ng.Adam(0.1)), model(threads=1, optimizer=ng.Adam(0.1))
    history = fit(whole, tmp_path / "whole")
    assert history.stopped
    cut = history.best_epoch + 1

    def interrupt(epoch, metrics):
        if epoch == cut:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(part, tmp_path / "part", callbacks=interrupt)
    for _ in range(2):  # the second finds that nothing is left to do
        other = ng.load_model(tmp_path / "part" / "last.safetensors", threads=1)
        again = fit(other, tmp_path / "part", resume=True)
        assert again == history
        assert again.stopped == history.stopped
        assert same(whole.parameters(), other.parameters())
    assert same(ng.load_model(tmp_path / "part").parameters(), whole.parameters())


def test_last_is_written_while_training_goes_on(tmp_path, monkeypatch, unbroken):
    monkeypatch.setattr(run_directory, "SECONDS", 0.0)
    m = new_model()
    m.fit(X, Y, **OPTIONS, run=tmp_path / "run")
    assert same(m.parameters(), unbroken[0].parameters())


def test_a_process_that_was_killed_has_measured_more_than_it_saved(tmp_path, unbroken):
    m = new_model()
    m.fit(X, Y, **{**OPTIONS, "epochs": 3}, run=tmp_path / "run")
    with (tmp_path / "run" / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 4}\n')
    other = ng.load_model(tmp_path / "run")
    other.fit(X, Y, **{**OPTIONS, "epochs": 5}, run=tmp_path / "run", resume=True)
    assert [line["epoch"] for line in lines(tmp_path / "run")] == [1, 2, 3, 4, 5]


def test_a_run_is_not_written_over(unbroken):
    with pytest.raises(ng.OptionError, match="holds a run already; choose another, or resume it"):
        new_model().fit(X, Y, **OPTIONS, run=unbroken[2])


@pytest.mark.parametrize("failed", [False, True])
def test_a_new_model_takes_up_what_the_run_has_saved(unbroken, failed, tmp_path):
    """A step that failed leaves moments behind, which are those of the run too."""
    new_model().fit(X, Y, **{**OPTIONS, "epochs": 3}, run=tmp_path / "run")
    m, again = new_model(), new_model()
    if failed:
        with pytest.raises(ng.ExecutionError):
            m.fit(np.full_like(X, 3e38), Y, epochs=1)
    again.fit(X, Y, **{**OPTIONS, "epochs": 3})
    again.fit(X, Y, **OPTIONS, resume=True)
    history = m.fit(X, Y, **OPTIONS, run=tmp_path / "run", resume=True)
    assert history == again.history
    assert same(m.parameters(), again.parameters())
    assert [line["epoch"] for line in lines(tmp_path / "run")] == list(range(1, 9))


def test_a_model_that_is_elsewhere_is_refused(tmp_path):
    new_model().fit(X, Y, **{**OPTIONS, "epochs": 2}, run=tmp_path / "run")
    other = new_model()
    other.fit(X, Y, epochs=1, batch_size=16)
    with pytest.raises(ng.OptionError, match="is at epoch 2, step 0, but the model is at epoch 1, step 0"):
        other.fit(X, Y, **OPTIONS, run=tmp_path / "run", resume=True)


@pytest.mark.parametrize(("batch", "count", "message"), [(32, 200, "32 of 200"), (16, 150, "16 of 150")])
def test_an_epoch_goes_on_with_the_same_batches(batch, count, message, tmp_path):
    first = new_model()
    first.fit(X, Y, epochs=1, batch_size=16)
    first.trainee.position = Position(1, np.ones((5, 2)), (16, 200))  # as if stopped after five steps
    first.save(tmp_path / "part")
    for m in (first, ng.load_model(tmp_path / "part")):
        with pytest.raises(ng.OptionError, match=f"batches of {message} examples given, but .* of 16 of 200 examples"):
            m.fit(X[:count], Y[:count], epochs=3, batch_size=batch, resume=True)
        assert m.fit(X, Y, epochs=3, batch_size=16, resume=True).epochs == 3


def test_a_training_that_failed_before_its_first_step_may_be_begun_again(tmp_path, monkeypatch):
    path = tmp_path / "run"
    with pytest.raises(ng.ExecutionError):
        new_model().fit(np.full_like(X, 3e38), Y, epochs=1, run=path)
    with monkeypatch.context() as patch:
        patch.setattr(Loop, "__init__", lambda *_: (_ for _ in ()).throw(ng.ExecutionError("no memory")))
        with pytest.raises(ng.ExecutionError, match="no memory"):
            new_model().fit(X, Y, epochs=1, run=path)
    new_model().fit(X, Y, **OPTIONS, run=path)
    assert [line["epoch"] for line in lines(path)] == list(range(1, 9))


def test_no_line_of_metrics_is_lost_to_an_interruption_between_epochs(tmp_path, monkeypatch):
    """While the best parameters are copied, before the line is written."""
    take = Best.take

    def interrupted(self):
        take(self)
        if self.watch.best_epoch == 2:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Best, "take", interrupted)
    m = new_model()
    with pytest.raises(KeyboardInterrupt):
        m.fit(X, Y, **OPTIONS, run=tmp_path / "run")
    assert m.history.epochs == m.trainee.position.epoch == 2
    assert [line["epoch"] for line in lines(tmp_path / "run")] == [1, 2]
    assert (tmp_path / "run" / "best.safetensors").is_file()


def test_no_line_of_metrics_is_lost_to_an_error_between_epochs(tmp_path, monkeypatch):
    def fail(self):
        raise MemoryError

    monkeypatch.setattr(Best, "take", fail)
    m = new_model()
    with pytest.raises(MemoryError):
        m.fit(X, Y, **OPTIONS, run=tmp_path / "run")
    assert [line["epoch"] for line in lines(tmp_path / "run")] == [1]


def test_the_best_is_written_before_the_last_that_counts_on_it(tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(run_directory, "write", lambda path, checkpoint: written.append(path.name))
    new_model().fit(X, Y, epochs=1, run=tmp_path / "run")
    assert written == ["best.safetensors", "last.safetensors"]

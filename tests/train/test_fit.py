"""Training: the same however it is split up, grouped or threaded; and what may end or weigh it."""

import numpy as np
import pytest

import nngraph as ng
from nngraph.train import loop
from nngraph.train.data.dataset import from_arrays
from nngraph.train.data.randomness import epoch_order
from nngraph.train.data.splits import split
from nngraph.train.early_stopping import Watch
from tests.train.networks import CLASSES, INPUTS, classifier, examples, model, same

X, Y = examples()
HELD_OUT = examples(37, seed=1)


def trained(epochs=6, threads=1, **options):
    m = model(threads=threads)
    history = m.fit(X, Y, epochs=epochs, batch_size=32, **options)
    return m.parameters(), history


def test_bitwise_equal_on_two_threads_and_from_run_to_run():
    first, history = trained(validation=HELD_OUT)
    for threads in (1, 2):
        again, other = trained(threads=threads, validation=HELD_OUT)
        assert same(first, again)
        assert history == other


def test_learns_and_names_its_metrics():
    _, history = trained(epochs=30, validation=HELD_OUT)
    assert list(history) == ["loss", "accuracy", "validation_loss", "validation_accuracy"]
    assert all(len(column) == history.epochs == 30 for column in history.values())
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    assert history["validation_accuracy"][-1] > 0.8
    assert "30 epochs" in repr(history)


def test_two_calls_do_what_one_does():
    whole, history = trained(epochs=6)
    m = model(threads=1)
    first = m.fit(X, Y, epochs=2, batch_size=32)
    second = m.fit(X, Y, epochs=4, batch_size=32)
    assert same(whole, m.parameters())
    assert history["loss"] == first["loss"] + second["loss"]


def test_epochs_that_go_to_the_tape_together_are_the_same_as_one_by_one():
    together, history = trained(epochs=20, validation=HELD_OUT)
    seen = []
    apart, other = trained(epochs=20, validation=HELD_OUT, callbacks=lambda epoch, metrics: seen.append(epoch))
    assert same(together, apart)
    assert history == other
    assert seen == list(range(1, 21))


def test_groups_of_epochs_meet_their_own_orders(monkeypatch):
    """More epochs than a run takes: orders are written over while others are read."""
    first, _ = trained(epochs=25)
    monkeypatch.setattr(loop, "ROWS_A_RUN", 3 * len(X))
    monkeypatch.setattr(loop, "SECONDS_A_RUN", 100.0)
    assert same(first, trained(epochs=25)[0])


def test_a_step_takes_the_examples_that_the_order_names():
    m = model(dropout=0.0, threads=1)
    order = epoch_order(len(X), 0, 0)
    other = model(dropout=0.0, threads=1)
    for k in range(0, len(X), 32):
        rows = order[k : k + 32]
        other.fit(X[rows], Y[rows], epochs=1, batch_size=32, shuffle=False)
    m.fit(X, Y, epochs=1, batch_size=32)
    assert same(m.parameters(), other.parameters())


def test_history_is_the_mean_over_examples():
    m = model(dropout=0.0, threads=1, optimizer=ng.SGD(0.0))
    history = m.fit(X, Y, epochs=1, batch_size=32, validation=(X, Y))
    expected = m.evaluate(X, Y)
    assert history["loss"][0] == pytest.approx(expected["loss"], rel=1e-6)
    assert history["accuracy"] == [expected["accuracy"]] == history["validation_accuracy"]


def test_weights_of_samples_and_classes():
    m = model(dropout=0.0, threads=1)
    only = Y == 1
    m.fit(X, Y, epochs=3, batch_size=100, shuffle=False, sample_weight=only.astype(float))
    by_class = model(dropout=0.0, threads=1)
    by_class.fit(X, Y, epochs=3, batch_size=100, shuffle=False, class_weight={0: 0, 2: 0})
    assert same(m.parameters(), by_class.parameters())
    unweighted = model(dropout=0.0, threads=1)
    unweighted.fit(X, Y, epochs=3, batch_size=100, shuffle=False)
    assert not same(m.parameters(), unweighted.parameters())
    assert m.loss_and_gradients(X, Y)[0] == pytest.approx(m.evaluate(X, Y)["loss"], rel=1e-6)


def test_class_weights_are_of_the_training_part_alone():
    weights = {0: 5.0, 2: 0.25}
    for given in (weights, "balanced"):
        m = model(threads=1)
        history = m.fit(X, Y, epochs=2, batch_size=32, validation=0.25, class_weight=given)
        training, held_out = split(from_arrays(X, Y), 0.25, seed=m.programs.seed)
        by_hand = model(threads=1)
        other = by_hand.fit(training.x, training.y, epochs=2, batch_size=32, validation=held_out, class_weight=given)
        assert history == other
        assert same(m.parameters(), by_hand.parameters())
        assert history["validation_loss"][-1] == pytest.approx(m.evaluate(held_out.x, held_out.y)["loss"], rel=1e-6)


def linear(regularizer=None, **options):
    g = ng.Graph("linear")
    g.output(g.linear(g.input("x", (INPUTS,)), 1, bias=False, name="w"))
    return ng.compile(g, loss="sum_squared_error", optimizer=ng.SGD(0.0), regularizer=regularizer, **options)


@pytest.mark.parametrize("penalty", [0.0, 3.0])
def test_summed_losses_of_training_and_validation_are_of_as_many_examples(penalty):
    """Whatever the sizes of the sets and of their batches are: that of a training step, the regularizer once."""
    m = linear(ng.L2(penalty) if penalty else None)
    w = m.parameters()["w.weight"].astype(np.float64)
    errors = (X.astype(np.float64) @ w.T - 1) ** 2
    for rows in (100, 37, 5):
        history = m.fit(X, np.ones(100), epochs=1, batch_size=32, validation=(X[:rows], np.ones(rows)))
        assert list(history) == ["loss", "mae", "validation_loss", "validation_mae"]
        once = penalty * (w**2).sum()
        assert history["loss"][0] == pytest.approx(32 * errors.mean() + once, rel=1e-5)
        assert history["validation_loss"][0] == pytest.approx(32 * errors[:rows].mean() + once, rel=1e-5)


def test_a_summed_loss_beside_a_mean():
    g = ng.Graph("two")
    x = g.input("x", (INPUTS,))
    g.output(g.linear(x, 1, name="a"))
    g.output(g.linear(x, 1, name="b"))
    losses = {"a": "sum_squared_error", "b": "mean_squared_error"}
    m = ng.compile(g, loss=losses, optimizer=ng.SGD(0.0), regularizer=ng.L2(0.5))
    targets = {"a": np.ones(100), "b": np.ones(100)}
    history = m.fit(X, targets, epochs=1, batch_size=32, validation=(X[:37], {k: t[:37] for k, t in targets.items()}))
    whole, part = m.evaluate(X, targets), m.evaluate(X[:37], {k: t[:37] for k, t in targets.items()}, batch_size=8)
    for found, expected, rows, prefix in ((history, whole, 100, ""), (history, part, 37, "validation_")):
        a = expected["loss/a"] * 32 / rows
        assert found[f"{prefix}loss/a"][0] == pytest.approx(a, rel=1e-5)
        assert found[f"{prefix}loss/b"][0] == pytest.approx(expected["loss/b"], rel=1e-5)
        assert found[f"{prefix}loss"][0] == pytest.approx(expected["loss"] - expected["loss/a"] + a, rel=1e-5)


def test_ones_as_weights_change_nothing():
    plain, _ = trained(epochs=2)
    assert same(plain, trained(epochs=2, sample_weight=np.ones(len(X)))[0])


def test_weights_of_the_validation_alone():
    weights = np.arange(37.0)
    m = model(threads=1)
    history = m.fit(X, Y, epochs=2, validation=(*HELD_OUT, weights))
    assert same(m.parameters(), trained(epochs=2)[0])
    expected = m.evaluate(*HELD_OUT, sample_weight=weights)["loss"]
    assert history["validation_loss"][-1] == pytest.approx(expected, rel=1e-6)


def test_early_stopping_goes_back_to_the_best():
    m = model(threads=1, optimizer=ng.Adam(0.2))
    kept = {}
    history = m.fit(
        X, Y, epochs=200, batch_size=32, validation=HELD_OUT, early_stopping=ng.EarlyStopping(3),
        callbacks=lambda epoch, metrics: kept.update({epoch: m.parameters()}),
    )  # fmt: skip
    assert history.epochs == history.best_epoch + 3 < 200
    assert history.stopped == "validation_loss not better for 3 epochs"
    assert history["validation_loss"][history.best_epoch - 1] == min(history["validation_loss"])
    assert same(m.parameters(), kept[history.best_epoch])


def test_early_stopping_by_a_metric_that_rises():
    stopping = ng.EarlyStopping(2, "accuracy", min_delta=0.5, restore_best=False)
    _, history = trained(epochs=50, early_stopping=stopping)
    assert history.stopped.startswith("accuracy not better")


def test_only_an_accuracy_rises():
    rising = {name: Watch(name).rising for name in ("validation_accuracy/z", "accuracy", "loss/accuracy", "mae")}
    assert rising == {"validation_accuracy/z": True, "accuracy": True, "loss/accuracy": False, "mae": False}


def test_best_epochs_are_numbered_as_callbacks_number_them(tmp_path):
    m = model(threads=1)
    m.fit(X, Y, epochs=2)
    first = m.fit(X, Y, epochs=2, early_stopping=50, run=tmp_path / "run")
    assert first.best_epoch == 4
    again = m.fit(X, Y, epochs=4, early_stopping=50, run=tmp_path / "run", resume=True)
    assert again.best_epoch == 4
    assert ng.load_model(tmp_path / "run" / "best.safetensors").trainee.position.epoch == 4


def test_a_training_that_a_callback_ended_goes_on():
    m = model(threads=1)
    m.fit(X, Y, epochs=6, batch_size=32, callbacks=lambda epoch, metrics: epoch == 4)
    history = m.fit(X, Y, epochs=6, batch_size=32, resume=True)
    assert (history.epochs, history.stopped) == (6, "")
    assert same(m.parameters(), trained()[0])


@pytest.mark.parametrize("validated", [False, True])
def test_validation_is_neither_added_nor_dropped_on_the_way(validated):
    m = model(threads=1)
    m.fit(X, Y, epochs=2, validation=HELD_OUT if validated else None)
    message = "none given, but .* were validated; give" if validated else "given, but .* were not validated; leave it"
    with pytest.raises(ng.OptionError, match=f"validation: {message}"):
        m.fit(X, Y, epochs=4, validation=None if validated else HELD_OUT, resume=True)
    assert m.fit(X, Y, epochs=4, validation=HELD_OUT if validated else None, resume=True).epochs == 4


def test_data_that_is_refused_teaches_the_model_nothing():
    m = model()
    with pytest.raises(ng.DataError):
        m.fit(from_arrays(X[:, :4], Y, classes=("a", "b", "c"), columns=list("tuvw")), standardize=True)
    assert (m.classes, m.trainee.columns, m.trainee.standardizer) == ((), (), None)


def test_a_callback_ends_training():
    _, history = trained(epochs=50, callbacks=[lambda epoch, metrics: epoch == 4, lambda epoch, metrics: None])
    assert history.epochs == 4
    assert history.stopped == "by a callback"


def test_what_a_callback_raises_is_raised():
    m = model(threads=1)

    def fail(epoch, metrics):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        m.fit(X, Y, epochs=5, callbacks=fail)
    assert m.history.epochs == m.trainee.position.epoch == 1


def test_a_share_of_the_data_for_validation():
    _, history = trained(epochs=2, validation=0.25)
    assert len(history["validation_loss"]) == 2


def test_schedules_take_all_epochs():
    def with_rate(rate):
        m = model(threads=1, optimizer=ng.SGD(rate))
        m.fit(X, Y, epochs=3, batch_size=32)
        return m.parameters()

    assert same(with_rate(ng.Cosine(0.1)), with_rate(ng.Cosine(0.1, steps=12)))
    assert not same(with_rate(ng.Cosine(0.1)), with_rate(0.1))


def test_a_loss_that_is_not_finite_leaves_the_parameters_alone():
    m = model(dropout=0.0, threads=1, optimizer=ng.SGD(1e30))
    with pytest.raises(ng.ExecutionError, match=r"epoch 1, step [23]: the loss is not finite; lower the learning"):
        m.fit(X, Y, epochs=2, batch_size=32)
    assert all(np.isfinite(array).all() for array in m.parameters().values())
    assert m.trainee.position.step in (1, 2)


def test_several_inputs_outputs_and_losses():
    g = ng.Graph("two")
    a, b = g.input("a", (3,)), g.input("b", (2,))
    h = g.tanh(g.linear(g.concat([a, b]), 8))
    g.output(g.linear(h, CLASSES), name="class")
    g.output(g.linear(h, 1), name="size")
    losses = {"class": "cross_entropy", "size": ng.MeanSquaredError(weight=0.5)}
    m = ng.compile(g, loss=losses, optimizer="adam", threads=1)
    inputs = {"a": X[:, :3], "b": X[:, 3:5]}
    targets = {"class": Y, "size": X.sum(axis=1, keepdims=True)}
    history = m.fit(inputs, targets, epochs=15, batch_size=32, validation=(inputs, targets))
    assert set(history) >= {"loss", "loss/class", "loss/size", "accuracy/class", "mae/size"}
    assert history["loss"][-1] < history["loss"][0]
    total = history["loss/class"][3] + history["loss/size"][3]
    assert history["loss"][3] == pytest.approx(total, rel=1e-5)
    answer = m.predict(inputs)
    assert {name: array.shape for name, array in answer.items()} == {"class": (100, CLASSES), "size": (100, 1)}


def test_a_dataset_stands_for_inputs_and_targets():
    data = from_arrays(X, Y, classes=("red", "green", "blue"))
    m = model(threads=1)
    m.fit(data, epochs=6, batch_size=32)
    assert m.classes == ("red", "green", "blue")
    assert same(m.parameters(), trained()[0])


def test_standardized_once_and_for_all():
    m = model(dropout=0.0, threads=1)
    shifted = X * 50 + 1000
    m.fit(shifted, Y, epochs=10, batch_size=32, standardize=True)
    assert m.evaluate(shifted, Y)["accuracy"] > 0.7
    other = model(dropout=0.0, threads=1)
    standard = ((shifted - shifted.mean(0, dtype=np.float64)) / shifted.std(0, dtype=np.float64)).astype(np.float32)
    other.set_parameters(m.parameters())
    np.testing.assert_allclose(m.predict(shifted), other.predict(standard), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs: 0 given, a whole number from 1"),
        ({"batch_size": 2.5}, "batch_size: 2.5 given"),
        ({"validation": "none"}, "validation: str given, a pair"),
        ({"validation": 1.5}, "validation: 1.5 given, a share of the data between 0 and 1 expected"),
        ({"validation": 20}, "validation: 20 given, a pair .* or a share of the data between 0 and 1 expected"),
        ({"early_stopping": 0}, "early_stopping: 0 given, a patience"),
        ({"early_stopping": True}, r"early_stopping: True given, a patience, .* EarlyStopping\(...\) or None expected"),
        ({"callbacks": 5}, "callbacks: 5 given, a function of epoch and metrics"),
        ({"early_stopping": ng.EarlyStopping(2, "acuracy")}, "monitor: 'acuracy' given, one of loss, accuracy"),
        ({"callbacks": [3]}, "callbacks: 3 given"),
    ],
)
def test_options_out_of_range(options, message):
    with pytest.raises(ng.OptionError, match=message):
        model().fit(X, Y, **options)


@pytest.mark.parametrize(
    ("inputs", "targets", "message"),
    [
        (X[:, :4], Y, r"input 'x': has samples of shape \(4,\), but the model's input expects \(6,\)"),
        (X, Y + 1, "has the label 3 at row .*, but the model's output has 3 units"),
        (X, Y[:50], "lengths differ"),
        (np.where(X[3, 1] == X, np.nan, X), Y, "holds NaN at row 3, column 1"),
        (X, None, "has no targets"),
        (None, Y, "fit: input 'x': None given, an array of examples expected"),
        (X[0], Y[0], r"input 'x': shape \(6,\) given, which is one example .*; give it as x\[np.newaxis\]"),
        (
            X,
            Y + 0.5,
            r"holds fractions \([0-2].5 at row 0\), .*; number them from 0, or for values use a loss like mean_",
        ),
        ({"x": X, "z": X}, Y, "fit: the input 'z' is given, but only 'x' is expected"),
        (X, {"logits": Y, "class": Y}, "fit: the target 'class' is given, but only 'logits' is expected"),
        (X, X[:, :3], "holds floats that are not one-hot"),
    ],
)
def test_data_that_does_not_fit(inputs, targets, message):
    with pytest.raises(ng.DataError, match=message):
        model().fit(inputs, targets)


def test_a_model_without_loss_or_optimizer_only_predicts():
    m = ng.compile(classifier())
    with pytest.raises(ng.OptionError, match="loss: none given, but fit needs one"):
        m.fit(X, Y)
    with pytest.raises(ng.OptionError, match="optimizer: none given"):
        model(optimizer=None).fit(X, Y)
    assert m.predict(X).shape == (100, CLASSES)


def test_one_hot_targets_are_labels():
    plain, _ = trained(epochs=2)
    m = model(threads=1)
    m.fit(X, np.eye(CLASSES)[Y], epochs=2, batch_size=32)
    assert same(plain, m.parameters())


def test_whole_numbers_are_values_where_the_loss_compares_values():
    g = ng.Graph()
    g.output(g.linear(g.input("x", (INPUTS,)), 1))
    m = ng.compile(g, loss="mean_squared_error", optimizer=ng.Adam(0.05), threads=1)
    target = (X.sum(axis=1) * 3).round().astype(int)
    history = m.fit(X, target, epochs=40, batch_size=25)
    assert history["loss"][-1] < 0.3 * history["loss"][0]

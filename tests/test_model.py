"""`Model`: what it answers, against NumPy; what it refuses."""

import numpy as np
import pytest

import nngraph as ng
from nngraph.errors import DataError
from nngraph.train.data.dataset import from_arrays
from tests.train.networks import CLASSES, INPUTS, classifier, examples, model, same

X, Y = examples()


def forward(parameters, x):
    h = np.maximum(x @ parameters["hidden.weight"].T + parameters["hidden.bias"], 0)
    return h @ parameters["logits.weight"].T + parameters["logits.bias"]


def cross_entropy(scores, labels):
    shifted = scores - scores.max(axis=1, keepdims=True)
    return (np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(labels)), labels]).mean()


def test_predicts_what_numpy_does_without_dropout():
    m = model()
    scores = m.predict(X)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, forward(m.parameters(), X), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("rows", [1, 7, 100, 1000])
def test_batches_change_no_prediction(rows):
    m = model()
    np.testing.assert_allclose(m.predict(X, batch_size=rows), m.predict(X), rtol=1e-6, atol=1e-6)


def test_evaluates():
    m = model()
    found = m.evaluate(X, Y)
    scores = forward(m.parameters(), X)
    assert found["loss"] == pytest.approx(cross_entropy(scores, Y), rel=1e-5)
    assert found["accuracy"] == (scores.argmax(axis=1) == Y).mean()
    assert m.evaluate(X, Y, batch_size=33)["loss"] == pytest.approx(found["loss"], rel=1e-6)
    weighted = m.evaluate(X, Y, sample_weight=np.full(100, 2.0))
    assert weighted["loss"] == pytest.approx(2 * found["loss"], rel=1e-6)
    assert weighted["accuracy"] == found["accuracy"]


def test_a_summed_loss_is_over_all_examples_with_its_regularizer_once():
    g = ng.Graph()
    g.output(g.linear(g.input("x", (INPUTS,)), 1, bias=False, name="w"))
    m = ng.compile(g, loss="sum_squared_error", optimizer=ng.SGD(0.1), regularizer=ng.L2(0.5))
    w = m.parameters()["w.weight"].astype(np.float64)
    expected = ((X.astype(np.float64) @ w.T - 1) ** 2).sum() + 0.5 * (w**2).sum()
    for rows in (None, 7):
        assert m.evaluate(X, np.ones(100), batch_size=rows)["loss"] == pytest.approx(expected, rel=1e-5)


def test_gradients_are_those_of_the_loss():
    m = model(dropout=0.0, dtype="float64", regularizer=ng.L2(0.01))
    loss, gradients = m.loss_and_gradients(X, Y)
    parameters = m.parameters()

    def at(moved):
        penalty = 0.01 * sum((moved[name] ** 2).sum() for name in moved if name.endswith("weight"))
        return cross_entropy(forward(moved, X), Y) + penalty

    assert loss == pytest.approx(at(parameters), rel=1e-12)
    direction = {name: np.random.default_rng(1).standard_normal(p.shape) for name, p in parameters.items()}
    ahead = at({name: p + 1e-6 * direction[name] for name, p in parameters.items()})
    behind = at({name: p - 1e-6 * direction[name] for name, p in parameters.items()})
    slope = sum((gradients[name] * direction[name]).sum() for name in gradients)
    assert slope == pytest.approx((ahead - behind) / 2e-6, rel=1e-6)
    assert {name: g.shape for name, g in gradients.items()} == {name: p.shape for name, p in parameters.items()}


def test_gradients_change_nothing_and_follow_the_masks_of_the_step():
    m = model()
    first, again = m.loss_and_gradients(X, Y), m.loss_and_gradients(X, Y)
    assert first[0] == again[0]
    assert same(first[1], again[1])
    before = m.loss_and_gradients(X, Y)[0]
    history = m.fit(X, Y, epochs=1, batch_size=100, shuffle=False)
    assert history["loss"] == [pytest.approx(before, rel=1e-6)]


def test_frozen_parameters_have_no_gradient_and_stay():
    g = ng.Graph()
    x = g.linear(g.input("x", (INPUTS,)), 8, name="frozen", trainable=False)
    g.output(g.linear(g.relu(x), CLASSES, name="logits"))
    m = ng.compile(g, loss="cross_entropy", optimizer="adam")
    before = m.parameters()
    m.fit(X, Y, epochs=2)
    assert set(m.loss_and_gradients(X, Y)[1]) == {"logits.weight", "logits.bias"}
    assert np.array_equal(m.parameters()["frozen.weight"], before["frozen.weight"])
    assert not np.array_equal(m.parameters()["logits.weight"], before["logits.weight"])


def test_parameters_are_set_all_or_none():
    m = model()
    mine = {name: np.arange(p.size, dtype=float).reshape(p.shape) for name, p in m.parameters().items()}
    m.set_parameters(mine)
    assert same(m.parameters(), {name: p.astype(np.float32) for name, p in mine.items()})
    for bad, message in (
        ({"hidden.wieght": 0}, "the model has none of that name; did you mean 'hidden.weight'"),
        ({"hidden.weight": np.zeros((INPUTS, 8))}, r"shape \(6, 8\) given, \(8, 6\) expected"),
        ({"hidden.bias": np.full(8, np.nan)}, "holds NaN"),
        ({"hidden.bias": "x"}, "str given, an array of numbers"),
    ):
        with pytest.raises(ng.DataError, match=message):
            m.set_parameters({"logits.bias": np.zeros(CLASSES), **bad})
    assert m.parameters()["logits.bias"][1] == 1.0


def test_seeds_and_names_decide_the_start():
    assert same(model(seed=3).parameters(), model(seed=3, threads=1).parameters())
    assert not same(model(seed=3).parameters(), model(seed=4).parameters())


def test_plan_schedule_and_source_can_be_read():
    m = model()
    m.fit(X, Y, epochs=1, batch_size=25)
    assert m.memory.batch == 25
    assert m.memory.nbytes == m.plan("train", 25).nbytes > 0
    assert m.plan("predict", 1).nbytes < m.memory.nbytes
    assert any("hidden" in call.nodes for call in m.schedule)
    assert "hidden" in m.source()
    assert repr(m) == "<Model 'classifier': 83 parameters, float32, outputs logits>"


def test_a_model_without_a_loss():
    m = ng.compile(classifier())
    assert m.predict(X[:2]).shape == (2, CLASSES)
    assert len(m.schedule) >= 1
    for call in (m.evaluate, m.loss_and_gradients):
        with pytest.raises(ng.OptionError, match="loss: none given"):
            call(X, Y)


def test_defaults_come_from_the_graph():
    g = classifier()
    g.training = {"loss": "cross_entropy", "optimizer": {"type": "sgd", "learning_rate": 0.5}, "batch_size": 5}
    m = ng.compile(g)
    assert m.trainee.optimizer == ng.SGD(0.5)
    assert m.memory.batch == 5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "gpu"}, "device: 'gpu' given, one of cpu, cuda expected"),
        ({"threads": 0}, "threads: 0 given"),
        ({"dtype": "float16"}, "dtype: 'float16' given"),
        ({"seed": -1}, "seed: -1 given"),
        ({"loss": "crossentropy"}, "loss 'crossentropy': not known; did you mean 'cross_entropy'?"),
        ({"optimizer": "adm"}, "optimizer 'adm': not known; did you mean 'adam'"),
        ({"optimizer": ng.SGD(0.1, decay=("wieght",))}, "decay: 'wieght' given, .* names of parameters: bias, weight"),
        ({"regularizer": {"type": "l2"}}, "'strength' is missing"),
        ({"loss": {"logit": "cross_entropy"}}, "no output 'logit'; did you mean 'logits'?"),
    ],
)
def test_options_that_are_refused(options, message):
    with pytest.raises(ng.NNGraphError, match=message):
        model(**options)


def test_a_graph_without_outputs_is_refused():
    g = ng.Graph("empty")
    g.input("x", (3,))
    with pytest.raises(ng.OptionError, match="graph 'empty': no output declared"):
        ng.compile(g)


def test_predict_refuses_what_does_not_fit():
    with pytest.raises(ng.DataError, match=r"has samples of shape \(4,\)"):
        model().predict(np.zeros((3, 4)))
    with pytest.raises(ng.OptionError, match="batch_size: 0 given"):
        model().predict(X, batch_size=0)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "predict: input 'x': None given, an array of examples expected"),
        (X[0], r"predict: input 'x': shape \(6,\) given, which is one example .* give it as x\[np.newaxis\]"),
        (X[0].tolist(), r"give it as x\[np.newaxis\]"),
        ({"x": X, "z": X}, "predict: the input 'z' is given, but only 'x' is expected"),
    ],
)
@pytest.mark.parametrize("trained", [False, True])
def test_inputs_that_predict_refuses(given, message, trained):
    m = model()
    if trained:
        m.fit(X, Y, epochs=1, standardize=True)
    with pytest.raises(ng.DataError, match=message):
        m.predict(given)


def test_evaluate_refuses_names_that_the_model_does_not_have():
    with pytest.raises(ng.DataError, match="evaluate: the input 'z' is given, but only 'x' is expected"):
        model().evaluate({"x": X, "z": X}, Y)
    with pytest.raises(ng.DataError, match="evaluate: the target 'class' is given, but only 'logits' is expected"):
        model().evaluate(X, {"logits": Y, "class": Y})


def test_columns_go_by_name(tmp_path):
    """In validation, predictions and evaluation, after a checkpoint too; others are refused."""
    names = list("abcdef")
    data = from_arrays(X, Y, columns=names)
    order = [3, 0, 5, 1, 4, 2]
    moved = from_arrays(X[:, order], Y, columns=[names[k] for k in order])
    m = model(dropout=0.0)
    history = m.fit(data, epochs=3, validation=moved, standardize=True)
    assert history["validation_loss"][-1] == pytest.approx(m.evaluate(data)["loss"], rel=1e-6)
    m.save(tmp_path / "model.safetensors")
    for known in (m, ng.load_model(tmp_path / "model.safetensors")):
        assert np.array_equal(known.predict(moved), known.predict(X))
        assert known.evaluate(moved) == known.evaluate(X, Y)
        for columns, message in (
            ("abcdeg", "table: lacks the column 'f', which the model was trained on, but has 'g'; name the columns"),
            ("abcde", "table: lacks the column 'f', which"),
            ("abcdefgh", r"table: has the columns 'g', 'h', which .* not trained on; .* drop=g\+h or as the target"),
        ):
            table = from_arrays(np.zeros((4, len(columns))), [0, 1, 2, 0], columns=list(columns), name="table")
            for call in (known.predict, known.evaluate):
                with pytest.raises(ng.DataError, match=message):
                    call(table)
    m.fit(moved, epochs=1)
    assert m.trainee.columns == tuple(names)


def test_labels_that_are_text_keep_their_numbers():
    """In data that lacks the first class, and in validation; a label never seen is refused."""
    random = np.random.default_rng(0)
    x = random.normal(size=(60, INPUTS)).astype(np.float32)
    y = np.array(list("abc"))[np.argmax(x[:, :3], axis=1)]
    g = ng.Graph("letters")
    g.output(g.linear(g.input("x", shape=(INPUTS,)), 3, name="scores"))
    model = ng.compile(g, loss="cross_entropy", optimizer="adam")
    some = y != "a"
    history = model.fit(x, y, epochs=1, validation=(x[some], y[some]))
    right = np.argmax(model.predict(x[some]), axis=1) == np.array([ord(label) - ord("a") for label in y[some]])
    assert model.evaluate(x[some], y[some])["accuracy"] == pytest.approx(right.mean())
    assert history["validation_accuracy"][-1] == pytest.approx(right.mean())
    with pytest.raises(DataError, match="the classes are 'a', 'b', 'c'"):
        model.evaluate(x, np.char.upper(y))


def test_a_predictor_does_what_predict_does():
    g = ng.Graph("two")
    a, words = g.input("a", shape=(3,)), g.input("words", shape=(2,), dtype="int32")
    h = g.concat([g.relu(g.linear(a, 4)), g.flatten(g.embedding(words, 5, 2))])
    g.output(g.linear(h, 2), name="first")
    g.output(g.tanh(h), name="second")
    model = ng.compile(g, threads=2)
    random = np.random.default_rng(0)
    given = {"a": random.normal(size=(4, 3)), "words": random.integers(0, 5, (4, 2))}
    found, expected = model.predictor(4)(given), model.predict(given)
    assert found.keys() == expected.keys() == {"first", "second"}
    assert all(np.array_equal(found[name], expected[name]) for name in expected)


def test_a_predictor_standardizes_and_follows_the_parameters():
    data = from_arrays(np.random.default_rng(1).normal(5, 3, (40, 2)), np.arange(40) % 2)
    g = ng.Graph("small")
    g.output(g.linear(g.input("x", shape=(2,)), 2), name="scores")
    model = ng.compile(g, loss="cross_entropy", optimizer="adam")
    ask = model.predictor()
    before = ask(data.x[:1])
    kept = before.copy()
    model.fit(data.x, data.y, epochs=2, standardize=True)
    after = ask(data.x[:1])
    assert np.array_equal(after, model.predict(data.x[:1]))
    assert not np.array_equal(after, before)
    assert np.array_equal(before, kept)  # the caller's own


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.zeros((2, 3)), r"shape \(2, 3\) given, 'x' of float32 and shape \(1, 3\) expected"),
        ({"y": np.zeros((1, 3))}, "'y' of float64"),
        (np.zeros((1, 3), complex), "complex128 and shape"),
        ([["a", "b", "c"]], "<U1"),
    ],
)
def test_a_predictor_refuses_what_does_not_fit(given, message):
    g = ng.Graph("one")
    g.output(g.relu(g.input("x", shape=(3,))))
    with pytest.raises(DataError, match=message):
        ng.compile(g).predictor()(given)

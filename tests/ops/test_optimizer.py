"""What optimizers say of themselves; their formulas are tested where training steps are made."""

import pytest

from nngraph.ops.optimizer import OPTIMIZERS, SGD, Adagrad, Adam, AdamW, RMSprop, optimizer_from


def test_defaults_are_those_of_pytorch():
    assert (Adam().learning_rate, Adam().beta1, Adam().beta2, Adam().epsilon) == (1e-3, 0.9, 0.999, 1e-8)
    assert AdamW().weight_decay == 1e-2
    assert (RMSprop().learning_rate, RMSprop().alpha, RMSprop().epsilon) == (1e-2, 0.99, 1e-8)
    assert (Adagrad().learning_rate, Adagrad().epsilon) == (1e-2, 1e-10)


def test_positional_options():
    assert SGD(0.1, 0.9, True, 5e-4) == SGD(0.1, momentum=0.9, nesterov=True, weight_decay=5e-4)
    assert Adam(0.1, 0.8, 0.9, 1e-6) == Adam(learning_rate=0.1, beta1=0.8, beta2=0.9, epsilon=1e-6)


@pytest.mark.parametrize(
    ("spec", "moments"),
    [
        ("adam", ("mean", "mean_square")),
        ("adamw", ("mean", "mean_square")),
        ("adagrad", ("square_sum",)),
        ("rmsprop", ("mean_square",)),
        ({"type": "rmsprop", "momentum": 0.9}, ("mean_square", "momentum")),
        ({"type": "sgd", "learning_rate": 0.1}, ()),
        ({"type": "nesterov", "learning_rate": 0.1}, ("momentum",)),
    ],
)
def test_moments(spec, moments):
    assert optimizer_from(spec).moments == moments


def test_names():
    assert OPTIMIZERS.names == ["adagrad", "adam", "adamw", "momentum", "nesterov", "rmsprop", "sgd"]


def test_decay():
    assert SGD(0.1).decay_of("h.weight") == 0
    assert SGD(0.1, weight_decay=0.5).decay_of("h.bias") == 0.5
    assert SGD(0.1, weight_decay=0.5, decay=("weight",)).decay_of("h.bias") == 0
    assert SGD(0.1, weight_decay=0.5, decay=("weight",)).decay_of("h.weight") == 0.5
    assert SGD(0.1, weight_decay=0.5, decay=("weight",)).decay_of("h.depthwise_weight") == 0.5
    assert SGD(0.1, weight_decay=0.5, decay=("depthwise_weight",)).decay_of("h.weight") == 0

"""What all families of specifications share: names, JSON forms, checks."""

from dataclasses import fields

import pytest

from nngraph.errors import OptionError
from nngraph.ir.op import REGISTRY
from nngraph.ops.initializer import INITIALIZERS, initializer_from
from nngraph.ops.loss import LOSSES, CrossEntropy, Huber, Loss, loss_from
from nngraph.ops.optimizer import OPTIMIZERS, SGD, Adam, optimizer_from
from nngraph.ops.regularizer import L2, REGULARIZERS
from nngraph.ops.schedule import SCHEDULES, Cosine, WarmUp
from nngraph.ops.specification import FAMILIES, attributes_of, from_spec, to_spec

REQUIRED = {"learning_rate": 0.1, "strength": 0.01, "value": 2.0, "steps": 5, "schedule": 0.2}
KINDS = [
    pytest.param(family, kind, id=f"{family.name}-{name}")
    for family in (INITIALIZERS, LOSSES, OPTIMIZERS, REGULARIZERS, SCHEDULES)
    for name, kind in family.members.items()
]


def make(kind):
    return kind(**{name: value for name, value in REQUIRED.items() if name in attributes_of(kind)})


@pytest.mark.parametrize(("family", "kind"), KINDS)
def test_the_json_form_reads_back(family, kind):
    instance = make(kind)
    form = to_spec(instance)
    assert form["type"] == kind.type
    assert from_spec(family, form) == instance
    assert from_spec(family, instance) is instance


@pytest.mark.parametrize(("family", "kind"), KINDS)
def test_every_kind_and_option_is_documented(family, kind):
    assert kind.__doc__
    assert not kind.__doc__.startswith(f"{kind.__name__}(")
    assert FAMILIES[kind.family] is family
    for attribute in attributes_of(kind).values():
        assert attribute.doc
    assert all(field.metadata["attribute"] for field in fields(kind))


@pytest.mark.parametrize("kind", LOSSES.members.values(), ids=lambda kind: kind.type)
def test_a_loss_has_the_attributes_of_its_op(kind):
    own = {name: attribute for name, attribute in attributes_of(kind).items() if name != "weight"}
    assert REGISTRY[kind.type].attributes == own == attributes_of(kind, Loss)


def test_nested_forms():
    given = {
        "type": "adam",
        "learning_rate": {
            "type": "warm_up",
            "steps": 5,
            "schedule": {"type": "cosine", "learning_rate": 0.1},
        },
    }
    optimizer = optimizer_from(given)
    assert optimizer == Adam(WarmUp(Cosine(0.1), steps=5))
    assert optimizer_from(to_spec(optimizer)) == optimizer


def test_names_that_imply_options():
    assert optimizer_from({"type": "nesterov", "learning_rate": 0.1}) == SGD(0.1, 0.9, True)
    assert optimizer_from({"type": "momentum", "learning_rate": 0.1, "momentum": 0.8}) == SGD(0.1, 0.8)
    assert to_spec(optimizer_from({"type": "momentum", "learning_rate": 1}))["type"] == "sgd"
    assert to_spec(initializer_from("ones")) == {"type": "constant", "value": 1.0}


def test_a_class_stands_for_its_defaults():
    assert loss_from(CrossEntropy) == CrossEntropy()
    with pytest.raises(OptionError, match="optimizer 'sgd': 'learning_rate' is missing"):
        optimizer_from(SGD)


def test_numbers_and_lists_are_normalized():
    assert type(Huber(delta=2).delta) is float
    assert SGD(1, decay=["weight"]).decay == ("weight",)
    assert SGD(1, decay="weight") == SGD(1, decay=("weight",))
    assert {L2(0.1): "hashable"}[L2(0.1)]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: loss_from("crossentropy"), "loss 'crossentropy': not known; did you mean 'cross_entropy'?"),
        (lambda: loss_from("xyz"), "expected one of binary_cross_entropy, cross_entropy, huber"),
        (lambda: loss_from({"label_smoothing": 0.1}), "loss: 'type' is missing"),
        (lambda: loss_from(["l1"]), "loss: a name, a mapping with 'type' or an instance expected"),
        (lambda: loss_from({"type": "huber", "dleta": 1}), "no option 'dleta'; did you mean 'delta'?"),
        (lambda: CrossEntropy(label_smoothing=1.5), "1.5 given, a finite number between 0 and 1"),
        (lambda: CrossEntropy(targets="onehot"), "'onehot' given, one of 'labels', 'one_hot' expected"),
        (lambda: Huber(delta=0), "0 given, a finite number above 0"),
        (lambda: Huber(delta=float("nan")), "nan given"),
        (lambda: Huber(delta="wide"), "'wide' given"),
        (lambda: SGD(True), "True given"),
        (lambda: SGD(-0.1), "-0.1 given, a finite number of at least 0"),
        (lambda: SGD(0.1, nesterov=True), "nesterov given without momentum"),
        (lambda: SGD(0.1, decay=[1]), "a list of strings"),
        (lambda: SGD(0.1, decay=5e-5), "5e-05 given, a list of strings"),
        (lambda: SGD({"type": "linear"}), "schedule 'linear': not known"),
        (lambda: Adam(clip_norm=0), "clip_norm"),
        (lambda: Cosine(0.1, steps=3, epochs=2), "both steps and epochs given"),
        (lambda: WarmUp(0.1), "no length given"),
        (lambda: WarmUp(0.1, steps=0), "an integer of at least 1"),
    ],
)
def test_errors(make, message):
    with pytest.raises(OptionError) as caught:
        make()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_name_is_given_once():
    with pytest.raises(OptionError, match="loss 'l1': already registered"):
        LOSSES.register(LOSSES.members["l1"])

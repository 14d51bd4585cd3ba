"""The options that say how to train, which `train` and `sweep` share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import click

TRAINING: Final = (
    click.option("--data", metavar="SPEC", help="A dataset (digits, moons, circles, spirals, xor, blobs, sine, step, "
                 "images, random), a file (.npz, .npy, .csv, IDX) or a directory (CIFAR-10, MNIST, a folder of images "
                 "for each class), with options after a colon.  [default: the model's, or digits]"),
    click.option("--epochs", type=click.IntRange(1), help="Passes over the data.  [default: the model's, or 20]"),
    click.option("--batch-size", type=click.IntRange(1), help="Examples in a step.  [default: the model's, or 32]"),
    click.option("--loss", metavar="NAME[:key=value,...]", help="cross_entropy, multiclass_hinge, mean_squared_error, "
                 "sum_squared_error, binary_cross_entropy, l1 or huber.  [default: the model's, or one that fits the "
                 "data]"),
    click.option("--optimizer", metavar="NAME[:key=value,...]", help="sgd, momentum, nesterov, rmsprop, adagrad, adam "
                 "or adamw.  [default: the model's, or adam]"),
    click.option("--learning-rate", type=click.FloatRange(0), help="In place of the optimizer's own."),
    click.option("--regularizer", metavar="NAME:strength=λ", help="l1, l2 or elastic_net."),
    click.option("--held-out", type=click.FloatRange(0, 1, min_open=True, max_open=True),
                 help="Share of the data that is held out.  [default: the model's, or 0.2]"),
    click.option("--validation-split", type=click.FloatRange(0, 1, min_open=True, max_open=True), help="Share of the "
                 "training part that early stopping goes by, in place of the held-out part."),
    click.option("--patience", type=click.IntRange(1), help="Stop after so many epochs without a better loss on "
                 "held-out or validation data, and go back to the best."),
    click.option("--standardize/--no-standardize", default=None, help="Inputs by the training part's means and "
                 "deviations.  [default: the model's, or only for data from files and of bytes]"),
    click.option("--augment", metavar="crop=N,flip", help="Move images by up to N pixels and mirror half of them, at "
                 "random, in training alone.  [default: the model's, or as they are]"),
    click.option("--class-weight", type=click.Choice(["balanced"]), help="Give every class the same sum of weights."),
)  # fmt: skip


def training_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Data, loss, optimizer and the like."""
    for option in reversed(TRAINING):
        function = option(function)
    return function


def choices_of(given: dict[str, Any]) -> dict[str, Any]:
    """Options as a model's file would hold them."""
    from nngraph.cli.choices import choice, switches

    if given["augment"] is not None:
        given = given | {"augment": switches("--augment", given["augment"])}
    named = {name: given[name] for name in ("loss", "optimizer", "regularizer") if given[name] is not None}
    return given | {name: choice(f"--{name}", text) for name, text in named.items()}

"""Optimizers: PyTorch's update formulas, as nodes that give a parameter's and its moments' next values.

What is the same for all parameters (the rate, bias corrections) is computed once a step in float64, and cast.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Any, ClassVar, Self

from nngraph.errors import OptionError
from nngraph.ir.builder import Builder
from nngraph.ir.graph import State, Value
from nngraph.ir.op import REQUIRED
from nngraph.ops import update as update  # the ops that updates are made of
from nngraph.ops.schedule import RATE, Schedule, schedule_from
from nngraph.ops.specification import Specification, family, from_spec, option
from nngraph_kernels.record import record

Updated = tuple[Value, tuple[Value, ...]]


@dataclass(slots=True, eq=False)
class SharedScalars:
    """The float64 scalars that the updates of one step share, each cast once a dtype."""

    builder: Builder
    values: dict[str, Value]
    casts: dict[tuple[str, str], Value] = field(default_factory=dict[tuple[str, str], Value])

    def get(self, name: str, dtype: str) -> Value:
        if dtype == RATE:
            return self.values[name]
        if (name, dtype) not in self.casts:
            cast = self.builder.add("cast", self.values[name], dtype=dtype, id=f"update/{name}")
            self.casts[name, dtype] = cast
        return self.casts[name, dtype]


@record
class Optimizer(Specification):
    """Base of the optimizers; each has an option `weight_decay` too.

    Attributes
    ----------
    learning_rate : float or Schedule
    decay : tuple of str or None
        Which parameters decay, by their last names ("weight", "bias", ...); all by default. "weight" stands for a
        separable convolution's "depthwise_weight" too.
    clip_value : float or None
        Bound of each element of the loss's gradient.
    clip_norm : float or None
        Bound of the norm of all gradients together, after `clip_value` and before weight decay.
    moments : tuple of str
        Names of the tensors that are kept for each parameter.
    moment_start : float
        What those are before the first step.
    """

    family: ClassVar[str] = "optimizer"
    learning_rate: float | Schedule = option(REQUIRED, "the learning rate, or a schedule", "rate", minimum=0.0)
    _: KW_ONLY
    decay: tuple[str, ...] | None = option(None, "names of the parameters that decay; all by default", "strings")
    clip_value: float | None = option(None, "bound of a gradient's elements", minimum=0.0, exclusive=True)
    clip_norm: float | None = option(None, "bound of the norm of all gradients", minimum=0.0, exclusive=True)

    @property
    def moments(self) -> tuple[str, ...]:
        return ()

    @property
    def moment_start(self) -> float:
        return 0.0

    def resolve(self, steps_per_epoch: int, total_steps: int) -> Self:
        """The same optimizer with the lengths of its schedule in steps."""
        if not isinstance(self.learning_rate, Schedule):
            return self
        return replace(self, learning_rate=self.learning_rate.resolve(steps_per_epoch, total_steps))

    def begin(self, b: Builder, step: Value) -> SharedScalars:
        """Append what all updates share; `step` is the number of steps taken, an int32 scalar."""
        time = b.add("cast", step, dtype=RATE)
        rate = schedule_from(self.learning_rate).rate(b, time)
        return SharedScalars(b, {"rate": rate, **self.scalars(b, rate, time)})

    def scalars(self, b: Builder, rate: Value, time: Value) -> dict[str, Value]:
        """The shared scalars beside the rate, all float64."""
        return {"descent": b.add("negate", rate)}

    def decayed(self, b: Builder, name: str, x: Value, dx: Value) -> Value:
        """The gradient with the parameter's weight decay."""
        factor = self.decay_of(name)
        return b.add("multiply_add", x, factor, dx) if factor else dx

    def decay_of(self, name: str) -> float:
        decays = self.decay is None or any(called(name, each) for each in self.decay)
        return getattr(self, "weight_decay", 0.0) if decays else 0.0

    def checked(self, states: Iterable[State]) -> Self:
        """Itself, if every name in `decay` fits one of the parameters among `states`, frozen ones included."""
        names = [state.name for state in states if state.kind == "parameter"]
        for each in self.decay or ():
            if not any(called(name, each) for name in names):
                known = ", ".join(sorted({name.rpartition(".")[2] for name in names})) or "none, for there are none"
                raise OptionError(
                    f"{self.family} '{self.type}': decay: '{each}' given, which no parameter is called; "
                    f"expected names of parameters: {known}"
                )
        return self

    def update(
        self, b: Builder, name: str, x: Value, dx: Value, moments: Sequence[Value], shared: SharedScalars
    ) -> Updated:
        """Append the update of parameter `name`.

        Returns
        -------
        new : Value
            The parameter's next value, made by node ``update/<name>``.
        new_moments : tuple of Value
        """
        raise NotImplementedError


def called(parameter: str, name: str) -> bool:
    """Whether the last part of the parameter's name is `name`, or ends with it as `depthwise_weight` does."""
    last = parameter.rpartition(".")[2]
    return last == name or last.endswith(f"_{name}")


OPTIMIZERS = family("optimizer", Optimizer)


def optimizer_from(spec: Any) -> Optimizer:
    """An optimizer from its name, its JSON form ``{"type": name, ...}`` or itself."""
    return from_spec(OPTIMIZERS, spec)


def rate_option(default: float) -> Any:
    return option(default, "the learning rate, or a schedule", "rate", minimum=0.0)


def decay_option(default: float = 0.0) -> Any:
    return option(default, "factor of the weight decay", minimum=0.0)


def share_option(default: float, doc: str) -> Any:
    return option(default, doc, minimum=0.0, maximum=1.0)


def epsilon_option(default: float) -> Any:
    return option(default, "added to the root, against division by zero", minimum=0.0)


@OPTIMIZERS.register
@record
class SGD(Optimizer):
    """Gradient descent with momentum: v ← momentum · v + g, x ← x − rate · v (torch.optim.SGD, dampening 0).

    Nesterov's form takes g + momentum · v in place of v.
    """

    type: ClassVar[str] = "sgd"
    momentum: float = share_option(0.0, "share of the last step that is kept")
    nesterov: bool = option(False, "look ahead along the momentum", "bool")
    weight_decay: float = decay_option()

    def __post_init__(self) -> None:
        Specification.__post_init__(self)
        if self.nesterov and not self.momentum:
            raise OptionError("optimizer 'sgd': nesterov given without momentum; expected a momentum above 0")

    @property
    def moments(self) -> tuple[str, ...]:
        return ("momentum",) if self.momentum else ()

    def update(
        self, b: Builder, name: str, x: Value, dx: Value, moments: Sequence[Value], shared: SharedScalars
    ) -> Updated:
        direction = self.decayed(b, name, x, dx)
        kept: tuple[Value, ...] = ()
        if moments:
            v = b.add("multiply_add", moments[0], self.momentum, direction, id=f"update/momentum/{name}")
            direction = b.add("multiply_add", v, self.momentum, direction) if self.nesterov else v
            kept = (v,)
        descent = shared.get("descent", x.type.dtype)
        return b.add("multiply_add", direction, descent, x, id=f"update/{name}"), kept


OPTIMIZERS.aliases["momentum"] = (SGD, {"momentum": 0.9})
OPTIMIZERS.aliases["nesterov"] = (SGD, {"momentum": 0.9, "nesterov": True})


@OPTIMIZERS.register
@record
class RMSprop(Optimizer):
    """s ← α s + (1 − α) g², x ← x − rate · g / (√s + ε); with momentum, v ← momentum · v + g / (√s + ε)."""

    type: ClassVar[str] = "rmsprop"
    learning_rate: float | Schedule = rate_option(1e-2)
    alpha: float = share_option(0.99, "share of the mean square that is kept")
    epsilon: float = epsilon_option(1e-8)
    momentum: float = share_option(0.0, "share of the last step that is kept")
    weight_decay: float = decay_option()

    @property
    def moments(self) -> tuple[str, ...]:
        return ("mean_square", "momentum") if self.momentum else ("mean_square",)

    def scalars(self, b: Builder, rate: Value, time: Value) -> dict[str, Value]:
        return {"descent": b.add("negate", rate)} if self.momentum else {}

    def update(
        self, b: Builder, name: str, x: Value, dx: Value, moments: Sequence[Value], shared: SharedScalars
    ) -> Updated:
        g, dtype = self.decayed(b, name, x, dx), x.type.dtype
        square = b.add("square", g)
        s = b.add("interpolate", moments[0], square, 1 - self.alpha, id=f"update/mean_square/{name}")
        epsilon = b.constant(self.epsilon, dtype)
        if not self.momentum:
            rate = shared.get("rate", dtype)
            return b.add("normalized_step", x, g, s, rate, epsilon, id=f"update/{name}"), (s,)
        unit = b.add("divide", g, b.add("add", b.add("sqrt", s), epsilon))
        v = b.add("multiply_add", moments[1], self.momentum, unit, id=f"update/momentum/{name}")
        return b.add("multiply_add", v, shared.get("descent", dtype), x, id=f"update/{name}"), (s, v)


@OPTIMIZERS.register
@record
class Adagrad(Optimizer):
    """s ← s + g², x ← x − rate · g / (√s + ε) (Duchi et al. 2011)."""

    type: ClassVar[str] = "adagrad"
    learning_rate: float | Schedule = rate_option(1e-2)
    epsilon: float = epsilon_option(1e-10)
    initial_accumulator: float = option(0.0, "what s is before the first step", minimum=0.0)
    weight_decay: float = decay_option()

    @property
    def moments(self) -> tuple[str, ...]:
        return ("square_sum",)

    @property
    def moment_start(self) -> float:
        return self.initial_accumulator

    def scalars(self, b: Builder, rate: Value, time: Value) -> dict[str, Value]:
        return {}

    def update(
        self, b: Builder, name: str, x: Value, dx: Value, moments: Sequence[Value], shared: SharedScalars
    ) -> Updated:
        g = self.decayed(b, name, x, dx)
        s = b.add("multiply_add", g, g, moments[0], id=f"update/square_sum/{name}")
        rate = shared.get("rate", x.type.dtype)
        return b.add("normalized_step", x, g, s, rate, self.epsilon, id=f"update/{name}"), (s,)


@OPTIMIZERS.register
@record
class Adam(Optimizer):
    """m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g², x ← x − rate · m̂ / (√v̂ + ε), m̂ = m / (1 − β₁ᵗ), v̂ alike.

    Kingma and Ba 2015, algorithm 1, in the order of computation of its section 2: with c = √(1 − β₂ᵗ), the
    same step is rate · c / (1 − β₁ᵗ) · m / (√v + ε c), whose scalars are the same for all parameters.
    """

    type: ClassVar[str] = "adam"
    learning_rate: float | Schedule = rate_option(1e-3)
    beta1: float = option(0.9, "share of the mean that is kept", minimum=0.0, maximum=0.999999)
    beta2: float = option(0.999, "share of the mean square that is kept", minimum=0.0, maximum=0.99999999)
    epsilon: float = epsilon_option(1e-8)
    weight_decay: float = decay_option()

    @property
    def moments(self) -> tuple[str, ...]:
        return ("mean", "mean_square")

    def scalars(self, b: Builder, rate: Value, time: Value) -> dict[str, Value]:
        number = b.add("add", time, 1.0)
        c = b.add("sqrt", bias_correction(b, self.beta2, number))
        scaled = b.add("divide", b.add("multiply", rate, c), bias_correction(b, self.beta1, number))
        return {"scaled_rate": scaled, "scaled_epsilon": b.add("multiply", c, self.epsilon)}

    def update(
        self, b: Builder, name: str, x: Value, dx: Value, moments: Sequence[Value], shared: SharedScalars
    ) -> Updated:
        return self.adam_step(b, name, x, self.decayed(b, name, x, dx), moments, shared)

    def adam_step(
        self, b: Builder, name: str, x: Value, g: Value, moments: Sequence[Value], shared: SharedScalars
    ) -> Updated:
        m = b.add("interpolate", moments[0], g, 1 - self.beta1, id=f"update/mean/{name}")
        square = b.add("square", g)
        v = b.add("interpolate", moments[1], square, 1 - self.beta2, id=f"update/mean_square/{name}")
        dtype = x.type.dtype
        rate, epsilon = shared.get("scaled_rate", dtype), shared.get("scaled_epsilon", dtype)
        return b.add("normalized_step", x, m, v, rate, epsilon, id=f"update/{name}"), (m, v)


def bias_correction(b: Builder, beta: float, number: Value) -> Value:
    """1 − βᵗ."""
    return b.add("subtract", b.constant(1.0, RATE), b.add("power", b.constant(beta, RATE), number))


@OPTIMIZERS.register
@record
class AdamW(Adam):
    """Adam after x ← (1 − rate · weight_decay) x, apart from the moments (Loshchilov and Hutter 2019)."""

    type: ClassVar[str] = "adamw"
    weight_decay: float = decay_option(1e-2)

    def scalars(self, b: Builder, rate: Value, time: Value) -> dict[str, Value]:
        shrunk = b.add("subtract", b.constant(1.0, RATE), b.add("multiply", rate, self.weight_decay))
        return {**Adam.scalars(self, b, rate, time), "keep": shrunk}

    def update(
        self, b: Builder, name: str, x: Value, dx: Value, moments: Sequence[Value], shared: SharedScalars
    ) -> Updated:
        if self.decay_of(name):
            x = b.add("multiply", x, shared.get("keep", x.type.dtype))
        return self.adam_step(b, name, x, dx, moments, shared)

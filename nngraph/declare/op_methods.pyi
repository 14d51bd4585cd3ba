# Generated from the op registry by `python -m nngraph.declare.generate`.
# ruff: noqa: PYI021  (editors show the docstrings)
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from nngraph.declare.value import Operand, Value
from nngraph.ops.specification import Specification

class OpMethods:
    def __getattr__(self, name: str) -> Callable[..., Value]: ...
    def add(
        self,
        a: Operand,
        b: Operand,
        *,
        name: str | None = None,
    ) -> Value:
        """a + b."""
    def subtract(
        self,
        a: Operand,
        b: Operand,
        *,
        name: str | None = None,
    ) -> Value:
        """a - b."""
    def multiply(
        self,
        a: Operand,
        b: Operand,
        *,
        name: str | None = None,
    ) -> Value:
        """a * b."""
    def divide(
        self,
        a: Operand,
        b: Operand,
        *,
        name: str | None = None,
    ) -> Value:
        """a / b."""
    def negate(
        self,
        x: Value,
        *,
        name: str | None = None,
    ) -> Value:
        """-x."""
    def sign(
        self,
        x: Value,
        *,
        name: str | None = None,
    ) -> Value:
        """1 where x > 0, -1 where x < 0, else 0."""
    def abs(
        self,
        x: Value,
        *,
        name: str | None = None,
    ) -> Value:
        """|x|."""
    def square(
        self,
        x: Value,
        *,
        name: str | None = None,
    ) -> Value:
        """x²."""
    def sqrt(
        self,
        x: Value,
        *,
        name: str | None = None,
    ) -> Value:
        """√x."""
    def exp(
        self,
        x: Value,
        *,
        name: str | None = None,
    ) -> Value:
        """eˣ."""
    def log(
        self,
        x: Value,
        *,
        name: str | None = None,
    ) -> Value:
        """The natural logarithm of x."""
    def floor(
        self,
        x: Value,
        *,
        name: str | None = None,
    ) -> Value:
        """The largest integer not above x."""
    def cos(
        self,
        x: Value,
        *,
        name: str | None = None,
    ) -> Value:
        """The cosine of x."""
    def power(
        self,
        a: Operand,
        b: Operand,
        *,
        name: str | None = None,
    ) -> Value:
        """a to the power of b."""
    def maximum(
        self,
        a: Operand,
        b: Operand,
        *,
        name: str | None = None,
    ) -> Value:
        """The larger of a and b."""
    def minimum(
        self,
        a: Operand,
        b: Operand,
        *,
        name: str | None = None,
    ) -> Value:
        """The smaller of a and b."""
    def clip(
        self,
        x: Value,
        low: float | None = None,
        high: float | None = None,
        *,
        name: str | None = None,
    ) -> Value:
        """x, but at least low and at most high."""
    def cast(
        self,
        x: Value,
        dtype: Literal["float", "float32", "float64", "int32", "bool"],
        *,
        name: str | None = None,
    ) -> Value:
        """x converted to another element type."""
    def identity(
        self,
        x: Value,
        *,
        name: str | None = None,
    ) -> Value:
        """x itself."""
    def stop_gradient(
        self,
        x: Value,
        *,
        name: str | None = None,
    ) -> Value:
        """x itself, through which no gradient flows."""
    def sigmoid(
        self,
        x: Value,
        *,
        name: str | None = None,
    ) -> Value:
        """1 / (1 + e⁻ˣ)."""
    def tanh(
        self,
        x: Value,
        *,
        name: str | None = None,
    ) -> Value:
        """The hyperbolic tangent of x."""
    def relu(
        self,
        x: Value,
        *,
        name: str | None = None,
    ) -> Value:
        """max(0, x)."""
    def leaky_relu(
        self,
        x: Value,
        slope: float = 0.01,
        *,
        name: str | None = None,
    ) -> Value:
        """x where x > 0, slope · x elsewhere."""
    def elu(
        self,
        x: Value,
        alpha: float = 1.0,
        *,
        name: str | None = None,
    ) -> Value:
        """x where x > 0, α (eˣ − 1) elsewhere."""
    def silu(
        self,
        x: Value,
        *,
        name: str | None = None,
    ) -> Value:
        """x σ(x)."""
    def softplus(
        self,
        x: Value,
        *,
        name: str | None = None,
    ) -> Value:
        """log(1 + eˣ)."""
    def gelu(
        self,
        x: Value,
        form: Literal["exact", "tanh", "sigmoid"] = "exact",
        *,
        name: str | None = None,
    ) -> Value:
        """x Φ(x), Φ being the normal distribution."""
    def batch_norm(
        self,
        x: Value,
        momentum: float = 0.9,
        epsilon: float = 1e-05,
        *,
        name: str | None = None,
        trainable: bool = True,
        shared_with: Value | str | None = None,
        initializer: str | Specification | Mapping[str, Any] | None = None,
        regularizer: str | Specification | Mapping[str, Any] | None = None,
    ) -> Value:
        """Channels normalized over the batch, in inference by running statistics, then scaled and shifted."""
    def depthwise_conv2d(
        self,
        x: Value,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] = 1,
        padding: str | int | Sequence[int] | Sequence[Sequence[int]] = "same",
        dilation: int | Sequence[int] = 1,
        multiplier: int = 1,
        bias: bool = True,
        *,
        name: str | None = None,
        trainable: bool = True,
        shared_with: Value | str | None = None,
        initializer: str | Specification | Mapping[str, Any] | None = None,
        regularizer: str | Specification | Mapping[str, Any] | None = None,
    ) -> Value:
        """A convolution of each channel of images with learned windows of its own."""
    def separable_conv(
        self,
        x: Value,
        filters: int,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] = 1,
        padding: str | int | Sequence[int] | Sequence[Sequence[int]] = "same",
        dilation: int | Sequence[int] = 1,
        multiplier: int = 1,
        bias: bool = True,
        *,
        name: str | None = None,
        trainable: bool = True,
        shared_with: Value | str | None = None,
        initializer: str | Specification | Mapping[str, Any] | None = None,
        regularizer: str | Specification | Mapping[str, Any] | None = None,
    ) -> Value:
        """A convolution of each channel by itself, then one of 1×1 across the channels."""
    def conv2d(
        self,
        x: Value,
        filters: int,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] = 1,
        padding: str | int | Sequence[int] | Sequence[Sequence[int]] = "same",
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        name: str | None = None,
        trainable: bool = True,
        shared_with: Value | str | None = None,
        initializer: str | Specification | Mapping[str, Any] | None = None,
        regularizer: str | Specification | Mapping[str, Any] | None = None,
    ) -> Value:
        """A convolution of images (batch, height, width, channels) with learned filters."""
    def transpose(
        self,
        x: Value,
        axes: Sequence[int] | None = None,
        *,
        name: str | None = None,
    ) -> Value:
        """The axes in another order; the batch stays first."""
    def concat(
        self,
        x: Sequence[Value],
        axis: int = -1,
        *,
        name: str | None = None,
    ) -> Value:
        """The inputs one after the other along an axis."""
    def constant(
        self,
        value: Any,
        dtype: Literal["float", "float32", "float64", "int32", "bool"] = "float",
        *,
        name: str | None = None,
    ) -> Value:
        """A number or an array of them, the same for every example."""
    def one_hot(
        self,
        labels: Value,
        classes: int,
        dtype: Literal["float", "float32", "float64", "int32", "bool"] = "float",
        *,
        name: str | None = None,
    ) -> Value:
        """A new last axis with a 1 at the label and 0 elsewhere."""
    def weighted_sum(
        self,
        x: Sequence[Value],
        edge_dropout: float = 0.0,
        *,
        name: str | None = None,
        trainable: bool = True,
        shared_with: Value | str | None = None,
        initializer: str | Specification | Mapping[str, Any] | None = None,
        regularizer: str | Specification | Mapping[str, Any] | None = None,
    ) -> Value:
        """The sum of the inputs, each times the sigmoid of a learned number of its own."""
    def average(
        self,
        x: Sequence[Value],
        *,
        name: str | None = None,
    ) -> Value:
        """The mean of the inputs, element by element."""
    def dropout(
        self,
        x: Value,
        rate: float,
        mode: Literal["inverted", "vanilla"] = "inverted",
        *,
        name: str | None = None,
    ) -> Value:
        """x with a share of its elements set to 0 in training."""
    def embedding(
        self,
        x: Value,
        vocabulary: int,
        units: int,
        *,
        name: str | None = None,
        trainable: bool = True,
        shared_with: Value | str | None = None,
        initializer: str | Specification | Mapping[str, Any] | None = None,
        regularizer: str | Specification | Mapping[str, Any] | None = None,
    ) -> Value:
        """For each integer a learned vector."""
    def group_norm(
        self,
        x: Value,
        groups: int,
        epsilon: float = 1e-05,
        *,
        name: str | None = None,
        trainable: bool = True,
        shared_with: Value | str | None = None,
        initializer: str | Specification | Mapping[str, Any] | None = None,
        regularizer: str | Specification | Mapping[str, Any] | None = None,
    ) -> Value:
        """Groups of channels normalized over each example, then scaled and shifted."""
    def matmul(
        self,
        a: Value,
        b: Value,
        transpose_a: bool = False,
        transpose_b: bool = False,
        *,
        name: str | None = None,
    ) -> Value:
        """The matrix product over the last two axes, batched over the others."""
    def linear(
        self,
        x: Value,
        units: int,
        bias: bool = True,
        *,
        name: str | None = None,
        trainable: bool = True,
        shared_with: Value | str | None = None,
        initializer: str | Specification | Mapping[str, Any] | None = None,
        regularizer: str | Specification | Mapping[str, Any] | None = None,
    ) -> Value:
        """x Wᵀ + b over the last axis."""
    def equal(
        self,
        a: Operand,
        b: Operand,
        *,
        name: str | None = None,
    ) -> Value:
        """a = b."""
    def not_equal(
        self,
        a: Operand,
        b: Operand,
        *,
        name: str | None = None,
    ) -> Value:
        """a ≠ b."""
    def greater(
        self,
        a: Operand,
        b: Operand,
        *,
        name: str | None = None,
    ) -> Value:
        """a > b."""
    def greater_equal(
        self,
        a: Operand,
        b: Operand,
        *,
        name: str | None = None,
    ) -> Value:
        """a ≥ b."""
    def less(
        self,
        a: Operand,
        b: Operand,
        *,
        name: str | None = None,
    ) -> Value:
        """a < b."""
    def less_equal(
        self,
        a: Operand,
        b: Operand,
        *,
        name: str | None = None,
    ) -> Value:
        """a ≤ b."""
    def logical_and(
        self,
        a: Operand,
        b: Operand,
        *,
        name: str | None = None,
    ) -> Value:
        """Both a and b."""
    def logical_or(
        self,
        a: Operand,
        b: Operand,
        *,
        name: str | None = None,
    ) -> Value:
        """a or b or both."""
    def logical_xor(
        self,
        a: Operand,
        b: Operand,
        *,
        name: str | None = None,
    ) -> Value:
        """Either a or b."""
    def logical_not(
        self,
        x: Value,
        *,
        name: str | None = None,
    ) -> Value:
        """Not x."""
    def where(
        self,
        condition: Operand,
        a: Operand,
        b: Operand,
        *,
        name: str | None = None,
    ) -> Value:
        """a where the condition holds, b elsewhere."""
    def softmax(
        self,
        x: Value,
        axis: int = -1,
        *,
        name: str | None = None,
    ) -> Value:
        """exp(x) / Σ exp(x) along an axis."""
    def log_softmax(
        self,
        x: Value,
        axis: int = -1,
        *,
        name: str | None = None,
    ) -> Value:
        """x − log Σ exp(x) along an axis."""
    def layer_norm(
        self,
        x: Value,
        axis: int | Sequence[int] = -1,
        epsilon: float = 1e-05,
        *,
        name: str | None = None,
        trainable: bool = True,
        shared_with: Value | str | None = None,
        initializer: str | Specification | Mapping[str, Any] | None = None,
        regularizer: str | Specification | Mapping[str, Any] | None = None,
    ) -> Value:
        """x normalized along axes, times a learned scale plus a learned offset."""
    def cross_entropy(
        self,
        scores: Value,
        target: Value,
        label_smoothing: float = 0.0,
        targets: Literal["labels", "one_hot"] = "labels",
        *,
        name: str | None = None,
    ) -> Value:
        """−log softmax(scores) at the right class."""
    def multiclass_hinge(
        self,
        scores: Value,
        target: Value,
        margin: float = 1.0,
        *,
        name: str | None = None,
    ) -> Value:
        """Σ over wrong classes of max(0, s_j − s_y + margin)."""
    def sum_squared_error(
        self,
        scores: Value,
        target: Value,
        *,
        name: str | None = None,
    ) -> Value:
        """Σ (scores − target)²."""
    def mean_squared_error(
        self,
        scores: Value,
        target: Value,
        *,
        name: str | None = None,
    ) -> Value:
        """The mean of (scores − target)²."""
    def l1(
        self,
        scores: Value,
        target: Value,
        *,
        name: str | None = None,
    ) -> Value:
        """The mean of |scores − target|."""
    def huber(
        self,
        scores: Value,
        target: Value,
        delta: float = 1.0,
        *,
        name: str | None = None,
    ) -> Value:
        """The mean of d² / 2 near zero and of delta (|d| − delta / 2) far from it."""
    def binary_cross_entropy(
        self,
        scores: Value,
        target: Value,
        *,
        name: str | None = None,
    ) -> Value:
        """−t log σ(s) − (1 − t) log(1 − σ(s))."""
    def max_pool(
        self,
        x: Value,
        size: int | Sequence[int],
        stride: int | Sequence[int] | None = None,
        padding: str | int | Sequence[int] | Sequence[Sequence[int]] = "valid",
        *,
        name: str | None = None,
    ) -> Value:
        """The largest pixel of every window, for each channel."""
    def average_pool(
        self,
        x: Value,
        size: int | Sequence[int],
        stride: int | Sequence[int] | None = None,
        padding: str | int | Sequence[int] | Sequence[Sequence[int]] = "valid",
        include_padding: bool = False,
        *,
        name: str | None = None,
    ) -> Value:
        """The mean of every window, for each channel."""
    def global_average_pool(
        self,
        x: Value,
        *,
        name: str | None = None,
    ) -> Value:
        """The mean of each channel of an image."""
    def global_max_pool(
        self,
        x: Value,
        *,
        name: str | None = None,
    ) -> Value:
        """The largest of each channel of an image."""
    def randwire(
        self,
        x: Value,
        channels: int,
        generator: Any = ...,
        stride: int | Sequence[int] = 2,
        edges: Sequence[Sequence[int]] | None = None,
        edge_dropout: float = 0.0,
        *,
        name: str | None = None,
        trainable: bool = True,
        shared_with: Value | str | None = None,
        initializer: str | Specification | Mapping[str, Any] | None = None,
        regularizer: str | Specification | Mapping[str, Any] | None = None,
    ) -> Value:
        """A stage of wired nodes, each a separable convolution of the weighted sum of those that it reads."""
    def sum(
        self,
        x: Value,
        axis: int | Sequence[int] | None = None,
        keepdims: bool = False,
        *,
        name: str | None = None,
    ) -> Value:
        """The sum over axes."""
    def max(
        self,
        x: Value,
        axis: int | Sequence[int] | None = None,
        keepdims: bool = False,
        *,
        name: str | None = None,
    ) -> Value:
        """The largest over axes."""
    def min(
        self,
        x: Value,
        axis: int | Sequence[int] | None = None,
        keepdims: bool = False,
        *,
        name: str | None = None,
    ) -> Value:
        """The smallest over axes."""
    def mean(
        self,
        x: Value,
        axis: int | Sequence[int] | None = None,
        keepdims: bool = False,
        *,
        name: str | None = None,
    ) -> Value:
        """The mean over axes."""
    def argmax(
        self,
        x: Value,
        axis: int = -1,
        keepdims: bool = False,
        *,
        name: str | None = None,
    ) -> Value:
        """Where along an axis the largest stands, the first of several."""
    def reshape(
        self,
        x: Value,
        shape: Sequence[int],
        *,
        name: str | None = None,
    ) -> Value:
        """Each example's elements, in row-major order, under another shape."""
    def flatten(
        self,
        x: Value,
        *,
        name: str | None = None,
    ) -> Value:
        """Each example's elements in one row."""
    def broadcast(
        self,
        x: Value,
        shape: Sequence[int],
        *,
        name: str | None = None,
    ) -> Value:
        """Each example repeated until it has a shape."""
    def slice(
        self,
        x: Value,
        start: int | None = None,
        stop: int | None = None,
        step: int = 1,
        axis: int = -1,
        *,
        name: str | None = None,
    ) -> Value:
        """Some of the elements along an axis, as Python slices."""
    def pad(
        self,
        x: Value,
        widths: Sequence[Sequence[int]],
        value: float = 0.0,
        *,
        name: str | None = None,
    ) -> Value:
        """x with a number around it."""
    def upsample_nearest(
        self,
        x: Value,
        factor: int | Sequence[int],
        *,
        name: str | None = None,
    ) -> Value:
        """Each pixel of an image repeated down and across."""

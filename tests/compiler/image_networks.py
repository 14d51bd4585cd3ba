"""Networks of images that are awkward for a compiler, each a function that declares one."""

import numpy as np


def convolutions(g):
    """Strided, dilated, grouped and 1×1; shared filters; images that are their own residual."""
    x = g.input("image", shape=(7, 6, 3))
    h = g.relu(g.conv2d(x, 6, 3, name="stem"))
    h = g.relu(g.conv2d(h, 6, 3, groups=2, dilation=(1, 2), name="grouped"))
    again = g.relu(g.conv2d(h, 6, 3, shared_with="grouped", groups=2, dilation=1))
    h = g.add(g.conv2d(again, 6, 3, name="layer"), again, name="residual")
    h = g.relu(g.conv2d(h, 17, (2, 3), stride=2, name="strided"))
    h = g.relu(g.conv2d(h, 17, 1, name="pointwise"))
    h = g.conv2d(h, 17, 3, padding=((1, 1), (2, 0)), groups=17, name="channels")
    g.output(g.mean(g.conv2d(h, 3, 2, padding="valid", name="last"), axis=(1, 2), name="scores"))


def operands_of_convolutions(g):
    """What enters the epilogue varies with the channels, the pixels, both or some axes only."""
    x = g.input("image", shape=(4, 5, 3))
    for k, shape in enumerate([(4, 5, 3), (4, 5, 1), (4, 1, 3)]):
        h = g.conv2d(x, 3, 3, name=f"convolution{k}")
        g.output(g.relu(g.multiply(h, g.input(f"other{k}", shape=shape))), name=f"scaled{k}")
    table = g.constant(np.linspace(-1, 1, 15).reshape(5, 3).tolist())
    g.output(g.relu(g.multiply(g.conv2d(x, 3, 2), table)), name="moved")


def convolutions_of_one(g):
    """One channel, one filter, one pixel."""
    x = g.input("image", shape=(3, 4, 1))
    h = g.relu(g.conv2d(x, 1, 3, name="narrow"))
    h = g.relu(g.conv2d(h, 2, (3, 4), padding="valid", name="whole"))
    g.output(g.reshape(g.conv2d(h, 3, 3, name="pixel"), (3,)), name="scores")


def normalized_and_pooled(g):
    """Batch norm before and after ReLU, of a value that is also a residual; windows that overlap and that do not."""
    x = g.input("image", shape=(9, 8, 3))
    h = g.conv2d(x, 17, 3, bias=False, name="stem")
    h = g.max_pool(g.relu(g.batch_norm(h, name="first")), 3, stride=2, padding="same", name="largest")
    normal = g.batch_norm(g.conv2d(h, 17, 3, bias=False, name="layer"), momentum=0.3, name="second")
    h = g.batch_norm(g.relu(g.add(normal, h, name="residual")), name="third")
    h = g.average_pool(h, 2, padding=1, name="means")
    g.output(g.linear(g.global_average_pool(g.add(h, 0.5)), 3, name="head"), name="scores")


def groups_and_upsampling(g):
    """Groups of channels normalized; an image made larger again and added to what it came from."""
    x = g.input("image", shape=(6, 6, 3))
    wide = g.group_norm(g.conv2d(x, 6, 3, name="wide"), 3, name="groups")
    h = g.average_pool(g.relu(wide), 2, padding=((1, 1), (0, 0)), include_padding=True, stride=(2, 3), name="means")
    h = g.relu(g.group_norm(g.conv2d(h, 6, 3, name="narrow"), 1, name="whole"))
    up = g.upsample_nearest(h, (2, 3), name="up")
    h = g.add(g.max_pool(up, (3, 1), stride=1), wide, name="residual")
    g.output(g.linear(g.global_max_pool(h), 3, name="head"), name="scores")


NETWORKS = (
    convolutions, operands_of_convolutions, convolutions_of_one, normalized_and_pooled, groups_and_upsampling,
)  # fmt: skip
TRAINED = (convolutions, convolutions_of_one, normalized_and_pooled, groups_and_upsampling)

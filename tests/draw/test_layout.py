"""Where things are placed: nothing overlaps, arrows begin and end where they should."""

from itertools import combinations, pairwise
from random import Random

import pytest

from nngraph.draw import graphviz
from nngraph.draw.arrangement import Wire
from nngraph.draw.layered import layered
from nngraph.draw.levels import Arrow, Level, Port
from nngraph.draw.measure import fitted, text_width
from nngraph.draw.ring import ring_of
from nngraph.draw.scene import compose
from tests.draw.pictures import needs_graphviz, picture


def random_graph(count: int, seed: int) -> tuple[list[tuple[float, float]], list[Wire]]:
    random = Random(seed)
    sizes = [(40 + 8 * random.randrange(20), 26 + 14 * random.randrange(3)) for _ in range(count)]
    pairs = {(random.randrange(k), k) for k in range(1, count)}
    pairs |= {tuple(sorted(random.sample(range(count), 2))) for _ in range(count if count > 1 else 0)}
    labels = [(0.0, 0.0), (48.0, 14.0)]
    return sizes, [Wire(a, b, labels[(a + b) % 2]) for a, b in sorted(pairs)]


def apart(boxes, slack: float = 0.6) -> None:
    for (x, y, w, h), (x2, y2, w2, h2) in combinations(boxes, 2):
        assert abs(x - x2) >= (w + w2) / 2 - slack or abs(y - y2) >= (h + h2) / 2 - slack


@needs_graphviz
@pytest.mark.parametrize("place", [graphviz.arrange, layered])
@pytest.mark.parametrize(("count", "seed"), [(1, 0), (2, 1), (12, 2), (40, 3)])
def test_boxes_are_apart_and_arrows_lead_down(place, count, seed):
    sizes, wires = random_graph(count, seed)
    found = place(sizes, wires, [""] * count, ())
    apart([(x, y, *size) for (x, y), size in zip(found.centers, sizes, strict=True)])
    for (x, y), (w, h) in zip(found.centers, sizes, strict=True):
        assert -1 < x - w / 2 < x + w / 2 < found.width + 1
        assert -1 < y - h / 2 < y + h / 2 < found.height + 1
    for wire, points in zip(wires, found.routes, strict=True):
        assert len(points) % 3 == 1
        assert found.centers[wire.source][1] < found.centers[wire.target][1]
        for end, point in ((wire.source, points[0]), (wire.target, points[-1])):
            x, y = found.centers[end]
            assert abs(point[0] - x) <= sizes[end][0] / 2 + 2
            assert abs(point[1] - y) <= sizes[end][1] / 2 + 2
    assert [at is None for at in found.labels] == [not wire.label[0] for wire in wires]


@needs_graphviz
@pytest.mark.parametrize("place", [graphviz.arrange, layered])
def test_backward_arrows_lead_up_beside_the_forward_ones(place):
    wires = [Wire(0, 1), Wire(1, 2), Wire(3, 4, upward=True), Wire(4, 5, upward=True), Wire(2, 3, loose=True)]
    found = place([(60.0, 30.0)] * 6, wires, [""] * 6, [(2, 3), (1, 4), (0, 5)])
    y = [round(center[1]) for center in found.centers]
    assert y[0] < y[1] < y[2]
    assert (y[3], y[4], y[5]) == (y[2], y[1], y[0])
    route = found.routes[2]
    assert route[0][1] > route[-1][1]


def test_a_cycle_is_laid_out_too():
    found = layered([(50.0, 30.0)] * 3, [Wire(0, 1), Wire(1, 2), Wire(2, 0)], [""] * 3, ())
    apart([(x, y, 50.0, 30.0) for x, y in found.centers])


def test_layered_is_quick_on_thousands():
    sizes, wires = random_graph(3000, 5)
    found = layered(sizes, wires, [""] * 3000, ())
    rows: dict[float, list[tuple[float, float]]] = {}
    for (x, y), (w, _) in zip(found.centers, sizes, strict=True):
        rows.setdefault(y, []).append((x, w))
    for row in rows.values():
        row.sort()
        assert all(b - a >= (v + w) / 2 for (a, v), (b, w) in pairwise(row))


def test_ports_are_at_the_ends():
    found = layered([(50.0, 30.0)] * 3, [Wire(1, 0), Wire(0, 2)], ["", "source", "sink"], ())
    y = [center[1] for center in found.centers]
    assert y[1] < y[0] < y[2]


def test_a_ring_has_its_nodes_in_order_and_apart():
    arrows = tuple(Arrow(a, b, ("x",), "") for a, b in [(0, 1), (0, 5), (3, 7)])
    level = Level(tuple(range(9)), (Port(True, "x"), Port(False, "y")), (*arrows, Arrow(9, 0, ("x",), "")))
    sizes = dict.fromkeys(range(9), (48.0, 26.0))
    found = ring_of(level, sizes, 1)
    apart([(x, y, 48.0, 26.0) for x, y in found.centers[:9]])
    assert found.centers[9][1] < min(y for _, y in found.centers[:9])
    assert found.centers[10][1] > max(y for _, y in found.centers[:9])
    assert (
        len({round((x - found.width / 2) ** 2 + (y - found.centers[2][1]) ** 2) for x, y in found.centers[2:7:4]}) == 1
    )


@needs_graphviz
@pytest.mark.parametrize(("model", "after"), [("digits_randwire.json", None), ("digits_mlp.json", "fuse")])
def test_what_an_open_group_holds_is_inside_of_it(model, after):
    found = picture(model, after)
    scene = compose(found, {item.key for item in found.items if item.group})
    boxes = {box.key: box for box in scene.boxes}
    assert len(boxes) == len(found.items)
    for item in found.items:
        if item.parent >= 0:
            inner, outer = boxes[item.key], boxes[item.parent]
            assert outer.x < inner.x < inner.x + inner.width < outer.x + outer.width
            assert outer.y < inner.y < inner.y + inner.height < outer.y + outer.height
    for group in found.children().values():
        apart([(b.x + b.width / 2, b.y + b.height / 2, b.width, b.height) for b in (boxes[key] for key in group)])


def test_long_texts_are_cut_in_the_middle():
    text = "gradient/stage3/n02/depthwise/depthwise_convolution_backward_data/mixed_depthwise_backward"
    short = fitted(text, 10.5, 120.0)
    assert text_width(short, 10.5) <= 120.0
    head, tail = short.split("…")
    assert text.startswith(head)
    assert text.endswith(tail)
    assert fitted("short", 10.5, 120.0) == "short"

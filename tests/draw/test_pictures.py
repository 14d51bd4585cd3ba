"""What is in a picture: items, groups, links, facts."""

import pytest

from nngraph.draw.flat import Flat
from nngraph.draw.levels import levels_of
from nngraph.draw.picture import TOP
from nngraph.draw.subject import picture_of
from nngraph.errors import OptionError
from nngraph.report.compilation import compilation_of
from tests.draw.pictures import by_id, picture, small_graph, top, wired_graph


def drawn(graph, after=None):
    return picture_of(compilation_of(graph), after)


def test_declared_nodes_in_order_with_their_figures():
    found = drawn(small_graph())
    assert list(top(found)) == ["x", "h1", "r1", "add_1", "logits", "logits"]
    h1 = by_id(found, "h1")
    assert (h1.op, h1.sort, h1.type) == ("linear", "linear", "float[batch, 4]")
    assert (h1.parameters, h1.multiply_adds) == (20, 16)
    assert h1.facts.states == ("h1.weight: 4×4", "h1.bias: 4")
    assert h1.facts.attributes == {"units": "4"}
    assert h1.facts.gradients[0] == "gradient/h1/sum"
    assert h1.facts.calls
    assert h1.facts.backward


def test_arrows_follow_the_declaration():
    found = drawn(small_graph())
    level = levels_of(found)[TOP]
    ids = [found.items[key].id for key in level.items]
    arrows = {(ids[a.source], ids[a.target], level.label(a)) for a in level.arrows}
    assert {("x", "h1", "4"), ("h1", "r1", "4"), ("r1", "add_1", "4"), ("x", "add_1", "4")} <= arrows


def test_a_composite_holds_what_it_is_lowered_into():
    found = drawn(small_graph())
    h1 = by_id(found, "h1")
    level = levels_of(found)[h1.key]
    assert [found.items[key].op for key in level.items] == ["matmul", "add"]
    assert [(port.enters, port.label) for port in level.ports] == [(True, "x"), (False, "h1")]


def test_a_stage_holds_its_nodes_and_their_parts():
    found = drawn(wired_graph())
    stage = by_id(found, "stage")
    assert stage.group == "wiring"
    level = levels_of(found)[stage.key]
    assert [found.items[key].label for key in level.items] == ["n00", "n01", "n02", "n03", "output"]
    ends = {(a.source, a.target) for a in level.arrows}
    assert {(0, 1), (0, 2), (1, 3), (2, 3), (3, 4)} <= ends
    assert [port.label for port in level.ports] == ["image", "stage"]
    parts = [found.items[key].label for key in levels_of(found)[by_id(found, "stage/n01").key].items]
    assert parts == ["sum", "relu", "depthwise", "pointwise", "norm"]
    assert stage.parameters == sum(by_id(found, f"stage/n0{k}").parameters for k in range(4))


def test_edges_between_what_is_seen_pass_through_open_groups():
    found = drawn(wired_graph())
    stage, n0, n1 = (by_id(found, id).key for id in ("stage", "stage/n00", "stage/n01"))
    closed = {(e.source, e.target) for e in Flat(found, ()).edges()}
    assert (by_id(found, "image").key, stage) in closed
    opened = {(e.source, e.target) for e in Flat(found, (stage,)).edges()}
    assert (by_id(found, "image").key, n0) in opened
    assert (n0, n1) in opened
    assert (by_id(found, "stage/output").key, by_id(found, "pool").key) in opened
    every = Flat(found, {item.key for item in found.items if item.group})
    assert all(key not in every.opened for e in every.edges() for key in (e.source, e.target))


def test_after_differentiate_the_backward_pass_has_its_role():
    found = drawn(small_graph(), "differentiate")
    assert by_id(found, "gradient/h1").role == "backward"
    assert by_id(found, "gradient/h1").op == "gradient of linear"
    assert by_id(found, "update").role == "update"
    assert {"loss", "x", "target"} <= set(top(found))
    level = levels_of(found)[TOP]
    aside = {
        (found.items[level.items[a.source]].id, found.items[level.items[a.target]].id) for a in level.arrows if a.aside
    }
    assert ("r1", "gradient/r1") in aside


def test_after_fuse_a_box_for_what_one_kernel_computes():
    found = drawn(small_graph(), "fuse")
    boxes = [item for item in found.items if item.group == "fused"]
    inner = {item.id for item in found.items if item.parent in {box.key for box in boxes}}
    assert {"h1/matmul", "h1", "r1"} <= inner
    assert all(box.facts.calls for box in boxes)


@pytest.mark.parametrize("after", ["schedule", "plan"])
def test_calls_and_their_buffers(after):
    found = drawn(small_graph(), after)
    calls = [item for item in found.items if item.note.startswith("call ")]
    assert len(calls) == len(found.calls)
    assert any(item.buffer for item in found.items) == (after == "plan")
    values = {value for call in found.calls for value in call.writes}
    assert {"r1", "logits"} <= values
    assert len(found.kernels) == len(found.calls)
    assert max(found.kernels) < len(found.sources)


def test_items_with_one_buffer_share_memory():
    c = compilation_of(small_graph())
    found = picture_of(c, "plan")
    assert c.plan
    offsets = {value.name: place.offset for value, place in c.plan.placements.items()}
    numbers: dict[int, set[int]] = {}
    for item in found.items:
        if item.buffer and item.note:
            value = found.calls[item.facts.calls[0]].writes[0]
            numbers.setdefault(item.buffer, set()).add(offsets[value])
    assert numbers
    assert all(len(places) == 1 for places in numbers.values())


def test_a_group_stands_before_what_it_holds():
    for after in (None, "differentiate", "fuse", "plan"):
        found = picture("digits_randwire.json", after)
        assert all(item.key == k and item.parent < k for k, item in enumerate(found.items))
        assert all(found.items[item.parent].group for item in found.items if item.parent != TOP)


def test_no_such_stage():
    with pytest.raises(OptionError, match="--after: 'fuze' given, one of declare, lower"):
        drawn(small_graph(), "fuze")

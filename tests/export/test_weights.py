"""Weights in safetensors files: what is written, what is read, and what is refused."""

import json

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

import nngraph as ng
from nngraph.errors import CheckpointError, DataError, OptionError
from nngraph.export.conventions import torch_names
from nngraph.export.weights import digest, export_weights, import_weights


def network(seed=0, name="net"):
    """Every kind of layer with weights."""
    g = ng.Graph(name)
    h = g.conv2d(g.input("image", shape=(8, 8, 2)), 6, 3, stride=2, groups=2, name="stem/conv")
    h = g.relu(g.batch_norm(h, name="stem/norm"))
    h = g.separable_conv(h, 4, 3, name="mobile")
    h = g.layer_norm(g.global_average_pool(g.depthwise_conv2d(h, 3, bias=False, name="depthwise")), name="norm")
    g.output(g.linear(h, 3, name="scores"))
    return ng.compile(g, loss="cross_entropy", optimizer="adam", seed=seed)


@pytest.fixture(scope="module")
def trained():
    model = network()
    random = np.random.default_rng(0)
    model.fit(random.normal(size=(24, 8, 8, 2)), random.integers(3, size=24), epochs=2, batch_size=8, standardize=True)
    return model


def weights_of(model):
    return {**model.parameters(), **model.statistics()}


@pytest.mark.parametrize("convention", ["nngraph", "torch"])
def test_there_and_back(trained, convention, tmp_path):
    path = tmp_path / "weights.safetensors"
    export_weights(trained.trainee, path, convention=convention)
    other = network(seed=1)
    import_weights(other.trainee, path)
    for name, array in weights_of(trained).items():
        np.testing.assert_array_equal(weights_of(other)[name], array, err_msg=name)
    images = np.random.default_rng(1).normal(size=(5, 8, 8, 2))
    if convention == "nngraph":  # the means and deviations of the data are in it
        np.testing.assert_array_equal(other.predict(images), trained.predict(images))
    assert other.trainee.classes == trained.trainee.classes


def test_names_and_layouts_of_torch(trained, tmp_path):
    path = tmp_path / "weights.safetensors"
    export_weights(trained.trainee, path, convention="torch")
    found, own = load_file(path), weights_of(trained)
    shapes = {name: array.shape for name, array in found.items()}
    assert shapes == {
        "stem.conv.weight": (6, 1, 3, 3), "stem.conv.bias": (6,), "stem.norm.weight": (6,), "stem.norm.bias": (6,),
        "stem.norm.running_mean": (6,), "stem.norm.running_var": (6,), "stem.norm.num_batches_tracked": (),
        "mobile.depthwise.weight": (6, 1, 3, 3), "mobile.pointwise.weight": (4, 6, 1, 1), "mobile.pointwise.bias": (4,),
        "depthwise.weight": (4, 1, 3, 3), "norm.weight": (4,), "norm.bias": (4,), "scores.weight": (3, 4),
        "scores.bias": (3,),
    }  # fmt: skip
    np.testing.assert_array_equal(found["stem.conv.weight"], own["stem/conv.weight"].transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(found["stem.norm.running_var"], own["stem/norm.running_variance"])
    assert found["stem.norm.num_batches_tracked"] == 6
    assert found["stem.norm.num_batches_tracked"].dtype == np.int64


def test_torch_itself_loads_and_computes_the_same(trained, tmp_path):
    torch = pytest.importorskip("torch", reason="needs PyTorch")
    nn = torch.nn
    path = tmp_path / "weights.safetensors"
    export_weights(trained.trainee, path, convention="torch")

    def group(**modules):
        return nn.ModuleDict(modules)

    net = group(
        stem=group(conv=nn.Conv2d(2, 6, 3, stride=2, groups=2), norm=nn.BatchNorm2d(6)),
        mobile=group(depthwise=nn.Conv2d(6, 6, 3, padding=1, groups=6, bias=False), pointwise=nn.Conv2d(6, 4, 1)),
        depthwise=nn.Conv2d(4, 4, 3, padding=1, groups=4, bias=False), norm=nn.LayerNorm(4), scores=nn.Linear(4, 3),
    ).eval()  # fmt: skip
    net.load_state_dict({name: torch.from_numpy(array) for name, array in load_file(path).items()}, strict=True)
    images = np.random.default_rng(1).normal(size=(5, 8, 8, 2)).astype(np.float32)
    standardizer = trained.trainee.standardizer
    x = (images - standardizer.mean["x"]) / standardizer.std["x"]
    x = torch.from_numpy(x.astype(np.float32).transpose(0, 3, 1, 2).copy())
    with torch.no_grad():
        x = nn.functional.pad(x, (0, 1, 0, 1))  # "same" of an even size with stride 2 has its extra pixel at the end
        x = torch.relu(net["stem"]["norm"](net["stem"]["conv"](x)))
        x = net["depthwise"](net["mobile"]["pointwise"](net["mobile"]["depthwise"](x)))
        y = net["scores"](net["norm"](x.mean((2, 3))))
    np.testing.assert_allclose(y.numpy(), trained.predict(images), rtol=1e-4, atol=1e-5)


def test_a_file_of_another_program_is_taken_by_its_names(trained, tmp_path):
    path, bare = tmp_path / "weights.safetensors", tmp_path / "bare.safetensors"
    export_weights(trained.trainee, path, convention="torch")
    save_file(load_file(path), bare)
    other = network(seed=1)
    with pytest.raises(CheckpointError, match="its names are those of convention 'torch'; say --convention torch"):
        import_weights(other.trainee, bare)
    import_weights(other.trainee, bare, convention="torch")
    np.testing.assert_array_equal(other.parameters()["mobile.weight"], trained.parameters()["mobile.weight"])


def test_a_checkpoint_is_one_too(trained, tmp_path):
    trained.save(tmp_path / "model.safetensors")
    other = network(seed=1)
    import_weights(other.trainee, tmp_path / "model.safetensors")
    images = np.random.default_rng(1).normal(size=(5, 8, 8, 2))
    np.testing.assert_array_equal(other.predict(images), trained.predict(images))


def test_every_tensor_has_its_digest(trained, tmp_path):
    path = tmp_path / "weights.safetensors"
    export_weights(trained.trainee, path)
    with safe_open(path, "numpy") as file:
        about = json.loads(file.metadata()["nngraph"])
    found = load_file(path)
    assert about["sha256"] == {name: digest(array) for name, array in found.items()}
    assert digest(np.array([1.0], np.float32)) == "e00e5eb9444182f352323374ef4e08ebcb784725fdd4fd612d7730540b3e0c8c"
    first = path.read_bytes()
    export_weights(trained.trainee, path)
    assert path.read_bytes() == first


def test_damage_is_seen(trained, tmp_path):
    path = tmp_path / "weights.safetensors"
    export_weights(trained.trainee, path)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"is damaged \(its SHA-256 differs\)"):
        import_weights(network().trainee, path)


def test_all_that_is_wrong_is_said_at_once_and_nothing_is_changed(trained, tmp_path):
    path = tmp_path / "weights.safetensors"
    export_weights(trained.trainee, path)
    tensors = load_file(path)
    del tensors["scores.bias"]
    tensors["scores.weight"] = np.zeros((4, 3), np.float32)
    tensors["norm.scale"] = np.full(4, np.nan, np.float32)
    tensors["another.weight"] = np.zeros(3, np.float32)
    save_file(tensors, path)
    other = network(seed=1)
    before = weights_of(other)
    with pytest.raises(CheckpointError) as caught:
        import_weights(other.trainee, path)
    lines = [line.removeprefix(f"{path}: ") for line in str(caught.value).splitlines()]
    assert sorted(lines) == [
        "'another.weight' is unexpected: the model has none of that name",
        "'norm.scale' holds float32 values that are no finite numbers",
        "'scores.bias' is missing, which should have shape (3,)",
        "'scores.weight' has shape (4, 3), but (3, 4) is expected",
    ]
    for name, array in weights_of(other).items():
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"format": "nngraph-weights"}', '{"format": "nngraph-weights", "version": 9}']
)
def test_metadata_that_is_not_whole(text, trained, tmp_path):
    path = tmp_path / "weights.safetensors"
    save_file(weights_of(trained), path, {"nngraph": text})
    if text == "[]":  # another program's
        import_weights(network().trainee, path)
    else:
        with pytest.raises(CheckpointError, match="metadata is not"):
            import_weights(network().trainee, path)


def test_numbers_that_numpy_has_not_are_refused(tmp_path):
    header = json.dumps({"w": {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]}}).encode()
    path = tmp_path / "brain.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"\0\0")
    with pytest.raises(CheckpointError, match="holds a type of numbers that NumPy has not"):
        import_weights(network().trainee, path)


def test_half_a_standardizer_changes_nothing(trained, tmp_path):
    path = tmp_path / "weights.safetensors"
    export_weights(trained.trainee, path)
    tensors = load_file(path)
    del tensors["standardizer/std/x"]
    save_file(tensors, path)
    other = network(seed=1)
    before = weights_of(other)
    with pytest.raises(DataError, match="its standardizer is incomplete"):
        import_weights(other.trainee, path)
    for name, array in weights_of(other).items():
        np.testing.assert_array_equal(array, before[name])


def test_names_that_would_meet(tmp_path):
    assert torch_names(["a/b.weight", "c.scale"]) == {"a/b.weight": "a.b.weight", "c.scale": "c.weight"}
    with pytest.raises(OptionError, match="'a.b.weight' and 'a/b.weight' would both be 'a.b.weight'"):
        torch_names(["a/b.weight", "a.b.weight"])
    with pytest.raises(OptionError, match="'keras' given, one of nngraph, torch expected"):
        export_weights(network().trainee, tmp_path / "w.safetensors", convention="keras")
    with pytest.raises(CheckpointError, match="cannot be written"):
        export_weights(network().trainee, tmp_path / "no" / "w.safetensors")
    assert list(tmp_path.iterdir()) == []

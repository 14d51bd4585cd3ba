"""The model file: JSON with a version, inputs, nodes, outputs and defaults for training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nngraph.declare.assemble import Spec, assemble
from nngraph.declare.check import Problems, is_list, is_object, shown
from nngraph.declare.choices import check_choice, check_choices, not_finite
from nngraph.declare.graph import Graph
from nngraph.declare.names import bad_title
from nngraph.errors import did_you_mean
from nngraph.ir.declaration import INPUT

FORMAT = "nngraph-model"
VERSION = 1
Choice = str | dict[str, Any]


class Strict(BaseModel):
    """No conversions, and no field that is not named here."""

    model_config = ConfigDict(strict=True, extra="forbid")


class TrainingDefaults(Strict):
    """How a model is trained, unless the command line or `compile` and `fit` say otherwise."""

    loss: Choice | dict[str, Choice] | None = Field(None, description="a loss, or one for each output")
    optimizer: Choice | None = Field(None, description="an optimizer, by name or with its options")
    regularizer: Choice | None = Field(None, description="a regularizer of all parameters")
    epochs: int | None = Field(None, ge=1, description="passes over the data")
    batch_size: int | None = Field(None, ge=1, description="examples in a step")
    data: Choice | None = Field(None, description="the data set, by name or path or with its options")
    seed: int | None = Field(None, ge=0, description="of initial parameters, shuffling and dropout")
    dtype: Literal["float32", "float64"] | None = Field(None, description="what 'float' is")
    held_out: float | None = Field(None, gt=0, lt=1, description="share of the data that is held out")
    split_seeds: list[int] | None = Field(None, min_length=1, description="one training for each way to hold out")
    standardize: bool | None = Field(None, description="whether inputs are standardized by the training data")
    augment: dict[str, int | bool] | None = Field(None, description="how images are varied in training")
    patience: int | None = Field(None, ge=1, description="epochs without a better held-out loss before it ends")


class AugmentDefaults(Strict):
    """How images are cropped and mirrored at random, in training alone."""

    crop: int | None = Field(None, ge=0, description="pixels by which an image is moved at most")
    flip: bool | None = Field(None, description="whether half of the images are mirrored")


class InputEntry(Strict):
    """An input: the shape of one example, and its element type."""

    shape: list[int] = Field(description="without the batch")
    dtype: Literal["float", "int32", "bool", "float32", "float64"] = Field("float", description="element type")


class OutputEntry(Strict):
    """An output under another name than its node's."""

    name: str
    node: str


class NodeEntry(BaseModel):
    """A node; what else it holds are attributes of its op."""

    model_config = ConfigDict(strict=True, extra="allow")

    id: str
    op: str
    inputs: list[str | int | float] = []


class ModelFile(Strict):
    """The outermost object; what it holds is validated piece by piece, so that one error hides no other."""

    format: Literal["nngraph-model"]
    version: int
    name: str = "graph"
    inputs: dict[str, Any]
    nodes: list[Any]
    outputs: list[Any]
    training: dict[str, Any] = {}


def graph_of(document: Mapping[str, Any], where: str = "") -> Graph:
    """The graph that a model file's document describes.

    Raises
    ------
    Errors
        With one line for everything that is wrong, each beginning with `where`.
    """
    problems = [*version_problems(document.get("version")), *validate(ModelFile, document, "model")]
    specs = [*input_specs(document, problems), *node_specs(document, problems)]
    outputs = outputs_of(document, problems)
    training: Any = document.get("training") or {}
    if is_object(training):
        problems += [*training_problems(training), *loss_problems(training, outputs)]
    graph = assemble(name_of(document, problems), specs, outputs, problems=problems, where=where)
    if training:
        graph.wiring.graph["training"] = training
    return graph


def version_problems(version: Any) -> Iterator[str]:
    if type(version) is int and version > VERSION:
        yield f"model: version {version} given, at most {VERSION} expected; update nngraph"
    elif type(version) is int and version < 1:
        yield f"model: version {version} given, {VERSION} expected"


def name_of(document: Mapping[str, Any], problems: list[str]) -> str:
    name = document.get("name", "graph")
    if not (wrong := bad_title(name)):
        return name
    if isinstance(name, str):
        problems.append(f"model: {wrong}")
    return "graph"


def input_specs(document: Mapping[str, Any], problems: list[str]) -> Iterator[Spec]:
    entries = document.get("inputs")
    for name, entry in entries.items() if is_object(entries) else ():
        found = validate(InputEntry, entry, f"input '{name}'")
        problems += found
        yield Spec(name, INPUT, attributes=entry if is_object(entry) else {}, broken=bool(found))


def node_specs(document: Mapping[str, Any], problems: list[str]) -> Iterator[Spec]:
    entries = document.get("nodes")
    for place, entry in enumerate(entries if is_list(entries) else ()):
        fields = entry if is_object(entry) else {}
        id = fields.get("id")
        title = f"node '{id}'" if isinstance(id, str) else f"node number {place + 1}"
        found = validate(NodeEntry, entry, title)
        problems += found
        if isinstance(id, str):
            own = {key: item for key, item in fields.items() if key not in ("id", "op", "inputs")}
            yield Spec(id, fields.get("op"), fields.get("inputs", []), own, broken=bool(found))


def outputs_of(document: Mapping[str, Any], problems: list[str]) -> dict[str, str]:
    """Output names and nodes."""
    entries = document.get("outputs")
    outputs: dict[str, str] = {}
    for entry in entries if is_list(entries) else ():
        item = {"name": entry, "node": entry} if isinstance(entry, str) else entry
        if found := validate(OutputEntry, item, f"output {shown(entry)}"):
            problems += found
        elif item["name"] in outputs:
            problems.append(f"output '{item['name']}': this name is an output already; give another")
        else:
            outputs[item["name"]] = item["node"]
    if entries == []:
        problems.append('model: outputs are empty, at least one expected; name a node in "outputs"')
    return outputs


def training_problems(training: Mapping[str, Any]) -> list[str]:
    """What is wrong with defaults for training."""
    problems = validate(TrainingDefaults, training, "training")
    for family, check in (
        ("loss", check_choices),
        ("optimizer", check_choice),
        ("regularizer", check_choice),
    ):
        if isinstance(training.get(family), (str, dict)):
            try:
                check(family, training[family])
            except Problems as problem:
                problems += [f"training: {message}" for message in problem.messages]
    if is_object(training.get("augment")):
        problems += validate(AugmentDefaults, training["augment"], "training: augment")
    problems += [
        f"training: data: {number} given, finite numbers expected" for number in not_finite(training.get("data"))
    ]
    return problems


def loss_problems(training: Mapping[str, Any], outputs: Mapping[str, str]) -> Iterator[str]:
    """Losses by name are of outputs that there are."""
    loss = training.get("loss")
    for name in loss if is_object(loss) and "type" not in loss else ():
        if name not in outputs:
            near = did_you_mean(name, outputs, f"; expected {', '.join(outputs)}")
            yield f"training: loss of '{name}', which is no output{near}"


def validate(model: type[BaseModel], given: Any, title: str) -> list[str]:
    """What is wrong with `given`, a line for each place."""
    try:
        model.model_validate(given)
    except ValidationError as error:
        found: dict[str, list[Any]] = {}
        for detail in error.errors(include_url=False):
            found.setdefault(path_of(detail), []).append(detail)
        return [f"{title}: {describe(model, path, details)}" for path, details in found.items()]
    return []


def path_of(detail: Any) -> str:
    """Where in the object, without the names of the types that were tried there."""
    parts = [part for part in detail["loc"] if part not in TYPES and "[" not in str(part)]
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).removeprefix(".")


def describe(model: type[BaseModel], path: str, details: list[Any]) -> str:
    """Pydantic's findings of one place in our words: what was given, what is expected."""
    if details[0]["type"] == "missing":
        return f"'{path}' is missing; add it"
    if details[0]["type"] == "extra_forbidden":
        near = did_you_mean(path, model.model_fields, f"; expected {', '.join(model.model_fields)}")
        return f"unknown field '{path}'{near}"
    expected = " or ".join(dict.fromkeys(expectation(detail) for detail in details))
    return f"{path + ': ' if path else ''}{shown(details[0]['input'])} given, {expected} expected"


def expectation(detail: Any) -> str:
    if detail["type"] in ("dict_type", "model_type"):
        return "an object"
    text: str = detail["msg"].removeprefix("Input should be ")
    return text.replace("a valid ", "a ").replace("a int", "an int")


TYPES = ("str", "int", "float")

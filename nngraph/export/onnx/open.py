"""Reads an ONNX file that nobody vouches for: no link followed, nothing outside its folder read, no size believed."""

from __future__ import annotations

import errno
import math
import os
import stat
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from nngraph.errors import DeclarationError
from nngraph.export.onnx.protocol import onnx_package

LARGEST = 2**31  # bytes of one tensor, or of the file
LARGEST_TOGETHER = 2**33  # bytes of all tensors, external ones among them
ITEM_BITS = {1: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 9: 8, 10: 16, 11: 64, 12: 32, 13: 64, 16: 16}


def open_model(path: Path) -> Any:
    """The model in a file, its external data read.

    Raises
    ------
    DeclarationError
        If it cannot be read, is no ONNX model, or names data that it must not name.
    """
    if path.is_symlink():
        raise DeclarationError(f"{path}: is a symbolic link, a file expected; give what it points to")
    try:
        with opened(path) as file:
            size = os.fstat(file.fileno()).st_size
            if size > LARGEST:
                raise DeclarationError(f"{path}: {size:,} bytes, at most {LARGEST:,} expected")
            content = file.read(LARGEST)
    except FileNotFoundError:
        raise DeclarationError(f"{path}: no such file") from None
    except OSError as error:
        raise DeclarationError(f"{path}: cannot be read ({error.strerror})") from None
    return parse(content, path)


def opened(path: Path) -> BinaryIO:
    """A regular file, open for reading; a pipe or a device, which may have no end, is refused and not waited for.

    Raises
    ------
    OSError
        If it is none, or cannot be opened.
    """
    file = open(os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)), "rb")  # noqa: SIM115
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return file
    file.close()
    raise OSError(errno.EINVAL, "it is no regular file")


def parse(content: bytes, path: Path) -> Any:
    """The checked model of a file's content."""
    onnx = onnx_package()
    try:
        model: Any = onnx.ModelProto.FromString(content)
    except import_module("google.protobuf.message").DecodeError:
        raise DeclarationError(f"{path}: is no ONNX model, or not whole; export it again") from None
    return check_model(model, path)


def check_model(model: Any, path: Path | None = None) -> Any:
    """The model, its tensors checked and its structure passed by onnx's checker; without a path no data beside it."""
    title = "model" if path is None else str(path)
    check_names(model.graph, title)
    total = 0
    for tensor in tensors_of(model.graph):
        total += size_of(tensor, f"{title}: tensor '{tensor.name}'")
        if total > LARGEST_TOGETHER:
            raise DeclarationError(
                f"{title}: tensor '{tensor.name}': with those before it, its tensors are of {total:,} bytes, at most "
                f"{LARGEST_TOGETHER:,} expected"
            )
        check_tensor(tensor, path, title)
    checker = onnx_package("checker")
    try:
        checker.check_model(model)
    except (checker.ValidationError, UnicodeDecodeError) as error:
        raise DeclarationError(f"{title}: is no valid ONNX model: {' '.join(str(error).split())[:300]}") from None
    return model


def check_names(graph: Any, title: str) -> None:
    """Refuse names that are no text: the protocol gives them as bytes."""
    names = [graph.name, *(each.name for each in (*graph.input, *graph.output, *graph.initializer))]
    for node in graph.node:
        names += [node.name, node.op_type, node.domain, *node.input, *node.output]
    wrong = next((name for name in names if not isinstance(name, str)), None)
    if wrong is not None:
        raise DeclarationError(f"{title}: the name {wrong!r} is no UTF-8 text; export the model again")


def tensors_of(graph: Any) -> Iterator[Any]:
    """All tensors of a graph: initializers, and those in attributes."""
    if graph.sparse_initializer:
        raise DeclarationError(f"tensor '{graph.sparse_initializer[0].values.name}': is sparse, a dense one expected")
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            yield from [attribute.t] if attribute.HasField("t") else ()
            yield from attribute.tensors
            for inner in [attribute.g] if attribute.HasField("g") else attribute.graphs:
                yield from tensors_of(inner)


def size_of(tensor: Any, title: str) -> int:
    """Bytes of a tensor, whose type and size may be."""
    if tensor.data_type == 8:
        raise DeclarationError(f"{title}: holds strings, numbers expected")
    if tensor.data_type not in ITEM_BITS:
        raise DeclarationError(f"{title}: is of ONNX's data type {tensor.data_type}, which nngraph does not have")
    if any(size < 0 for size in tensor.dims):
        raise DeclarationError(f"{title}: has sizes {list(tensor.dims)}, sizes of at least 0 expected")
    nbytes = math.prod(tensor.dims) * ITEM_BITS[tensor.data_type] // 8
    if nbytes > LARGEST:
        raise DeclarationError(f"{title}: is of {nbytes:,} bytes, at most {LARGEST:,} expected")
    return nbytes


def check_tensor(tensor: Any, path: Path | None, title: str) -> None:
    """Refuse a tensor that is larger than its data; read external data in its place."""
    title = f"{title}: tensor '{tensor.name}'"
    nbytes = size_of(tensor, title)
    if tensor.data_location == onnx_package().TensorProto.EXTERNAL:
        read_external(tensor, nbytes, path, title)
    elif tensor.raw_data and len(tensor.raw_data) != nbytes:
        given = f"{len(tensor.raw_data):,} bytes"
        raise DeclarationError(f"{title}: sizes {list(tensor.dims)} need {nbytes:,} bytes, {given} given")
    elif not tensor.raw_data and len(values_of(tensor)) != math.prod(tensor.dims):
        raise DeclarationError(f"{title}: sizes {list(tensor.dims)} given, but {len(values_of(tensor))} values")


def values_of(tensor: Any) -> Any:
    """The typed field that holds a tensor's values."""
    fields = {1: "float_data", 11: "double_data", 7: "int64_data", 12: "uint64_data", 13: "uint64_data"}
    return getattr(tensor, fields.get(tensor.data_type, "int32_data"))


def read_external(tensor: Any, nbytes: int, path: Path | None, title: str) -> None:
    """Put a tensor's data from a file beside the model into it."""
    if path is None:
        raise DeclarationError(f"{title}: its data is in another file; load the model with its external data")
    entries = {entry.key: entry.value for entry in tensor.external_data}
    file = beside(path, entries.get("location", ""), title)
    try:
        offset, length = int(entries.get("offset", 0)), int(entries.get("length", nbytes))
    except ValueError:
        raise DeclarationError(f"{title}: offset or length of its external data is no number") from None
    if length != nbytes or offset < 0:
        raise DeclarationError(f"{title}: {length:,} bytes from {offset:,} given, {nbytes:,} expected")
    try:
        with opened(file) as data:
            data.seek(offset)
            content = data.read(nbytes)
    except OSError as error:
        raise DeclarationError(f"{title}: its data in {file} cannot be read ({error.strerror})") from None
    if len(content) != nbytes:
        raise DeclarationError(f"{title}: {file} ends before its {nbytes:,} bytes from {offset:,}; it is not whole")
    tensor.raw_data = content
    tensor.data_location = onnx_package().TensorProto.DEFAULT
    del tensor.external_data[:]


def beside(path: Path, location: str, title: str) -> Path:
    """The file of that name in the model's folder or below it, on a way without links."""
    given = Path(location)
    if not location or given.is_absolute() or ".." in given.parts or "\\" in location:
        raise DeclarationError(
            f"{title}: its data is said to be in '{location}', a file in the model's own folder expected"
        )
    folder = path.parent
    for part in given.parts:
        folder = folder / part
        if folder.is_symlink():
            raise DeclarationError(f"{title}: its data is said to be in '{location}', which is a symbolic link")
    if folder.exists() and not folder.is_file():
        raise DeclarationError(f"{title}: its data is said to be in '{location}', which is no regular file")
    if not folder.is_file():
        raise DeclarationError(f"{title}: its data is said to be in '{location}', which is no file")
    return folder


def array_of(tensor: Any) -> np.ndarray:
    """The values of a checked tensor."""
    return onnx_package("numpy_helper").to_array(tensor)

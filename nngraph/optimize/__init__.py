"""Graph to graph, one rewrite a file: the same meaning in fewer and larger kernels."""

from __future__ import annotations

from functools import partial

from nngraph.ir.rewrite import Pass
from nngraph.optimize.canonicalize import canonicalize
from nngraph.optimize.decompose import decompose
from nngraph.optimize.drop_dead_code import drop_dead_code
from nngraph.optimize.fold_constants import fold_constants
from nngraph.optimize.fold_scales import fold_scales
from nngraph.optimize.fuse import fuse
from nngraph.optimize.merge_scaled_sums import merge_scaled_sums
from nngraph.optimize.mix_cotangents import mix_cotangents
from nngraph.optimize.mix_into_depthwise import mix_into_depthwise
from nngraph.optimize.narrow import narrow
from nngraph.optimize.prepare import prepare
from nngraph.optimize.reuse_channel_sums import reuse_channel_sums
from nngraph.optimize.share_subexpressions import share_subexpressions
from nngraph_kernels.storage_reference import STORAGE

PASSES: tuple[Pass, ...] = (
    Pass("mix_into_depthwise", "normalize, mix and rectify on the way into depthwise convolutions", mix_into_depthwise),
    Pass("merge_scaled_sums", "gather what a value's readers send back to it in one sum", merge_scaled_sums),
    Pass("reuse_channel_sums", "take sums of cotangents from those that kernels before have made", reuse_channel_sums),
    Pass("mix_cotangents", "take batch norm's backward terms into the sum over a value's readers", mix_cotangents),
    Pass("decompose", "write compound ops in elementwise ops and reductions", decompose),
    Pass("canonicalize", "one way to say each thing; drop what does nothing", canonicalize),
    Pass("fold_constants", "compute what depends on constants alone", fold_constants),
    Pass("share_subexpressions", "compute equal values once", share_subexpressions),
    Pass("drop_dead_code", "drop what nothing reads", drop_dead_code),
    Pass("fold_scales", "multiply factors of a product's channels into its weights", fold_scales, predicts=True),
    Pass("prepare", "take out what is the same for every batch, to be computed once", prepare, predicts=True),
    Pass("fuse", "merge elementwise ops into each other, reductions and products", fuse),
    *(
        Pass(
            f"narrow_to_{storage}",
            f"keep activations and their cotangents as {storage}",
            partial(narrow, storage=storage),
            storage=storage,
        )
        for storage in STORAGE
    ),
)


def passes_for(purpose: str, storage: str = "") -> tuple[Pass, ...]:
    """Those that a program for `purpose` goes through, which keeps numbers of 16 bits if `storage` says which."""
    return tuple(
        step for step in PASSES if (purpose == "predict" or not step.predicts) and step.storage in ("", storage)
    )

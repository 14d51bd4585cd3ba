"""Graph to graph, one rewrite a file: the same meaning in fewer and larger kernels."""

from __future__ import annotations

from nngraph.ir.rewrite import Pass
from nngraph.optimize.canonicalize import canonicalize
from nngraph.optimize.decompose import decompose
from nngraph.optimize.drop_dead_code import drop_dead_code
from nngraph.optimize.fold_constants import fold_constants
from nngraph.optimize.fuse import fuse
from nngraph.optimize.share_subexpressions import share_subexpressions

PASSES: tuple[Pass, ...] = (
    Pass("decompose", "write compound ops in elementwise ops and reductions", decompose),
    Pass("canonicalize", "one way to say each thing; drop what does nothing", canonicalize),
    Pass("fold_constants", "compute what depends on constants alone", fold_constants),
    Pass("share_subexpressions", "compute equal values once", share_subexpressions),
    Pass("drop_dead_code", "drop what nothing reads", drop_dead_code),
    Pass("fuse", "merge elementwise ops into each other, reductions and products", fuse),
)

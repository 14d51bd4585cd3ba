"""Stage 3: a forward graph becomes a training step, a gradients program, or an evaluation program."""

from nngraph.differentiate.differentiate import differentiate as differentiate
from nngraph.differentiate.differentiate import evaluation as evaluation
from nngraph.differentiate.gradients import gradients as gradients
from nngraph.differentiate.objective import Metric as Metric
from nngraph.differentiate.objective import Objective as Objective
from nngraph.differentiate.objective import metrics_of as metrics_of
from nngraph.differentiate.objective import objective_from as objective_from
from nngraph.differentiate.pullback import forward as forward
from nngraph.differentiate.pullback import pullback as pullback

"""Gradients compared with finite differences, in float64, as the compiled programs compute them."""

from nngraph.gradcheck.check import GradientReport as GradientReport
from nngraph.gradcheck.check import ParameterCheck as ParameterCheck
from nngraph.gradcheck.check import check_gradients as check_gradients

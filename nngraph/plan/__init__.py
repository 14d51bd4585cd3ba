"""Calls to arena: an offset for every value, for one batch size."""

from nngraph.plan.allocator import alignment_of as alignment_of
from nngraph.plan.plan import plan as plan

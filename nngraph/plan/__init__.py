"""Calls to arena: an offset for every value, for one batch size."""

from nngraph.plan.plan import plan as plan

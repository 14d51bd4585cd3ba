"""Graph to kernel calls: which launches, with which arguments, in which order."""

from nngraph.schedule.schedule import schedule as schedule

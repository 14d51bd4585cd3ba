"""Plots of trained runs: curves over the epochs, and for few inputs what the network makes of them.

`figure` and `plot` are what users call; they need matplotlib (``pip install "nngraph[plot]"``).
"""

from nngraph.plot.figure import figure as figure
from nngraph.plot.figure import plot as plot

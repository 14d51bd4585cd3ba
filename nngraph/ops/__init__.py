"""The operators, a file a family. Importing this package fills the registry."""

from nngraph.ops import activation as activation
from nngraph.ops import batch_norm as batch_norm
from nngraph.ops import channel_sums as channel_sums
from nngraph.ops import convolution as convolution
from nngraph.ops import convolution_backward as convolution_backward
from nngraph.ops import depthwise as depthwise
from nngraph.ops import depthwise_backward as depthwise_backward
from nngraph.ops import dropout as dropout
from nngraph.ops import elementwise as elementwise
from nngraph.ops import embedding as embedding
from nngraph.ops import fused as fused
from nngraph.ops import linear as linear
from nngraph.ops import logic as logic
from nngraph.ops import loss as loss
from nngraph.ops import mixed_depthwise as mixed_depthwise
from nngraph.ops import mixed_sums as mixed_sums
from nngraph.ops import mixing as mixing
from nngraph.ops import movement as movement
from nngraph.ops import normalization as normalization
from nngraph.ops import randwire as randwire
from nngraph.ops import reduction as reduction
from nngraph.ops import shape as shape
from nngraph.ops import slicing as slicing
from nngraph.ops import source as source
from nngraph.ops import update as update

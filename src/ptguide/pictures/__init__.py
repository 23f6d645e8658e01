"""Draw tensors and operations as SVG: the elements in their places, and which input made which output.

Pictures hold real text, work without a network and on paper, and take the colors of the page around them.
"""

from ptguide.pictures._broadcast import draw_broadcast
from ptguide.pictures._choice import Choice
from ptguide.pictures._draw import draw
from ptguide.pictures._graph import draw_graph
from ptguide.pictures._memory import draw_storage
from ptguide.pictures._module_calls import Call
from ptguide.pictures._network import draw_network
from ptguide.pictures._network_table import NetworkTable, Row
from ptguide.pictures._picture import Panel, Picture

__all__ = [
    "Call",
    "Choice",
    "NetworkTable",
    "Panel",
    "Picture",
    "Row",
    "draw",
    "draw_broadcast",
    "draw_graph",
    "draw_network",
    "draw_storage",
]

from ._capture import capture as capture
from ._capture import capture_layers as capture_layers
from ._positions import Positions as Positions
from ._rows import Rows as Rows

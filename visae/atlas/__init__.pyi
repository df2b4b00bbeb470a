from ._build import AtlasConfig as AtlasConfig
from ._build import build_atlas as build_atlas
from ._credits import Credit as Credit
from ._credits import find_credits as find_credits
from ._server import server as server
from ._site import check_atlas_folder as check_atlas_folder
from ._visualisations import Visualisations as Visualisations
from ._visualisations import render_visualisations as render_visualisations

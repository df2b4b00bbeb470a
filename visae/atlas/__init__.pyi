from ._build import Contents as Contents
from ._build import build_atlas as build_atlas
from ._credits import find_credits as find_credits
from ._drawing import Pictures as Pictures
from ._drawing import draw_pictures as draw_pictures
from ._server import server as server
from ._site import refuse_foreign as refuse_foreign

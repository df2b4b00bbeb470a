"""The atlas: a folder with a page in which to look at every neuron and feature."""

from visae.viz.atlas.build import Contents as Contents
from visae.viz.atlas.build import build_atlas as build_atlas
from visae.viz.atlas.credits import find_credits as find_credits
from visae.viz.atlas.drawing import Pictures as Pictures
from visae.viz.atlas.drawing import draw_pictures as draw_pictures
from visae.viz.atlas.server import server as server
from visae.viz.atlas.site import refuse_foreign as refuse_foreign

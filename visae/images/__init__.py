"""Where images come from: folders of photographs, dead leaves, and the batches made of them."""

from visae.images.leaves import Leaves
from visae.images.loader import Batch, batches
from visae.images.opening import open_images
from visae.images.photographs import Photographs
from visae.images.source import Images, Unreadable
from visae.images.subset import Subset, some_of

__all__ = ["Batch", "Images", "Leaves", "Photographs", "Subset", "Unreadable", "batches", "open_images", "some_of"]

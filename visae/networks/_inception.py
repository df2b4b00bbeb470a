"""InceptionV1 (Szegedy et al. 2014, arXiv 1409.4842) in the two flavours with published weights.

Layers have their TensorFlow names; values before the ReLU are `<name>_pre_relu`. Channels in a mixed layer are ordered
1x1, 3x3, 5x5, pool.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from visae.networks import _operations as operations
from visae.networks._graph import Graph, Node
from visae.networks._layers import Layer

# Channels of 1x1, 3x3 bottleneck, 3x3, 5x5 bottleneck, 5x5 and pool_reduce: table 1 of the paper, BVLC's deploy file.
CAFFE_MIXED = {
    "mixed3a": (64, 96, 128, 16, 32, 32),
    "mixed3b": (128, 128, 192, 32, 96, 64),
    "mixed4a": (192, 96, 208, 16, 48, 64),
    "mixed4b": (160, 112, 224, 24, 64, 64),
    "mixed4c": (128, 128, 256, 24, 64, 64),
    "mixed4d": (112, 144, 288, 32, 64, 64),
    "mixed4e": (256, 160, 320, 32, 128, 128),
    "mixed5a": (256, 160, 320, 32, 128, 128),
    "mixed5b": (384, 192, 384, 48, 128, 128),
}
# TensorFlow's inception5h departs from the paper in two places.
TENSORFLOW_MIXED = CAFFE_MIXED | {
    "mixed4a": (192, 96, 204, 16, 48, 64),
    "mixed5a": (256, 160, 320, 48, 128, 128),
}
POOL_BEFORE = {"mixed4a": "maxpool4", "mixed5a": "maxpool10"}
_INPUT = Layer("input", channels=3, stride=1, receptive_field=1, offset=0.0)
LOGITS = "softmax2_pre_activation"
# Prefixes of the auxiliary classifiers, used only in training, which the published Caffe file still contains.
AUXILIARY_HEADS = ("loss1_", "loss2_")


@dataclass(frozen=True)
class Flavour:
    """The differences between the two published forms of InceptionV1."""

    mixed: Mapping[str, tuple[int, ...]]
    classes: int
    mean: tuple[float, float, float]  # subtracted from 0..255, in the network's channel order
    bgr: bool  # whether that order is blue, green, red
    conv: Callable[[Tensor, nn.Conv2d], Tensor]
    max_pool: Callable[[Tensor, int], Tensor]
    padding_before: Callable[[int, int], int]  # (kernel, stride) -> px, for even sizes
    lrn: Mapping[str, int | float]
    stored_name: Callable[[str], str]  # maps a convolution's name in this file to its name in the published one


def tensorflow_name(conv: str) -> str:
    """Return a convolution's name in inception5h.pth."""
    return "softmax2_pre_activation_matmul" if conv == LOGITS else f"{conv}_pre_relu_conv"


def caffe_name(conv: str) -> str:
    """Return a convolution's name in bvlc_googlenet.caffemodel, with `_` for `/`."""
    outside_blocks = {
        "conv2d0": "conv1_7x7_s2",
        "conv2d1": "conv2_3x3_reduce",
        "conv2d2": "conv2_3x3",
        LOGITS: "loss3_classifier",
    }
    if conv in outside_blocks:
        return outside_blocks[conv]
    block, branch = conv.split("_", 1)
    branch = branch.replace("bottleneck", "reduce").replace("pool_reduce", "pool_proj")
    return f"inception_{block.removeprefix('mixed')}_{branch}"


TENSORFLOW = Flavour(
    mixed=TENSORFLOW_MIXED,
    classes=1008,
    mean=(117.0, 117.0, 117.0),
    bgr=False,
    conv=operations.same_conv,
    max_pool=operations.same_max_pool,
    padding_before=lambda kernel, stride: (kernel - stride) // 2,
    lrn={"radius": 5, "alpha": 1e-4, "beta": 0.5, "k": 2.0},
    stored_name=tensorflow_name,
)
CAFFE = Flavour(
    mixed=CAFFE_MIXED,
    classes=1000,
    mean=(104.0, 117.0, 123.0),
    bgr=True,
    conv=operations.caffe_conv,
    max_pool=operations.caffe_max_pool,
    padding_before=lambda kernel, stride: 0 if (kernel, stride) == (3, 2) else kernel // 2,
    # Caffe divides alpha by the size of the window.
    lrn={"radius": 2, "alpha": 1e-4 / 5, "beta": 0.75, "k": 1.0},
    stored_name=caffe_name,
)
FLAVOURS = {"inceptionv1": TENSORFLOW, "inceptionv1-caffe": CAFFE}


class InceptionV1(nn.Module):
    """InceptionV1 of one flavour, with random weights until `load` is called.

    `layers` holds the layers that can be read, in the order of the forward pass.
    """

    mean: Tensor

    def __init__(self, flavour: Flavour):
        super().__init__()
        self.flavour = flavour
        self.layers: dict[str, Layer] = {}
        self.convs = nn.ModuleDict()
        self.norms = nn.ModuleDict()
        self._nodes: list[Node] = []
        self._build()
        self.graph = Graph(self._nodes)
        self.register_buffer("mean", torch.tensor(flavour.mean).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False).eval().to(memory_format=torch.channels_last)

    def preprocess(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
        """Convert RGB images, 0..1, to the input that the published weights expect."""
        ordered = images.flip(1) if self.flavour.bgr else images
        return (ordered * 255 - self.mean).contiguous(memory_format=torch.channels_last)

    def read(self, images: Float[Tensor, "b 3 h w"], names: Iterable[str]) -> dict[str, Tensor]:
        """Return the named layers' maps; compute only what they need."""
        return self.graph.run(self.preprocess(images), names)

    def logits(
        self, images: Float[Tensor, "b 3 h w"], replaced: Mapping[str, Callable[[Tensor], Tensor]] = {}
    ) -> Float[Tensor, "b classes"]:
        """Return class scores before the softmax, with layers replaced as in `Graph.run`."""
        return self.graph.run(self.preprocess(images), [LOGITS], replaced)[LOGITS]

    def stored_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the names and shapes of the tensors in the published file."""
        return {name: tuple(parameter.shape) for name, parameter in self._stored().items()}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Load the tensors of the published file, whose names and shapes have been checked."""
        for name, parameter in self._stored().items():
            parameter.data.copy_(tensors[name])

    def _stored(self) -> dict[str, nn.Parameter]:
        return {
            f"{self.flavour.stored_name(conv)}.{part}": parameter
            for conv, module in self.convs.items()
            for part, parameter in module.named_parameters()
        }

    def _build(self) -> None:
        last = self._conv("conv2d0", "input", 3, 64, 7, stride=2)
        last = self._pool("maxpool0", last, stride=2)
        last = self._lrn("localresponsenorm0", last)
        last = self._conv("conv2d1", last, 64, 64, 1)
        last = self._conv("conv2d2", last, 64, 192, 3)
        last = self._lrn("localresponsenorm1", last)
        last = self._pool("maxpool1", last, stride=2)
        for block in self.flavour.mixed:
            if block in POOL_BEFORE:
                last = self._pool(POOL_BEFORE[block], last, stride=2)
            last = self._mixed(block, last)
        self._head(last)

    def _mixed(self, block: str, source: str) -> str:
        c1, b3, c3, b5, c5, cp = self.flavour.mixed[block]
        width = self.layers[source].channels
        branches = [
            self._conv(f"{block}_1x1", source, width, c1, 1),
            self._conv(f"{block}_3x3", self._conv(f"{block}_3x3_bottleneck", source, width, b3, 1), b3, c3, 3),
            self._conv(f"{block}_5x5", self._conv(f"{block}_5x5_bottleneck", source, width, b5, 1), b5, c5, 5),
            self._conv(f"{block}_pool_reduce", self._pool(f"{block}_pool", source, stride=1), width, cp, 1),
        ]
        self._concatenate(f"{block}_pre_relu", [f"{branch}_pre_relu" for branch in branches])
        return self._concatenate(block, branches)

    def _conv(self, name: str, source: str, width: int, channels: int, kernel: int, stride: int = 1) -> str:
        self.convs[name] = conv = nn.Conv2d(width, channels, kernel, stride)
        geometry = self._window_geometry(source, channels, kernel, stride)
        pre_relu = self._add(f"{name}_pre_relu", (source,), lambda x: self.flavour.conv(x, conv), geometry)
        return self._add(name, (pre_relu,), torch.relu, geometry)

    def _pool(self, name: str, source: str, stride: int) -> str:
        geometry = self._window_geometry(source, self.layers[source].channels, 3, stride)
        return self._add(name, (source,), lambda x: self.flavour.max_pool(x, stride), geometry)

    def _lrn(self, name: str, source: str) -> str:
        layer = self.layers[source]
        self.norms[name] = norm = operations.LocalResponseNorm(layer.channels, **self.flavour.lrn)  # type: ignore[arg-type]
        return self._add(name, (source,), norm, layer)

    def _concatenate(self, name: str, sources: list[str]) -> str:
        parts = [self.layers[source] for source in sources]
        widest = max(parts, key=lambda part: part.receptive_field)
        layer = replace(widest, channels=sum(part.channels for part in parts))
        return self._add(name, tuple(sources), lambda *values: torch.cat(values, 1), layer)

    def _head(self, source: str) -> None:
        dense = nn.Linear(self.layers[source].channels, self.flavour.classes)
        self.convs[LOGITS] = dense
        self._nodes.append(Node("avgpool0", (source,), lambda x: x.mean((2, 3))))
        self._nodes.append(Node(LOGITS, ("avgpool0",), dense))

    def _add(self, name: str, sources: tuple[str, ...], operation: Callable[..., Tensor], geometry: Layer) -> str:
        self._nodes.append(Node(name, sources, operation))
        self.layers[name] = replace(geometry, name=name)
        return name

    def _window_geometry(self, source: str, channels: int, kernel: int, stride: int) -> Layer:
        """Return the geometry of a layer that slides a window over `source`, for even sizes."""
        below = self.layers.get(source, _INPUT)
        shift = (kernel - 1) / 2 - self.flavour.padding_before(kernel, stride)
        return Layer(
            name="",
            channels=channels,
            stride=below.stride * stride,
            receptive_field=below.receptive_field + (kernel - 1) * below.stride,
            offset=below.offset + shift * below.stride,
        )

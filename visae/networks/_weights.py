"""Read weights from files of any format without running pickled code, check them, and compute their digest."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import Tensor

from visae._support.errors import VisaeError
from visae.networks._caffemodel import read_caffemodel


def read_weights(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a `.npz`, `.safetensors`, `.pth`, `.pt` or `.caffemodel` file, by name, on the CPU.

    Floating-point tensors become float32, others keep their dtype. A `.pth` may hold a dict of tensors or
    `{"state_dict": {...}}`. Raises `VisaeError` for another suffix, a missing or damaged file, and a file that holds
    anything but tensors; pickled code is never run.
    """
    if path.suffix not in _READERS:
        raise VisaeError(f"{path} has the suffix {path.suffix!r}, expected one of {', '.join(_READERS)}")
    if not path.is_file():
        raise VisaeError(f"{path} {'is a folder' if path.is_dir() else 'does not exist'}, expected a file of weights")
    entries = _READERS[path.suffix](path)
    others = [str(name) for name, value in entries.items() if not _is_plain(value)]
    if others:
        raise VisaeError(f"{path} holds more than plain tensors ({_few(others)}); save only its tensors")
    return {str(name): _as_float32(value) for name, value in entries.items()}


def check_weights(
    tensors: Mapping[str, Tensor],
    shapes: Mapping[str, tuple[int, ...]],
    path: Path,
    ignored_prefixes: tuple[str, ...] = (),
) -> dict[str, Tensor]:
    """Return the tensors that a network expects, in the order of `shapes`.

    shapes:            the expected shape of each tensor, by name.
    path:              the file that the tensors come from, for the message.
    ignored_prefixes:  tensors whose names begin with one of these may be present and are dropped: auxiliary heads.

    Raises one `VisaeError` that names the first tensors that are missing, unexpected, of the wrong shape, or not
    finite, and counts the rest.
    """
    faults = list(_faults(tensors, shapes, ignored_prefixes))
    if faults:
        message = f"{path} does not hold this network's weights: {'; '.join(faults)}; give the file named in its card"
        raise VisaeError(" ".join(message.split()))
    return {name: tensors[name] for name in shapes}


def weights_digest(tensors: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 over names, dtypes, shapes and values, sorted by name: the same for every file format.

    Identifies a network's weights wherever visae stores what was computed with them.
    """
    total = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        header = json.dumps([name, str(tensor.dtype), list(tensor.shape)])
        total.update(f"{header}\n".encode())
        total.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return total.hexdigest()


def _npz(path: Path) -> dict[str, Any]:
    try:
        # Opened here, because numpy does not close a file that it fails to read.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            entries = {name: arrays[name] for name in arrays.files}
    # A damaged zip or header surfaces as almost anything, from BadZipFile to MemoryError.
    except Exception as error:
        if "allow_pickle" in str(error):
            raise VisaeError(f"{path} holds pickled objects, expected arrays of numbers; save it without") from None
        raise _damaged(path, "an .npz archive of arrays") from None
    return {name: _from_numpy(array) for name, array in entries.items()}


def _from_numpy(array: np.ndarray) -> Any:
    """Convert an array of numbers to a tensor; return any other array unchanged, for `read_weights` to reject."""
    try:
        return torch.from_numpy(np.ascontiguousarray(array, array.dtype.newbyteorder("=")).reshape(array.shape))
    except (TypeError, ValueError):
        return array


def _safetensors(path: Path) -> dict[str, Any]:
    try:
        return dict(safetensors.torch.load(path.read_bytes()))
    except Exception:
        raise _damaged(path, "a safetensors file") from None


def _torch(path: Path) -> dict[str, Any]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    # weights_only stops at the first object that is not a tensor; a damaged file surfaces as almost anything.
    except Exception:
        raise _damaged(path, "a PyTorch file of plain tensors, without pickled code") from None
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    if not isinstance(content, dict):
        raise VisaeError(f"{path} holds a {type(content).__name__}, expected a dict of tensors; save its state_dict")
    return content


_READERS: dict[str, Callable[[Path], dict[str, Any]]] = {
    ".npz": _npz,
    ".safetensors": _safetensors,
    ".pth": _torch,
    ".pt": _torch,
    ".caffemodel": lambda path: dict(read_caffemodel(path)),
}


def _damaged(path: Path, expected: str) -> VisaeError:
    size = path.stat().st_size
    return VisaeError(f"{path} ({size:,} bytes) is damaged or not {expected}; fetch or save it again")


def _is_plain(value: Any) -> bool:
    if not isinstance(value, Tensor):
        return False
    return value.layout is torch.strided and value.device.type == "cpu" and not value.is_quantized


def _as_float32(tensor: Tensor) -> Tensor:
    tensor = tensor.detach().contiguous()
    return tensor.float() if tensor.is_floating_point() else tensor


def _few(names: list[str]) -> str:
    return _first_few([repr(name) for name in names], ", ")


def _first_few(texts: Sequence[str], separator: str) -> str:
    rest = f" and {len(texts) - 4} more" if len(texts) > 4 else ""
    return separator.join(texts[:4]) + rest


def _faults(
    tensors: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]], ignored_prefixes: tuple[str, ...]
) -> Iterator[str]:
    missing = [f"{name} ({_shape(shape)})" for name, shape in shapes.items() if name not in tensors]
    unexpected = [f"{name} ({_shape(tensors[name].shape)})" for name in tensors if name not in shapes]
    unexpected = [entry for entry in unexpected if not entry.startswith(ignored_prefixes)]
    if missing:
        yield f"missing {_first_few(missing, ', ')}"
    if unexpected:
        yield f"unexpected {_first_few(unexpected, ', ')}"
    if unfit := list(_unfit(tensors, shapes)):
        yield _first_few(unfit, "; ")


def _unfit(tensors: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]]) -> Iterator[str]:
    """Describe the tensors of the wrong shape, and those with values that are not finite."""
    for name in (name for name in shapes if name in tensors):
        tensor, shape = tensors[name], shapes[name]
        if tuple(tensor.shape) != tuple(shape):
            yield f"{name} is {_shape(tensor.shape)}, expected {_shape(shape)}"
        elif not (finite := torch.isfinite(tensor)).all():
            yield f"{name} has {int((~finite).sum())} of {tensor.numel()} values that are not finite"


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "a single number"

"""Reading a file of tensors, whatever it came in, and running nothing that it holds."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import Tensor

from visae._support.errors import VisaeError
from visae.networks import _caffemodel as caffemodel


def read(path: Path) -> dict[str, Tensor]:
    """The tensors in a `.npz`, `.safetensors`, `.pth`, `.pt` or `.caffemodel` file, by name, on the CPU.

    Floating-point tensors come as float32, others as they are. A `.pth` may hold a dict of tensors or
    `{"state_dict": {...}}`. Raises `VisaeError` for another suffix, a missing or damaged file, and a
    file that holds anything but tensors; pickled code is never run.
    """
    if path.suffix not in _READERS:
        raise VisaeError(f"{path} has the suffix {path.suffix!r}, expected one of {', '.join(_READERS)}")
    if not path.is_file():
        raise VisaeError(f"{path} is {'a folder' if path.is_dir() else 'not there'}, expected a file of weights")
    entries = _READERS[path.suffix](path)
    odd = [str(name) for name, value in entries.items() if not _is_plain(value)]
    if odd:
        raise VisaeError(f"{path} holds more than plain tensors ({_few(odd)}); save its tensors alone")
    return {str(name): _single(value) for name, value in entries.items()}


def _npz(path: Path) -> dict[str, Any]:
    try:
        # numpy leaves a file that it opened and could not read open.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            entries = {name: arrays[name] for name in arrays.files}
    # A damaged zip or header surfaces as almost anything, from BadZipFile to MemoryError.
    except Exception as error:
        if "allow_pickle" in str(error):
            raise VisaeError(f"{path} holds pickled objects, expected arrays of numbers; save it without") from None
        raise _damaged(path, "an .npz archive of arrays") from None
    return {name: _from_numpy(array) for name, array in entries.items()}


def _from_numpy(array: np.ndarray) -> Any:
    """A tensor of an array of numbers; anything else is handed back as it is, for `read` to refuse."""
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
    # weights_only stops at the first object that is no tensor; a damaged file surfaces as almost anything.
    except Exception:
        raise _damaged(path, "a PyTorch file of tensors alone, without pickled code") from None
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
    ".caffemodel": lambda path: dict(caffemodel.read(path)),
}


def _damaged(path: Path, expected: str) -> VisaeError:
    size = path.stat().st_size
    return VisaeError(f"{path} ({size:,} bytes) is damaged or not {expected}; fetch or save it again")


def _is_plain(value: Any) -> bool:
    if not isinstance(value, Tensor):
        return False
    return value.layout is torch.strided and value.device.type == "cpu" and not value.is_quantized


def _single(tensor: Tensor) -> Tensor:
    tensor = tensor.detach().contiguous()
    return tensor.float() if tensor.is_floating_point() else tensor


def _few(names: list[str]) -> str:
    rest = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return ", ".join(repr(name) for name in names[:4]) + rest

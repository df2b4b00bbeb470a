"""Write docs/api from what the packages export: `python docs/api_pages.py`.

One page for each public package, in the order of its stub. A name that another page documents is only linked.
"""

import inspect
import re
import sys
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE)]

from docstrings import packages  # noqa: E402 - found through the path above

import visae  # noqa: E402
from visae.sae import SAEConfig  # noqa: E402

OUT = HERE / "api"
KINDS = "<!-- kinds -->"  # conf.py puts the config classes of all kinds here
# Constants have no docstrings.
CONSTANTS = {
    "BREAKING": "Changes of weights and biases that break their statistics, by name.",
    "CAFFE": "The flavour of BVLC GoogLeNet, for ``InceptionV1``.",
    "DECORRELATED": "The colour axes of natural photographs (``benchmarks/colours.py`` measures them).",
    "DEFAULT_CRITERIA": "The thresholds that every command uses.",
    "DISTORTION": "The share of the rows' variance that a description may leave out, by default.",
    "ExamplePosition": "Image, row and column of a dataset example.",
    "FEATURES": "The name of the dictionary among populations, with its second seed.",
    "FAMILY_STIMULUS": "The stimulus that defines the orientation of each family's members, by family.",
    "GAP_DISTANCE": "Degrees from every detector at which a feature lies in a gap.",
    "KEEPING": "Changes of weights and biases that keep their statistics, by name.",
    "LARGE_SHARE": "The smallest share of a neuron's variance for a feature to count as a meaning.",
    "LEAST_HELPING": "The share of features that help below which the others are called leftovers.",
    "MIN_SHARE": "The smallest share of a neuron's variance for a feature to be listed.",
    "MOST_IMAGES": "The number of images that are searched for dataset examples, at most.",
    "QUANTILES": "The quantiles of a unit's activation at which examples are taken by default.",
    "RGB": "Red, green and blue, each by itself.",
    "Populations": "Dictionaries that differ in their seeds, by what they are.",
    "CURVE_HEADLINES": "The headlines about curve detectors, by figure.",
    "SEEDS": "The seeds of each null in the results of papers.",
    "SECOND": "The name of the dictionary of another seed.",
    "SETTINGS": "The quick and the full settings, by name.",
    "STIMULI": "Every registered kind of stimulus, by name.",
    "TENSORFLOW": "The flavour of TensorFlow's inception5h, for ``InceptionV1``.",
    "Transform": "A function from pictures ``[n, c, h, w]`` and a random generator to pictures.",
}
INDEX = """# API

The public names of each package, from their docstrings. Modules whose names begin with an underscore are private, and
so is everything that is not listed here. Shapes are written as in [jaxtyping](https://docs.kidger.site/jaxtyping/);
[](../guide/conventions.md) has the rest of the notation.
"""


def pages() -> dict[str, str]:
    """The text of every page by its file's name."""
    written = {f"{short(package)}.md": page(package) for package in packages()}
    return {**written, "index.md": index()}


def page(package: ModuleType) -> str:
    """The page of one package."""
    parts = [f"# `{package.__name__}`", rst(f".. automodule:: {package.__name__}")]
    if package is visae:
        parts.append(
            "The config class of every kind of SAE, `visae.TopK` and the others, is documented with "
            "[`visae.sae`](sae.md#kinds)."
        )
    names = [name for name in exports(package) if not is_kind(package, name)]
    homes = {name: home(package, name) for name in names}
    parts += [entry(package, name) for name, path in homes.items() if path is None]
    parts += [rst(f".. automodule:: {module}\n   :members:") for module in single_modules(package)]
    links = ", ".join(f"{{py:obj}}`{path}`" for path in homes.values() if path)
    if links:
        parts.append(f"Also in this package: {links}.")
    if package is visae.sae:
        parts.append(
            "## Kinds\n\nThe config class of every kind in the package; each is also a name of `visae`, as in "
            f"`visae.TopK`.\n\n{KINDS}"
        )
    if package is not visae and subpackages(package):
        parts.append(toctree(f"{short(package)}.{name}" for name in subpackages(package)))
    return "\n\n".join(parts) + "\n"


def index() -> str:
    """The page that lists the others."""
    rows = ["| package | what is in it |", "| --- | --- |", "| [`visae`](visae.md) | what most users need |"]
    for package in packages():
        if package is not visae:
            summary = (package.__doc__ or "").strip().splitlines()[0]
            rows.append(f"| [`{package.__name__}`]({short(package)}.md) | {summary} |")
    table = "\n".join(rows)
    return f"{INDEX}\n{table}\n\n{toctree(['visae', *subpackages(visae)])}\n"


def exports(package: ModuleType) -> list[str]:
    """The names that a package exports, in the order of its stub; without modules."""
    stub = Path(str(package.__file__)).with_suffix(".pyi").read_text()
    names = [name for name in re.findall(r" as (\w+)$", stub, re.MULTILINE) if name in package.__all__]
    return [name for name in names if not isinstance(getattr(package, name), ModuleType)]


def subpackages(package: ModuleType) -> list[str]:
    """The packages that a package exports."""
    members = {name: getattr(package, name) for name in package.__all__}
    return [name for name, member in members.items() if isinstance(member, ModuleType) and hasattr(member, "__all__")]


def single_modules(package: ModuleType) -> list[str]:
    """The modules that a package exports whole."""
    members = [getattr(package, name) for name in package.__all__ if name not in subpackages(package)]
    return [member.__name__ for member in members if isinstance(member, ModuleType)]


def home(package: ModuleType, name: str) -> str | None:
    """Where a name is documented if not on the page of this package: with `visae`, or with a package below."""
    if package is not visae and name in visae.__all__:
        return f"visae.{name}"
    for below in subpackages(package) if package is not visae else ():
        if getattr(getattr(package, below), name, None) is getattr(package, name):
            return f"{package.__name__}.{below}.{name}"
    return None


def is_kind(package: ModuleType, name: str) -> bool:
    """Whether a name is the config class of a kind of SAE; these are listed by themselves."""
    exported = getattr(package, name)
    return inspect.isclass(exported) and issubclass(exported, SAEConfig) and hasattr(exported, "kind")


def entry(package: ModuleType, name: str) -> str:
    """The directive that documents a name."""
    exported, path = getattr(package, name), f"{package.__name__}.{name}"
    if inspect.isclass(exported):
        return rst(f".. autoclass:: {path}\n   :members:")
    if inspect.isroutine(exported):
        return rst(f".. autofunction:: {path}")
    return rst(f".. autodata:: {path}\n   :no-value:\n\n   {CONSTANTS.get(name, '')}")


def rst(text: str) -> str:
    """A block of reStructuredText in Markdown."""
    return f"```{{eval-rst}}\n{text}\n```"


def toctree(names) -> str:
    """A hidden table of contents."""
    return "```{toctree}\n:hidden:\n\n" + "\n".join(names) + "\n```"


def short(package: ModuleType) -> str:
    """A package's name as that of its page."""
    return package.__name__.removeprefix("visae.")


if __name__ == "__main__":
    texts = pages()
    for path in OUT.glob("*.md"):
        path.unlink()
    for name, text in texts.items():
        (OUT / name).write_text(text)

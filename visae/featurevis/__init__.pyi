from ._kernels import effective_kernels as effective_kernels
from ._lucent import lucent_objective as lucent_objective
from ._png import save_png as save_png
from ._png import save_sheet as save_sheet
from ._render import render as render
from ._render import render_chunks as render_chunks
from ._steps import Optimisation as Optimisation
from ._steps import Rendered as Rendered

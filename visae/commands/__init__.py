"""The subcommands: each a dataclass of its options, and what it does with them."""

from visae.commands.atlas import Atlas as Atlas
from visae.commands.capture import Capture as Capture
from visae.commands.curves import Curves as Curves
from visae.commands.decompose import Decompose as Decompose
from visae.commands.demo import Demo as Demo
from visae.commands.evaluate import Evaluate as Evaluate
from visae.commands.examples import Examples as Examples
from visae.commands.fetch import Fetch as Fetch
from visae.commands.networks import Networks as Networks
from visae.commands.render import Render as Render
from visae.commands.reproduce import Reproduce as Reproduce
from visae.commands.run import Run as Run
from visae.commands.stimuli import Stimuli as Stimuli
from visae.commands.train import Train as Train
from visae.commands.verify import Verify as Verify

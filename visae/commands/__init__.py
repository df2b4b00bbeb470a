"""The subcommands: each a dataclass of its options, and what it does with them."""

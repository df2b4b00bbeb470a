"""The version, which files say that they were written by."""

VERSION = "0.1.0"

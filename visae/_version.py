"""The version, recorded in every file written."""

VERSION = "0.1.0"

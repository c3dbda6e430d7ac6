"""Definitions written out literally, over any number type: slow, small, and shared with no engine."""

"""Faults that change no result, each with the reason: they count neither as noticed nor as survived."""

from __future__ import annotations

EQUIVALENT: dict[str, str] = {}
"""The fault's key, as the report prints it, and why it changes nothing."""

"""Memristive crossbars with resistive wires, and Manhattan distance mapping (arXiv 2511.04798), solved exactly."""

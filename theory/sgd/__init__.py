"""Stochastic gradient descent as the minimisation of a free energy (arXiv 2505.23489)."""

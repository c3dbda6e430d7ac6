"""Samplers, rules and likelihoods written out literally: the slow references that the engines are tested with."""

"""Samplers that mask again what they revealed: ReMDM's posteriors, the star-shaped process, guided remasking."""

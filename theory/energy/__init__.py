"""The three transport energies of a masked diffusion model, their rates and their minimisers."""

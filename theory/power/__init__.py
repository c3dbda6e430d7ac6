"""What masked diffusion can compute: any-process generation, planners and predictors, rounds against steps."""

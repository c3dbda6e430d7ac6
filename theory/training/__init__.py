"""How masked diffusion models are trained: estimators of the negative ELBO, their variance, orders, preferences."""

"""What is true about masked diffusion models: exact engines, closed forms, bounds and a ledger of claims."""

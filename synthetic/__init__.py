"""What samplers and trained models do: experiments, and the store that keeps their records."""

"""Speed, as ratios measured within one run, so that a slow machine and a fast one agree."""

"""What a masked model does on given sequences: likelihoods, orders, rules, schedules and drafts, with intervals."""

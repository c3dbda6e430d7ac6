"""Unmasking rules: from conditionals and the masked set to the set revealed next. One implementation of each."""

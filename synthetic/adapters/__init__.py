"""Models of others as denoisers: vocabularies with the mask anywhere, shifted logits, noise levels, Hugging Face."""

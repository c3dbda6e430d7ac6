"""The papers' figures, drawn again from records: one module per figure."""

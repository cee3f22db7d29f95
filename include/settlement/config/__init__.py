"""The partner file: what a partner is, when its days end, what may move."""

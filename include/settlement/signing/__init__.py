"""Keys, and the signatures made with them."""

"""What is published of the partner API, as far as we use it, and where answers differ from it."""

"""The settlement pages: an application of the api-server that only reads."""

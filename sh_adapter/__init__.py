"""The Shanghai adapter, as far as it differs from others: block format, signing, configuration and entry point."""

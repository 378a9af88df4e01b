"""The Hong Kong adapter, as far as it differs from others: block format, configuration and entry point."""

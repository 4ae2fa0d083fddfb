"""Configuration: TOML in, a likelihood and settings out."""

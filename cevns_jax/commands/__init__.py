"""The commands of the command line, one file each; :mod:`cevns_jax.cli` lists them."""

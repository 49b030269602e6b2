"""Bundled task sets and corpora, each with its datasheet and the script that made it."""

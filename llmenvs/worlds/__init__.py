"""Worlds with state in which tools really run, and the requests that are made of them."""

"""Retrievers: which passages answer a query?"""

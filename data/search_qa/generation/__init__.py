"""How the corpus and the questions were made; see ``data/search_qa/DATASHEET.md``."""

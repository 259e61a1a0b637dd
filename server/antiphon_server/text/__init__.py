"""Text before it is spoken: tags, normalisation, sentences."""

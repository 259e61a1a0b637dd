"""Text on its way to speech: tags, sentences, what is left out."""

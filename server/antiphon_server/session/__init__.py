"""One call's state: utterances, transcripts, conversations. Plain asyncio, no wire."""

"""Generated wire types."""

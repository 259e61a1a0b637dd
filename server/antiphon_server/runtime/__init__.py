"""The engine's Runner in torch: batches to tensors, the cache of keys and values, sampling."""

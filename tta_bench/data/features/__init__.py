"""Features of clips that are extracted once: the cache and its extractors."""

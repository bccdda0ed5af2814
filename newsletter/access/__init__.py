"""Access: which programs may ask the API for what, how often, and what they were answered before."""

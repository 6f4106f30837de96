"""Serving models to programs and people: an API in OpenAI's form, a page, vLLM, and a gate between backends."""

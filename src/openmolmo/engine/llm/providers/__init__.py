"""Who answers: registered providers, built in ones by the same door as anybody's.

base.py         what a provider is, and PROVIDERS, the registry
openai.py       any server that speaks OpenAI's protocol     (needs the extra llm)
template.py     functions that answer from what is known, by purpose
mock.py         scripted replies and seeded faults, for tests
"""

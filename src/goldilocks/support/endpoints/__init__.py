"""Models behind an OpenAI-compatible HTTP endpoint: address, requests, answers, errors, and what they cost."""

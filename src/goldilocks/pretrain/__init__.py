"""Language models from text alone: from scratch, or continued on a domain."""

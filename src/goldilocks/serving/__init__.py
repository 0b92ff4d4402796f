"""Serving: bundles behind an HTTP API, with batching, access control, limits, metrics, versions and replicas.

    request -> app (routes, access, limits) -> deployment (version) -> queue -> replica (engine) -> response

The event loop parses, checks and answers requests; inference runs in worker threads or replica processes.
"""

"""Network code that two plug-ins share."""

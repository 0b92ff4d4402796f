"""One self-contained HTML file, made from records."""

"""From files to three checked parts that share no text."""

"""Where the purchases of a race are carried out; one file each."""

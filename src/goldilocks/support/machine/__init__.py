"""What this machine is, and its clock."""

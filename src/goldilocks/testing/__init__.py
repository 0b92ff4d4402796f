"""What every plug-in must do, and tiny models and data to try it on. For our tests and other packages' own."""

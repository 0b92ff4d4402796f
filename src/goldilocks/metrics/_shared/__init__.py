"""What several metrics share: counts and string matching behind them. No plug-ins."""

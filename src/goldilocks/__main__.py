"""``python -m goldilocks`` is the command ``goldilocks``."""

from goldilocks.cli.main import run

if __name__ == "__main__":
    run()

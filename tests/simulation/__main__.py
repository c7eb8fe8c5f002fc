"""``python -m simulation``."""

from simulation.run import main

if __name__ == "__main__":
    main()

"""``python -m kcity_geo.cli``: the command ``kcity`` where no script is installed."""

from kcity_geo.cli import main

if __name__ == "__main__":
    main()

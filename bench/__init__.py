"""What is measured: `./soh bench NAME` runs the module of that name in this folder."""

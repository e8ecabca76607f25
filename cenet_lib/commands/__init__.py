"""What each command of the command line does: a module per command, with a function ``run``.

`cenet_lib.__main__` reads the options and imports only the module of the command that was called,
so that ``--help`` answers at once and ``check`` works where torch is not installed.
"""

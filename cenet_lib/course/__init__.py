"""What the notebooks stand on: helpers of a lesson, the environment check, the exercises.

Nothing else in the package needs this room. `lesson` shows figures and trains the runs that several
notebooks share, `environment` says whether a computer is ready, and `exercises` checks answers.
"""

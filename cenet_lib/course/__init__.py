"""What the notebooks stand on: helpers of a lesson, the environment check, the exercises."""

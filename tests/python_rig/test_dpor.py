"""DPOR against all schedules, on some of the random programs; `random_programs.py` has as many as are asked for."""

import unittest

import random_programs
from test_rig import EVERY, IS_FULL

PROGRAMS = 40 if IS_FULL else 6


class Differential(unittest.TestCase):
    def play(self, lose=None):
        """A trial of some programs, and those whose outcomes differ."""
        trial = random_programs.Trial(*EVERY[0], lose)
        return trial, random_programs.play(trial, PROGRAMS, seed=1)

    def test_dpor_finds_the_outcomes_of_all_schedules_with_fewer(self):
        trial, wrong = self.play()
        self.assertEqual(wrong, [])
        self.assertLess(trial.classes * 3, trial.schedules)

    def test_a_dependence_that_is_lost_is_found_out(self):
        _, wrong = self.play(lose="value")
        self.assertNotEqual(wrong, [])


if __name__ == "__main__":
    unittest.main()

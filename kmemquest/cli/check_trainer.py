"""What `kmemquest check` proves of the trainer besides the topics: exams, study map."""

from __future__ import annotations

from kmemquest.content.problem import Problem
from kmemquest.level.library import Library
from kmemquest.quiz.bank import open_bank
from kmemquest.quiz.draw import topics
from kmemquest.quiz.exam_model import blueprint_files, check_blueprint, exams_root
from kmemquest.quiz.generators import load_generators
from kmemquest.quiz.study import check_study, study_file


def trainer_problems() -> tuple[int, list[Problem]]:
    """Return how many files were looked at, and all that is wrong with them.

    The topics themselves must have been found sound before.
    """
    load_generators()
    bank = open_bank()
    exams = blueprint_files(exams_root())
    problems = [problem for path in exams for problem in check_blueprint(path, bank)]
    levels = [entry.id for entry in Library.open().entries]
    problems += check_study(study_file(), levels, topics(bank))
    return 3 * len(exams) + 1, problems

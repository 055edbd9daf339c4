"""The interview trainer: question bank, generators, grading."""

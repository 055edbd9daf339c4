"""What survives the game: progress, quiz answers, drafts and settings in one SQLite file.

The store never raises for the state of the disk. Whatever the file is (missing, corrupt, locked,
read-only, on a full disk), `Store.open` answers, the game goes on, and `Store.trouble` says what
is not being saved and why.
"""

from kmemquest.store.paths import save_path
from kmemquest.store.practice_records import TrainingRun, WorldTest
from kmemquest.store.records import Attempt, Draft, LevelProgress, QuizAnswer, QuizTally
from kmemquest.store.review_records import ExamResult, ReviewCard, ReviewGrade
from kmemquest.store.store import Store
from kmemquest.store.trouble import Trouble

__all__ = [
    "Attempt",
    "Draft",
    "ExamResult",
    "LevelProgress",
    "QuizAnswer",
    "QuizTally",
    "ReviewCard",
    "ReviewGrade",
    "Store",
    "TrainingRun",
    "Trouble",
    "WorldTest",
    "save_path",
]

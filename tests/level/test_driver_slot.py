# ruff: noqa: E101 (the C within the YAML is indented as the kernel has it)
"""The driver answer kind: the player mends the whole driver; samples are edits of its start."""

from __future__ import annotations

from pathlib import Path

import pytest

from kmemquest.content.problem import ProblemsFound
from kmemquest.level.attempt import AnswerError, Attempt
from kmemquest.level.check import check_paths
from kmemquest.level.load import Level, load_level
from kmemquest.level.model import MAX_DRIVER
from kmemquest.level.verdict import judge

LEVEL = """\
format_version: 1
id: two-buffers
teaches: goto-unwinding
uses: []
difficulty: 2
driver: |
  #include <linux/module.h>
  #include <linux/slab.h>

  static char *first, *second;

  static int __init two_init(void)
  {
  	first = kmalloc(64, GFP_KERNEL);
  	second = kmalloc(64, GFP_KERNEL);
  	return first && second ? 0 : -ENOMEM;
  }

  static void __exit two_exit(void)
  {
  	kfree(first);
  }

  module_init(two_init);
  module_exit(two_exit);
  MODULE_LICENSE("GPL");
slots:
  code:
    kind: driver
    edits:
      mended:
        - {find: "kfree(first);", put: "kfree(second);\\n\\tkfree(first);"}
      twice:
        - {find: "kfree(first);", put: "kfree(first);\\n\\tkfree(first);"}
      nothing:
        - {find: "kfree(first);", put: ";"}
script: [insmod, rmmod]
predict:
  ask: outcome
  of: [ran, panicked]
goals:
  - {id: clean, require: no-leak}
forbid:
  - {id: frees, never: double-free}
stars:
  two: no-leak
  three: no-leak
solution: {code: mended}
wrong:
  - {answers: {code: twice}, fails: frees, misconception: free-again}
  - {answers: {code: nothing}, fails: clean, misconception: exit-frees}
hints: [{}, {after: 1}, {after: 2}]
refs: [core-api/memory-allocation]
"""
TEXT = """\
title: Two buffers
story: A driver takes two buffers when it is loaded and gives one of them back.
hints: [Count the frees., Count the allocations., They should be equal.]
wrong: [The first buffer went back twice., Nothing goes back by itself.]
debrief: What a driver takes it gives back, each piece exactly once, when it is unloaded.
"""
TEXT_ZH = """\
title: 两块缓冲区
story: 驱动在加载时申请两块缓冲区,卸载时却只归还其中一块,请把它改对。
hints: [数一数释放了几次。, 数一数申请了几次。, 两个数应当相等。]
wrong: [第一块缓冲区被释放了两次。, 内存不会自己归还。]
debrief: |
  驱动申请的每一块内存,都要在卸载时归还,而且恰好归还一次;
  少一次是泄漏,多一次是重复释放,两者在生产内核上往往都悄无声息。
"""


def written(folder: Path, *changes: tuple[str, str]) -> Path:
    text = LEVEL
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / "two-buffers.yaml"
    path.write_text(text, encoding="utf-8")
    for lang, words in (("en", TEXT), ("zh_CN", TEXT_ZH)):
        (folder / f"two-buffers.{lang}.yaml").write_text(words, encoding="utf-8")
    return path


@pytest.fixture
def level(tmp_path: Path) -> Level:
    try:
        return load_level(written(tmp_path))
    except ProblemsFound as found:
        raise AssertionError([str(problem) for problem in found.problems]) from None


def test_samples_are_edits_of_the_start(level: Level) -> None:
    source = Attempt(level, {"code": "mended"}).source.text
    assert source == level.file.driver.replace("kfree(first);", "kfree(second);\n\tkfree(first);")
    assert Attempt(level, {}).source.text == level.file.driver


def test_the_players_text_replaces_the_whole_driver(level: Level) -> None:
    mine = level.file.driver.replace("return first && second", "return second && first")
    assert Attempt(level, {"code": mine}).source.text == mine
    with pytest.raises(AnswerError, match=str(MAX_DRIVER)):
        Attempt(level, {"code": "x" * (MAX_DRIVER + 1)})


def test_goals_judge_the_players_text(level: Level) -> None:
    good = level.file.driver.replace("kfree(first);", "kfree(first); kfree(second);")
    assert judge(level, Attempt(level, {"code": good}).run()).passed
    assert not judge(level, Attempt(level, {}).run()).passed
    verdict = judge(level, Attempt(level, {"code": "twice"}).run())
    assert "frees" in verdict.failed_goals
    assert verdict.misconception == 0
    broken = judge(level, Attempt(level, {"code": good + "}"}).run())
    assert broken.outcome == "does-not-compile"


def test_the_checker_runs_every_sample(level: Level) -> None:
    result = check_paths([level.path])
    assert [str(error) for error in result.errors] == []
    assert result.wrong_answers_proven == 2


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('find: "kfree(first);", put: ";"', 'find: "vfree(x)", put: ";"', "is not in the driver"),
        ('find: "kfree(first);", put: ";"', 'find: "first", put: ";"', "is there 4 times"),
        ("kind: driver\n", "kind: driver\n    options: {a: b, c: d}\n", "has no options"),
        ("kind: driver\n", "kind: edit\n", "only a driver slot has edits"),
        ("two_exit(void)\n", "two_exit(void /*@slot code*/)\n", "no marker"),
        (
            "  code:\n",
            "  more: {kind: choice, options: {a: b, c: d}}\n  code:\n",
            "other open places",
        ),
    ],
)
def test_mistakes_of_authors_are_told(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = written(tmp_path, (old, new))
    with pytest.raises(ProblemsFound) as found:
        load_level(path)
    assert any(message in problem.message for problem in found.value.problems), [
        str(problem) for problem in found.value.problems
    ]

"""A level out of a sandbox: driver, open place, goals and wrong answers found by running them.

What the sandbox cannot know (the device, the story, why a mistake is one) is marked EDIT.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from kmemquest.content import assets_root
from kmemquest.content.problem import ProblemsFound
from kmemquest.i18n import LANGUAGES, _
from kmemquest.kernel.spec import Checkers
from kmemquest.level.attempt import Attempt
from kmemquest.level.load import load_level
from kmemquest.level.sandbox import FILE, INCLUDES, Ground, Sandbox, SandboxRun
from kmemquest.level.sandbox_words import ALLOCATORS
from kmemquest.level.solve import FAMILIES, FLAGS
from kmemquest.level.template import CannotWrite, schema_path
from kmemquest.level.trial import diagnose
from kmemquest.level.verdict import Verdict, judge

MAX_OPTIONS: Final = 5
GOALS: Final = (
    ("allocated", "all-allocations-succeed"), ("clean", "no-report"), ("returned", "no-leak"),
)  # fmt: skip
_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")
_NAME: Final = re.compile(r"\b_(\d+)\b")
_FLAG: Final = re.compile(r"\bGFP_(?:KERNEL|ATOMIC|NOWAIT|NOIO|NOFS)\b")
_UNUSED: Final = re.compile(r"unused variable ‘(\w+)’|‘(\w+)’ set but not used")
_CALLED: Final = "try_it"


@dataclass(frozen=True, slots=True)
class _Draft:
    """A level on the way: `wrong` are (option, goal that it fails)."""

    id: str
    ground: Ground
    driver: str
    options: tuple[tuple[str, str], ...]
    goals: tuple[tuple[str, str], ...] = GOALS
    wrong: tuple[tuple[str, str], ...] = ()
    answers: tuple[str, ...] = ("nothing", "leak")
    limits: tuple[float, float] | None = None


def write_level(sandbox: Sandbox, name: str, folder: Path) -> list[Path]:
    """Write the level and its texts; CannotWrite tells why not, and then nothing is written."""
    if not _ID.fullmatch(name):
        raise CannotWrite(
            _("{name} is no id: expected lower-case words joined by hyphens").format(name=name)
        )
    files = [folder / f"{name}.yaml", *(folder / f"{name}.{lang}.yaml" for lang in LANGUAGES)]
    for path in files:
        if path.exists():
            raise CannotWrite(_("{path} is already there; choose another name").format(path=path))
    texts = level_texts(sandbox, name, schema_path("level-v1.json", folder))
    try:
        for path, text in zip(files, texts, strict=True):
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CannotWrite(
            _("cannot write {path}: {why}").format(path=path, why=error.strerror or error)
        ) from None
    return files


def level_texts(sandbox: Sandbox, name: str, schema: str = "") -> tuple[str, ...]:
    """Return the level file and its text file for each language."""
    run = sandbox.run
    place = _open_place(run)
    if place is None:
        raise CannotWrite(_("no statement allocates anything: there is no place to leave open"))
    number, call = place
    driver = _driver(sandbox, number, call)
    draft = _Draft(name, sandbox.ground, driver, _options(call))
    draft = _proven(draft)
    return (_level(draft, schema), *(_text(draft, lang) for lang in LANGUAGES))


# --- the driver ---------------------------------------------------------------------------------


def _open_place(run: SandboxRun) -> tuple[int, str] | None:
    """The last statement that calls an allocator, and that call."""
    for number in range(len(run.statements), 0, -1):
        statement = run.statements[number - 1]
        if statement.form == "definition":
            continue
        for found in re.finditer(r"\b([A-Za-z_]\w*)\s*\(", statement.text):
            if found[1] in ALLOCATORS:
                end = _closing(statement.text, found.end() - 1)
                if end:
                    return number, statement.text[found.start() : end]
    return None


def _closing(text: str, start: int) -> int:
    depth = 0
    for index in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[index], 0)
        if not depth:
            return index + 1
    return 0


def _driver(sandbox: Sandbox, number: int, call: str) -> str:
    """The statements as a driver; in init, or in a function of a level's driver."""
    run, ground = sandbox.run, sandbox.ground
    body = []
    for place in range(1, len(run.statements) + 1):
        line = _line(run, place)
        if place == number:
            line = line.replace(call, "/*@slot alloc*/", 1)
        if line:
            body.append("\t" + line)
    definitions = [s.text for s in run.statements if s.form == "definition"]
    definitions = [_named(text) for text in definitions]
    text = _whole(ground, definitions, body)
    names = {
        found[1] or found[2]: None
        for one in diagnose(text.replace("/*@slot alloc*/", call), FILE, builtin=ground.builtin)
        if (found := _UNUSED.search(one.message)) is not None
    }
    body += [f"\t(void){name};" for name in names]
    if ground.driver:
        return _whole(ground, definitions, body)
    needed = list(INCLUDES)
    for include in INCLUDES[1:]:
        fewer = [other for other in needed if other != include]
        tried = _whole(ground, definitions, body, fewer).replace("/*@slot alloc*/", call)
        if all(one.severity != "error" for one in diagnose(tried, FILE)):
            needed = fewer
    for usual in ("slab.h", "vmalloc.h", "gfp.h"):
        # The other options need them.
        if usual not in needed:
            needed.append(usual)
    return _whole(ground, definitions, body, needed)


def _whole(
    ground: Ground,
    definitions: Sequence[str],
    body: Sequence[str],
    includes: Sequence[str] = INCLUDES,
) -> str:
    if ground.driver:
        out = [ground.driver.rstrip("\n"), "", *definitions]
        out += [f"int {_CALLED}(void);", f"int {_CALLED}(void)", "{", *body, "\treturn 0;", "}"]
        return "\n".join(out) + "\n"
    out = ["// SPDX-License-Identifier: GPL-2.0"]
    out += [f"#include <linux/{name}>" for name in includes]
    out += ["", *definitions, *([""] if definitions else [])]
    out += ["static int __init card_init(void)", "{", *body, "\treturn 0;", "}", ""]
    out += ["static void __exit card_exit(void)", "{", "}", ""]
    out += ["module_init(card_init);", "module_exit(card_exit);", 'MODULE_LICENSE("GPL");']
    return "\n".join(out) + "\n"


def _line(run: SandboxRun, number: int) -> str:
    """A statement as a line of a driver; empty for what only looked at something."""
    statement = run.statements[number - 1]
    if statement.form == "definition":
        return ""
    value = run.value(number)
    text = _named(statement.text.rstrip())
    if not text.endswith((";", "}")):
        text += ";"
    if statement.form == "declare":
        kind = value[0] if value is not None else "void *"
        return f"{kind}{'' if kind.endswith('*') else ' '}{text}"
    if statement.form != "value":
        return text
    later = " ".join(other.text for other in run.statements[number:])
    used = re.search(rf"\b_{number}\b", later) is not None
    if used and value is not None:
        kind = value[0]
        return f"{kind}{'' if kind.endswith('*') else ' '}result{number} = {text}"
    acts = re.search(r"[A-Za-z_]\w*\s*\(|=|\+\+|--", statement.text)
    return text if acts else ""


def _named(text: str) -> str:
    """`_3`, the sandbox's name for a result, under a name that a driver may have."""
    return _NAME.sub(r"result\1", text)


# --- options, goals, wrong answers ----------------------------------------------------------------


def _options(call: str) -> tuple[tuple[str, str], ...]:
    """The call as it was typed, then other flags, sister functions, other allocators."""
    found: dict[str, None] = {call: None}
    name = call.partition("(")[0].strip()
    size = _first_argument(call)
    others = []
    for family in FAMILIES:
        if name in family:
            others += [call.replace(name, other, 1) for other in family if other != name]
    if name in ("kmalloc", "kzalloc", "vmalloc", "vzalloc", "kvmalloc", "kvzalloc"):
        others = [
            f"vmalloc({size})", "(void *)__get_free_page(GFP_KERNEL)",
            f"kmalloc({size}, GFP_KERNEL)", f"kmalloc(sizeof({size}), GFP_KERNEL)",
            *others,
        ]  # fmt: skip
    others += [_FLAG.sub(flag, call) for flag in FLAGS if _FLAG.search(call)]
    order = re.fullmatch(r"(.*,\s*)(\d+)(\s*\))", call)
    if "page" in name and order is not None:
        others += [f"{order[1]}{max(0, int(order[2]) + by)}{order[3]}" for by in (-1, 1)]
    for text in others:
        found.setdefault(text)
    if len(found) < 3:
        found.setdefault("NULL")
    names: dict[str, str] = {}
    for text in found:
        names.setdefault(_option_name(text, names), text)
    return tuple(names.items())


def _first_argument(call: str) -> str:
    inside = call[call.index("(") + 1 : -1]
    depth = 0
    for index, sign in enumerate(inside):
        depth += {"(": 1, ")": -1}.get(sign, 0)
        if sign == "," and not depth:
            return inside[:index].strip()
    return inside.strip()


def _option_name(text: str, taken: dict[str, str]) -> str:
    if text == "NULL":
        return "nothing"
    calls = [word for word in re.findall(r"(\w+)\s*\(", text) if word in ALLOCATORS]
    word = (calls or ["call"])[0].strip("_")
    flag = _FLAG.search(text)
    word = word.replace("_", "-")
    base = f"{word}-{flag.group()[4:].lower()}" if flag is not None else word
    if "sizeof" in text and f"{base}-sizeof" not in taken:
        base += "-sizeof"
    name, count = base, 2
    while name in taken:
        name, count = f"{base}-{count}", count + 1
    return name


def _proven(draft: _Draft) -> _Draft:
    """Run every option; keep the goals that the solution meets, find what the others fail."""
    verdicts = _judged(draft)
    solution = draft.options[0][0]
    if solution not in verdicts:
        raise CannotWrite(_("the statements do not run as a driver of their own"))
    ran = {name: v for name, v in verdicts.items() if v.outcome != "does-not-compile"}
    missed = set(ran[solution].failed_goals)
    goals = tuple(goal for goal in draft.goals if goal[0] not in missed)
    kept = [goal[0] for goal in goals]

    def fails(name: str) -> str:
        failed = [goal for goal in ran[name].failed_goals if goal in (*kept, "survives")]
        return failed[0] if failed else ""

    others = [name for name in ran if name != solution]
    chosen = [name for name in others if fails(name)] + [n for n in others if not fails(n)]
    chosen = chosen[: MAX_OPTIONS - 1]
    texts = dict(draft.options)
    # The solution stands between the others: never first, for no habit shall win.
    order = [*chosen[:1], solution, *chosen[1:]]
    truths = [ran[name].truth for name in order]
    answers = tuple(dict.fromkeys([*truths, "nothing", "leak"]))
    waste = ran[solution].figures.waste
    limits = None
    if waste is not None and waste < 0.7:
        limits = (round(waste + 0.25, 2), round(waste + 0.05, 2))
    return replace(
        draft,
        options=tuple((name, texts[name]) for name in [solution, *chosen]),
        goals=goals or GOALS[1:2],
        wrong=tuple((name, fails(name)) for name in chosen if fails(name)),
        answers=answers[: max(2, len(set(truths)))],
        limits=limits,
    )


def _judged(draft: _Draft) -> dict[str, Verdict]:
    """Verdicts of all options that can be run, by option."""
    names = [name for name, _text in draft.options]
    if len(names) < 3:
        raise CannotWrite(_("there is nothing to offer beside {call}").format(call=names[0]))
    trial = replace(draft, wrong=tuple((name, "clean") for name in names[1:3]))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{draft.id}.yaml"
        path.write_text(_level(trial, ""), encoding="utf-8")
        for lang in LANGUAGES:
            path.with_name(f"{draft.id}.{lang}.yaml").write_text(_text(trial, lang), "utf-8")
        try:
            level = load_level(path)
        except ProblemsFound as found:
            raise CannotWrite(str(found)) from None
        return {name: judge(level, Attempt(level, {"alloc": name}).run()) for name in names}


# --- the files ------------------------------------------------------------------------------------


def _level(draft: _Draft, schema: str) -> str:
    ground = draft.ground
    solution = draft.options[0][0]
    script = [*ground.steps()]
    if ground.driver:
        script += [{"call": {"function": _CALLED}}]
    if not ground.builtin:
        script.append("rmmod")
    order = [name for name, _text in draft.options]
    order = [*order[1:2], solution, *order[2:]]
    texts = dict(draft.options)
    stars = ("no-report", "no-report")
    star_lines = [f"  two: {stars[0]}", f"  three: {stars[1]}"]
    if draft.limits is not None:
        star_lines = [
            f"  two: {{waste-below: {draft.limits[0]}}}",
            f"  three: {{waste-below: {draft.limits[1]}}}",
        ]
    template = (assets_root() / "templates" / "sandbox.yaml").read_text(encoding="utf-8")
    failed = list(dict.fromkeys(goal for _name, goal in draft.wrong))
    words = {
        "@SCHEMA@": schema or "level-v1.json",
        "@ID@": draft.id,
        "@MACHINE@": json.dumps(_machine(ground)),
        "@BUILTIN@": "builtin: true\n" if ground.builtin else "",
        "@DRIVER@": "\n".join(f"  {line}".rstrip() for line in draft.driver.rstrip().split("\n")),
        "@OPTIONS@": "\n".join(f"      {name}: {json.dumps(texts[name])}" for name in order),
        "@SCRIPT@": json.dumps(script),
        "@ANSWERS@": json.dumps(list(draft.answers)),
        "@GOALS@": "\n".join(f"  - {{id: {name}, require: {word}}}" for name, word in draft.goals),
        "@STARS@": "\n".join(star_lines),
        "@SOLUTION@": solution,
        "@WRONG@": "\n".join(
            f"  - {{answers: {{alloc: {name}}}, fails: {goal}, misconception: edit-{name}}}"
            for name, goal in draft.wrong
        )
        or "  []",
        "@ON@": json.dumps(failed or [draft.goals[0][0]]),
    }
    for word, value in words.items():
        template = template.replace(word, value)
    return template


def _machine(ground: Ground) -> dict[str, object]:
    spec = ground.spec
    machine: dict[str, object] = {"ram": spec.ram, "cpus": spec.cpus}
    if spec.nodes > 1:
        machine["nodes"] = spec.nodes
    machine["checkers"] = _checkers(spec.checkers)
    if spec.options:
        machine["options"] = list(spec.options)
    if spec.page_cache:
        machine["page_cache"] = spec.page_cache
    if spec.processes:
        machine["processes"] = [
            {"comm": comm, "resident": size, "oom_score_adj": adj}
            for comm, size, adj in spec.processes
        ]
    if ground.uptime != "fresh":
        machine["history"] = {"seed": ground.wear, "uptime": ground.uptime}
    return machine


def _checkers(checkers: Checkers) -> str | list[str]:
    for word in ("debug", "production", "slub_debug=FZPU"):
        if checkers == Checkers.preset(word):
            return word
    known = ("kasan", "atomic_sleep", "kmemleak", "dma_debug", "lockdep", "debug_vm")
    return [name.replace("_", "-") for name in known if getattr(checkers, name)]


def _text(draft: _Draft, lang: str) -> str:
    template = (assets_root() / "templates" / f"sandbox.{lang}.yaml").read_text(encoding="utf-8")
    head, _sep, line = template.partition("@WRONG@")
    texts = dict(draft.options)
    said = [line.strip().replace("{option}", texts[name]) for name, _goal in draft.wrong]
    wrong = "\n".join(f"  - {json.dumps(text, ensure_ascii=False)}" for text in said)
    return head + (wrong or "  []") + "\n"

"""What the kernel prints while it loads a module (`kernel/module/main.c`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kmemquest.driver.placement import UNLOADED
from kmemquest.kernel.check.oops import warn
from kmemquest.kernel.text.dump_stack import dump_stack

if TYPE_CHECKING:
    from kmemquest.driver.engine import Engine
    from kmemquest.driver.module_image import Module
    from kmemquest.kernel.machine import Machine

GPL_COMPATIBLE: Final = frozenset(
    (
        "GPL",
        "GPL v2",
        "GPL and additional rights",
        "Dual BSD/GPL",
        "Dual MIT/GPL",
        "Dual MPL/GPL",
    )
)
KERN_WARNING: Final = 4


def announce_module(machine: Machine, module: Module) -> None:
    """Taint the kernel as loading this module does, and make its symbols known to stack dumps."""
    checks, name = machine.checks, module.name
    if "O" not in checks.taint:
        checks.taint.add("O")
        machine.log.print(f"{name}: loading out-of-tree module taints kernel.", KERN_WARNING)
    license_text = module.first_info("license")
    if license_text not in GPL_COMPATIBLE:
        shown = license_text or "unspecified"
        text = f"{name}: module license '{shown}' taints kernel."
        if "P" not in checks.taint:
            checks.taint.add("P")
            machine.log.print(text, KERN_WARNING)
            machine.log.print("Disabling lock debugging due to kernel taint", KERN_WARNING)
    checks.modules.append(name)
    last: dict[str, int] = {}
    for point in module.steps:
        last[point.function] = max(last.get(point.function, 0), point.line)
    for function, code in module.functions.items():
        checks.symbols[function] = (code.line, max(last.get(function, 0), code.line))


def name_variables(engine: Engine) -> None:
    """Make the static objects of a module, or of built-in code, known to reports (`%pS`)."""
    module, placement, machine = engine.module, engine.placement, engine.machine
    for name, item in module.objects.items():
        start = placement.symbols.get(name, 0)
        if not start or item.section.startswith(UNLOADED):
            continue
        shown = item.size
        if not module.builtin:
            # find_kallsyms_symbol() takes a symbol to end where the text of its module does.
            text = placement.areas[0]
            shown = text.start + text.size - start & (1 << 64) - 1
        owner = "" if module.builtin else module.name
        machine.checks.variables[start] = (name, shown, owner)


def forget_variables(engine: Engine) -> None:
    """Let a module's static objects be nameless again: it is gone."""
    variables = engine.machine.checks.variables
    for start in [at for at, (_, _, module) in variables.items() if module == engine.module.name]:
        del variables[start]


def initcall_returned(engine: Engine, name: str) -> None:
    """Warn when an init function returns in another context (`init/main.c:do_one_initcall`)."""
    machine = engine.machine
    context = machine.context
    found = ""
    if context.preempt_count:
        found += "preemption imbalance "
        context.preempt_depth = context.softirq_depth = 0
    if context.irqs_disabled_depth:
        found += "disabled interrupts "
        context.irqs_disabled_depth = 0
    if not found:
        return
    size = engine.module.functions[name].text_size
    where = f"{name}+0x0/{size:#x} [{engine.module.name}]"
    message = f"initcall {where} returned with {found}"
    warn(machine, "init/main.c", 1280, "do_one_initcall", message, kind="lock-not-released")


def init_outcome(machine: Machine, module: Module, result: int) -> None:
    """Complain about an init function that returns a positive number."""
    if result <= 0:
        return
    name = module.name
    for line in (
        f"do_init_module: '{name}'->init suspiciously returned {result}, "
        "it should follow 0/-E convention",
        "do_init_module: loading module anyway...",
        *dump_stack(machine, ("dump_stack_lvl", "do_init_module")),
    ):
        machine.log.print(line, KERN_WARNING)


def forget_symbols(engine: Engine, names: set[str]) -> None:
    """Let /proc/vmallocinfo print bare addresses of code that is being freed (`%pS`).

    The kernel keeps an address and looks the name up when the file is read: the init part of a
    module is nameless once init has returned, the rest once the module is unloaded.
    """
    module, machine = engine.module, engine.machine
    if module.builtin or machine.phase != "running":
        return
    symbols, mark = engine.placement.symbols, f" [{module.name}]"
    for area in machine.vmalloc.space.areas():
        name, _, rest = area.caller.partition("+")
        if area.caller.endswith(mark) and name in names and name in symbols:
            area.caller = f"{symbols[name] + int(rest.partition('/')[0], 16):#x}"

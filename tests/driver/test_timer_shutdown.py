"""A timer that was shut down is not started again; one that was only deleted is."""

from __future__ import annotations

import pytest

from tests.driver.kernel_module import value_of

BODY = (
    "static struct timer_list timer;\nstatic int fired;\n"
    "static void fire(struct timer_list *t) { fired++; }\n"
    "long probe(void);\nlong probe(void) {\n"
    "timer_setup(&timer, fire, 0); mod_timer(&timer, jiffies + 5); %s(&timer);\n"
    "mod_timer(&timer, jiffies + 5); msleep(40); return fired; }\n"
)


@pytest.mark.parametrize(("stop", "fired"), [("timer_delete_sync", 1), ("timer_shutdown_sync", 0)])
def test_mod_timer_after_the_end(stop: str, fired: int) -> None:
    assert value_of(BODY % stop, "production") == fired

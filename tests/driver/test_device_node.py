"""The node of a device: what the probe step says is what dev_to_node() tells."""

from __future__ import annotations

import pytest

from kmemquest.driver.run import run_driver
from kmemquest.driver.script import ScriptError, parse_step
from kmemquest.kernel.spec import MIB, MachineSpec

SOURCE = """
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pci.h>

static int card_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct page *page = alloc_pages_node(dev_to_node(&pdev->dev), GFP_KERNEL, 0);

	if (!page)
		return -ENOMEM;
	pr_info("card: node %d, page of node %d\\n", dev_to_node(&pdev->dev), page_to_nid(page));
	__free_page(page);
	return 0;
}

static const struct pci_device_id card_ids[] = { { PCI_DEVICE(0x1af4, 0x1000) }, { } };
static struct pci_driver card = { .name = "card", .id_table = card_ids, .probe = card_probe };
module_pci_driver(card);
MODULE_LICENSE("GPL");
"""


def lines_of(nodes: int, **where: int) -> str:
    """Probe the card once and return the log."""
    spec = MachineSpec(ram=128 * MIB, cpus=2, nodes=nodes)
    step = {"probe": {"pci": {"vendor": 0x1AF4, "device": 0x1000, **where}}}
    return "\n".join(run_driver(SOURCE, "card.c", spec, ["insmod", step, "rmmod"]).log_text())


def test_a_device_near_a_node() -> None:
    assert "card: node 1, page of node 1" in lines_of(2, node=1)
    assert "card: node 0, page of node 0" in lines_of(2, node=0)


def test_a_device_that_no_node_is_nearer_to() -> None:
    """NUMA_NO_NODE stands for the node of the running CPU."""
    assert "card: node -1, page of node 0" in lines_of(2)


def test_a_node_that_the_machine_does_not_have() -> None:
    with pytest.raises(ScriptError, match="nodes 0 to 1, no 2"):
        lines_of(2, node=2)
    with pytest.raises(ScriptError, match="from -1 to 7"):
        parse_step({"probe": {"pci": {"vendor": 1, "device": 1, "node": 8}}})

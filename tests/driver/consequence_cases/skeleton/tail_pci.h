static int case_probe(struct pci_dev *pdev, const struct pci_device_id *id) { return mistake(pdev); }
static void case_remove(struct pci_dev *pdev) { on_remove(pdev); }
static const struct pci_device_id case_ids[] = { { PCI_DEVICE(0x8086, 0x100e) }, { 0 } };
static struct pci_driver case_driver = {
	.name = "casedrv", .id_table = case_ids, .probe = case_probe, .remove = case_remove,
};
module_pci_driver(case_driver);
MODULE_LICENSE("GPL");

static void on_remove(struct pci_dev *pdev) { }
static noinline int mistake(struct pci_dev *pdev)
{
	void *p = devm_kzalloc(&pdev->dev, 64, GFP_KERNEL);
	devm_kfree(&pdev->dev, p);
	devm_kfree(&pdev->dev, hide(p));
	return 0;
}

#ifndef _LINUX_PCI_H
#define _LINUX_PCI_H
#include <linux/mod_devicetable.h>
#include <linux/device.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/dmapool.h>

#define PCI_ANY_ID (~0)
#define PCI_DEVICE(vend, dev) \
	.vendor = (vend), .device = (dev), .subvendor = PCI_ANY_ID, .subdevice = PCI_ANY_ID
#define PCI_VDEVICE(vend, dev) PCI_DEVICE(PCI_VENDOR_ID_##vend, dev)
#define PCI_VENDOR_ID_INTEL 0x8086
#define PCI_VENDOR_ID_REDHAT 0x1b36
#define PCI_STD_NUM_BARS 6
#define PCI_D0 0
#define PCI_D3hot 3
#define PCI_IRQ_INTX (1 << 0)
#define PCI_IRQ_MSI (1 << 1)
#define PCI_IRQ_MSIX (1 << 2)
#define PCI_IRQ_ALL_TYPES (PCI_IRQ_INTX | PCI_IRQ_MSI | PCI_IRQ_MSIX)

struct pci_dev {
	unsigned int devfn;
	unsigned short vendor;
	unsigned short device;
	unsigned short subsystem_vendor;
	unsigned short subsystem_device;
	unsigned int class;
	u8 revision;
	u64 dma_mask;
	unsigned int irq;
	struct resource resource[PCI_STD_NUM_BARS];
	struct device dev;
};

struct pci_driver {
	const char *name;
	const struct pci_device_id *id_table;
	int (*probe)(struct pci_dev *dev, const struct pci_device_id *id);
	void (*remove)(struct pci_dev *dev);
	void (*shutdown)(struct pci_dev *dev);
	struct device_driver driver;
};

#define to_pci_dev(n) container_of(n, struct pci_dev, dev)
#define pci_get_drvdata(pdev) dev_get_drvdata(&(pdev)->dev)
#define pci_set_drvdata(pdev, data) dev_set_drvdata(&(pdev)->dev, data)
#define pci_name(pdev) dev_name(&(pdev)->dev)
#define pci_resource_start(pdev, bar) ((pdev)->resource[(bar)].start)
#define pci_resource_end(pdev, bar) ((pdev)->resource[(bar)].end)
#define pci_resource_flags(pdev, bar) ((pdev)->resource[(bar)].flags)
#define pci_resource_len(pdev, bar) \
	((pdev)->resource[(bar)].end ? resource_size(&(pdev)->resource[(bar)]) : 0)

int __must_check pci_register_driver(struct pci_driver *drv);
void pci_unregister_driver(struct pci_driver *dev);
int __must_check pci_enable_device(struct pci_dev *dev);
int __must_check pci_enable_device_mem(struct pci_dev *dev);
int __must_check pcim_enable_device(struct pci_dev *pdev);
void pci_disable_device(struct pci_dev *dev);
void pci_set_master(struct pci_dev *dev);
void pci_clear_master(struct pci_dev *dev);
int __must_check pci_request_regions(struct pci_dev *dev, const char *name);
void pci_release_regions(struct pci_dev *dev);
void *pci_iomap(struct pci_dev *dev, int bar, unsigned long maxlen);
void *pcim_iomap(struct pci_dev *dev, int bar, unsigned long maxlen);
void pci_iounmap(struct pci_dev *dev, void *addr);
void *pci_ioremap_bar(struct pci_dev *pdev, int bar);
int pci_alloc_irq_vectors(struct pci_dev *dev, unsigned int min_vecs, unsigned int max_vecs, unsigned int flags);
void pci_free_irq_vectors(struct pci_dev *dev);
int pci_irq_vector(struct pci_dev *dev, unsigned int nr);

#define module_pci_driver(driver) module_driver(driver, pci_register_driver, pci_unregister_driver)

#endif

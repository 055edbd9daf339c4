// SPDX-License-Identifier: GPL-2.0
/* Faulty: a refused image is never released, and nobody asks whether the header fits. */
#include <linux/module.h>
#include <linux/firmware.h>
#include <linux/platform_device.h>
#include <linux/string.h>

static int tuner_probe(struct platform_device *pdev)
{
	const struct firmware *fw;
	u32 entry;
	int ret;

	ret = request_firmware(&fw, "tuner.fw", &pdev->dev);
	if (ret)
		return ret;
	memcpy(&entry, fw->data + 4092, sizeof(entry)); /* the file may be shorter */
	if (entry > fw->size) {
		dev_err(&pdev->dev, "entry %#x lies outside\n", entry);
		return -EINVAL;
	}
	release_firmware(fw);
	return 0;
}

static struct platform_driver tuner_driver = {
	.probe = tuner_probe,
	.driver = { .name = "tuner" },
};

module_platform_driver(tuner_driver);
MODULE_DESCRIPTION("Tuner that keeps its image");
MODULE_LICENSE("GPL");

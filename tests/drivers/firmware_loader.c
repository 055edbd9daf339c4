// SPDX-License-Identifier: GPL-2.0
/* A coprocessor that starts with a program from a file: header, checksum, upload. */
#include <linux/module.h>
#include <linux/firmware.h>
#include <linux/io.h>
#include <linux/platform_device.h>
#include <linux/slab.h>

#define IMAGE_NAME "copro/boot.bin"
#define IMAGE_MAGIC 0x4f525043 /* "CPRO" */
#define CTRL_RUN BIT(0)

struct image_header {
	__le32 magic;
	__le16 version;
	__le16 sum;
	__le32 length;
} __packed;

struct copro {
	void __iomem *regs;
	u32 *shadow;
	size_t words;
};

static int copro_check(struct device *dev, const struct firmware *fw)
{
	const struct image_header *h = (const void *)fw->data;
	u16 sum = 0;
	size_t i;

	if (fw->size < sizeof(*h))
		return -EINVAL;
	if (le32_to_cpu(h->magic) != IMAGE_MAGIC) {
		dev_err(dev, "not an image: %#x\n", le32_to_cpu(h->magic));
		return -EINVAL;
	}
	if (le32_to_cpu(h->length) != fw->size - sizeof(*h) || fw->size % 4)
		return -EINVAL;
	for (i = sizeof(*h); i < fw->size; i++)
		sum += fw->data[i];
	if (sum != le16_to_cpu(h->sum)) {
		dev_err(dev, "checksum %#x, expected %#x\n", sum, le16_to_cpu(h->sum));
		return -EBADMSG;
	}
	dev_info(dev, "image version %u, %zu bytes\n", le16_to_cpu(h->version), fw->size);
	return 0;
}

static int copro_probe(struct platform_device *pdev)
{
	const struct firmware *fw;
	struct copro *c;
	size_t i;
	int ret;

	c = devm_kzalloc(&pdev->dev, sizeof(*c), GFP_KERNEL);
	if (!c)
		return -ENOMEM;
	c->regs = devm_platform_ioremap_resource(pdev, 0);
	if (IS_ERR(c->regs))
		return PTR_ERR(c->regs);
	ret = request_firmware(&fw, IMAGE_NAME, &pdev->dev);
	if (ret)
		return ret;
	ret = copro_check(&pdev->dev, fw);
	if (ret)
		goto out;
	c->words = (fw->size - sizeof(struct image_header)) / 4;
	c->shadow = kmemdup(fw->data + sizeof(struct image_header), c->words * 4, GFP_KERNEL);
	if (!c->shadow) {
		ret = -ENOMEM;
		goto out;
	}
	for (i = 0; i < c->words; i++)
		writel(c->shadow[i], c->regs + 0x100 + 4 * i);
	writel(CTRL_RUN, c->regs);
	platform_set_drvdata(pdev, c);
out:
	release_firmware(fw);
	return ret;
}

static void copro_remove(struct platform_device *pdev)
{
	struct copro *c = platform_get_drvdata(pdev);

	writel(0, c->regs);
	kfree(c->shadow);
}

static struct platform_driver copro_driver = {
	.probe = copro_probe,
	.remove = copro_remove,
	.driver = { .name = "copro" },
};

module_platform_driver(copro_driver);
MODULE_FIRMWARE(IMAGE_NAME);
MODULE_DESCRIPTION("Coprocessor with a firmware image");
MODULE_LICENSE("GPL");

// SPDX-License-Identifier: GPL-2.0
/* Small fast memory on the chip, handed out in granules by a pool. */
#include <linux/module.h>
#include <linux/genalloc.h>
#include <linux/io.h>
#include <linux/platform_device.h>
#include <linux/sizes.h>

#define GRANULE_ORDER 6
#define SRAM_BYTES SZ_4K

struct sram {
	struct gen_pool *pool;
	void __iomem *base;
	unsigned long descriptors;
	unsigned long stack;
};

static int sram_probe(struct platform_device *pdev)
{
	struct resource *res;
	struct sram *s;
	int ret;

	s = devm_kzalloc(&pdev->dev, sizeof(*s), GFP_KERNEL);
	if (!s)
		return -ENOMEM;
	res = platform_get_resource(pdev, IORESOURCE_MEM, 0);
	if (!res)
		return -ENODEV;
	s->base = devm_platform_ioremap_resource(pdev, 0);
	if (IS_ERR(s->base))
		return PTR_ERR(s->base);
	s->pool = gen_pool_create(GRANULE_ORDER, -1);
	if (!s->pool)
		return -ENOMEM;
	ret = gen_pool_add_virt(s->pool, (unsigned long)s->base, res->start, SRAM_BYTES, -1);
	if (ret)
		goto out;
	s->descriptors = gen_pool_alloc(s->pool, 1000);
	s->stack = gen_pool_alloc(s->pool, SZ_2K);
	if (!s->descriptors || !s->stack) {
		ret = -ENOMEM;
		goto out_blocks;
	}
	dev_info(&pdev->dev, "stack at offset %#lx, %zu of %zu bytes left\n",
		 s->stack - (unsigned long)s->base, gen_pool_avail(s->pool), gen_pool_size(s->pool));
	dev_info(&pdev->dev, "the device sees it at %#llx\n",
		 (u64)gen_pool_virt_to_phys(s->pool, s->stack));
	if (gen_pool_alloc(s->pool, SZ_2K))
		dev_err(&pdev->dev, "more than there is\n");
	platform_set_drvdata(pdev, s);
	return 0;

out_blocks:
	if (s->stack)
		gen_pool_free(s->pool, s->stack, SZ_2K);
	if (s->descriptors)
		gen_pool_free(s->pool, s->descriptors, 1000);
out:
	gen_pool_destroy(s->pool);
	return ret;
}

static void sram_remove(struct platform_device *pdev)
{
	struct sram *s = platform_get_drvdata(pdev);

	gen_pool_free(s->pool, s->stack, SZ_2K);
	gen_pool_free(s->pool, s->descriptors, 1000);
	gen_pool_destroy(s->pool);
}

static struct platform_driver sram_driver = {
	.probe = sram_probe,
	.remove = sram_remove,
	.driver = { .name = "onchip-sram" },
};

module_platform_driver(sram_driver);
MODULE_DESCRIPTION("Memory on the chip");
MODULE_LICENSE("GPL");

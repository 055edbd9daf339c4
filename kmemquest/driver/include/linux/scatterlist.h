/* Lists of buffers that one DMA transfer gathers. */
#ifndef _LINUX_SCATTERLIST_H
#define _LINUX_SCATTERLIST_H
#include <linux/types.h>
#include <linux/errno.h>
#include <linux/slab.h>
#include <linux/mm.h>

struct scatterlist {
	unsigned long page_link;
	unsigned int offset;
	unsigned int length;
	dma_addr_t dma_address;
	unsigned int dma_length;
};

struct sg_table {
	struct scatterlist *sgl;
	unsigned int nents;
	unsigned int orig_nents;
};

#define SG_END 0x02UL

#define sg_dma_address(sg) ((sg)->dma_address)
#define sg_dma_len(sg) ((sg)->dma_length)
#define sg_is_last(sg) ((sg)->page_link & SG_END)
#define for_each_sg(sglist, sg, nr, __i) \
	for (__i = 0, sg = (sglist); __i < (nr); __i++, sg = sg_next(sg))
#define for_each_sgtable_sg(sgt, sg, i) for_each_sg((sgt)->sgl, sg, (sgt)->orig_nents, i)
#define for_each_sgtable_dma_sg(sgt, sg, i) for_each_sg((sgt)->sgl, sg, (sgt)->nents, i)

static inline struct page *sg_page(struct scatterlist *sg)
{
	return (struct page *)(sg->page_link & ~3UL);
}

static inline struct scatterlist *sg_next(struct scatterlist *sg)
{
	return sg_is_last(sg) ? NULL : sg + 1;
}

static inline void sg_mark_end(struct scatterlist *sg)
{
	sg->page_link |= SG_END;
}

static inline void sg_set_page(struct scatterlist *sg, struct page *page, unsigned int len, unsigned int offset)
{
	sg->page_link = (sg->page_link & 3UL) | (unsigned long)page;
	sg->offset = offset;
	sg->length = len;
}

static inline void sg_set_buf(struct scatterlist *sg, const void *buf, unsigned int buflen)
{
	sg_set_page(sg, virt_to_page(buf), buflen, offset_in_page(buf));
}

static inline void *sg_virt(struct scatterlist *sg)
{
	return (char *)page_address(sg_page(sg)) + sg->offset;
}

static inline phys_addr_t sg_phys(struct scatterlist *sg)
{
	return page_to_phys(sg_page(sg)) + sg->offset;
}

static inline void sg_init_table(struct scatterlist *sgl, unsigned int nents)
{
	unsigned int i;

	for (i = 0; i < nents; i++) {
		sgl[i].page_link = 0;
		sgl[i].offset = 0;
		sgl[i].length = 0;
		sgl[i].dma_address = 0;
		sgl[i].dma_length = 0;
	}
	sg_mark_end(&sgl[nents - 1]);
}

static inline void sg_init_one(struct scatterlist *sg, const void *buf, unsigned int buflen)
{
	sg_init_table(sg, 1);
	sg_set_buf(sg, buf, buflen);
}

static inline int sg_alloc_table(struct sg_table *table, unsigned int nents, gfp_t gfp_mask)
{
	table->sgl = nents ? kmalloc_array(nents, sizeof(struct scatterlist), gfp_mask) : NULL;
	table->nents = 0;
	table->orig_nents = 0;
	if (!nents)
		return -EINVAL;
	if (!table->sgl)
		return -ENOMEM;
	sg_init_table(table->sgl, nents);
	table->nents = nents;
	table->orig_nents = nents;
	return 0;
}

static inline void sg_free_table(struct sg_table *table)
{
	kfree(table->sgl);
	table->sgl = NULL;
	table->nents = 0;
	table->orig_nents = 0;
}

/* Pages that lie side by side share an entry, so there may be fewer entries than pages. */
static inline int sg_alloc_table_from_pages(struct sg_table *sgt, struct page **pages,
					    unsigned int n_pages, unsigned int offset,
					    unsigned long size, gfp_t gfp_mask)
{
	struct scatterlist *sg = NULL;
	unsigned long here;
	unsigned int i, runs = 0;
	int ret;

	for (i = 0; i < n_pages; i++)
		runs += !i || page_to_pfn(pages[i]) != page_to_pfn(pages[i - 1]) + 1;
	ret = sg_alloc_table(sgt, runs, gfp_mask);
	if (ret)
		return ret;
	for (i = 0; i < n_pages; i++) {
		here = PAGE_SIZE - offset < size ? PAGE_SIZE - offset : size;
		if (!i || page_to_pfn(pages[i]) != page_to_pfn(pages[i - 1]) + 1) {
			sg = sg ? sg + 1 : sgt->sgl;
			sg_set_page(sg, pages[i], here, offset);
		} else {
			sg->length += here;
		}
		size -= here;
		offset = 0;
	}
	return 0;
}

#endif

static noinline void mistake(void)
{
	struct page *pg[2]; void *p;
	pg[0] = alloc_page(GFP_KERNEL); pg[1] = alloc_page(GFP_KERNEL);
	p = vmap(pg, 2, VM_MAP, PAGE_KERNEL);
	vfree(p);
	__free_page(pg[0]); __free_page(pg[1]);
	say("returned");
}

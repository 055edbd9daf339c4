static noinline void mistake(void)
{
	struct kmem_cache *c = kmem_cache_create("case_nouc", 256, 0, SLAB_NO_MERGE, NULL);
	unsigned long u = vm_mmap(NULL, 0, 4096, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, 0);
	char *p = kmem_cache_zalloc(c, GFP_KERNEL);
	unsigned long left = copy_to_user((void __user *)u, p, hide((size_t)64));
	say("left %lu", left);
	kmem_cache_free(c, p); kmem_cache_destroy(c);
}

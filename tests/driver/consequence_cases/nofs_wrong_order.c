static noinline void mistake(void)
{
	unsigned int a = memalloc_nofs_save();
	unsigned int b = memalloc_noio_save();
	memalloc_nofs_restore(a);
	memalloc_noio_restore(b);
	say("%x", current->flags & (PF_MEMALLOC_NOFS | PF_MEMALLOC_NOIO));
}

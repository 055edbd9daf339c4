static noinline void mistake(void)
{
	unsigned long u = vm_mmap(NULL, 0, 4096, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, 0);
	kfree((void *)u);
	say("returned");
}

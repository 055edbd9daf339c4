static noinline void mistake(void)
{
	unsigned long u = vm_mmap(NULL, 0, 4096, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, 0);
	char b[16];
	vm_munmap(u, 4096);
	say("left %lu", copy_from_user(b, (void __user *)u, 16));
	say("left %lu", copy_from_user(b, (void __user *)NULL, 16));
}

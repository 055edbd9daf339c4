static noinline void mistake(void)
{
	unsigned long u = vm_mmap(NULL, 0, 4096, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, 0);
	char buf[32];
	say("left %lu", copy_from_user(buf, (void __user *)u, hide((size_t)60)));
}

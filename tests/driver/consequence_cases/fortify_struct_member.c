struct pkt { char name[8]; int len; };
static noinline void mistake(void)
{
	struct pkt *p = kzalloc(sizeof(*p), GFP_KERNEL);
	size_t n = hide((size_t)12);
	memcpy(p->name, "0123456789abcdef", n);
	say("len %d", p->len);
	kfree(p);
}

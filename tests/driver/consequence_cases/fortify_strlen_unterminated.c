struct pkt { char name[8]; } ;
static noinline void mistake(void)
{
	struct pkt *p = kzalloc(sizeof(*p), GFP_KERNEL);
	memset(p->name, 'a', 8);
	say("%zu", strlen(p->name));
	kfree(p);
}

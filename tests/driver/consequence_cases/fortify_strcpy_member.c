struct pkt { char name[8]; int len; };
static noinline void mistake(void)
{
	struct pkt *p = kzalloc(sizeof(*p), GFP_KERNEL);
	char src[32];
	strscpy(src, "a string that is too long", sizeof(src));
	strcpy(p->name, src);
	kfree(p);
}

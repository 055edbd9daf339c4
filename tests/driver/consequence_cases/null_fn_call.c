struct ops { int (*go)(int); };
static noinline void mistake(void)
{
	struct ops *o = kzalloc(sizeof(*o), GFP_KERNEL);
	say("%d", o->go(1));
}

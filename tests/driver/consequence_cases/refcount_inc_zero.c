static refcount_t r = REFCOUNT_INIT(0);
static noinline void mistake(void)
{
	refcount_inc(&r);
	say("%d", refcount_read(&r));
}

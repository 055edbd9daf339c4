static refcount_t r = REFCOUNT_INIT(1);
static noinline void mistake(void)
{
	refcount_dec(&r);
}

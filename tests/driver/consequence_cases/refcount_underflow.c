static refcount_t r = REFCOUNT_INIT(1);
static noinline void mistake(void)
{
	say("%d", refcount_dec_and_test(&r));
	say("%d", refcount_dec_and_test(&r));
}

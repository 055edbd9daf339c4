static DEFINE_MUTEX(m);
static noinline void mistake(void)
{
	mutex_lock(&m);
}

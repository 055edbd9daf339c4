static DEFINE_MUTEX(a);
static DEFINE_MUTEX(b);
static noinline void mistake(void)
{
	mutex_lock(&a); mutex_lock(&b); mutex_unlock(&b); mutex_unlock(&a);
	mutex_lock(&b); mutex_lock(&a); mutex_unlock(&a); mutex_unlock(&b);
}

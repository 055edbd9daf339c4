struct st { spinlock_t l; int x; };
static noinline void mistake(void)
{
	struct st *s = kzalloc(sizeof(*s), GFP_KERNEL);
	spin_lock_init(&s->l);
	spin_lock(&s->l);
	kfree(s);
	spin_unlock(&s->l);
}

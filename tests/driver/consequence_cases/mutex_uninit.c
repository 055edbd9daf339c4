struct st { struct mutex l; int x; };
static noinline void mistake(void)
{
	struct st *s = kzalloc(sizeof(*s), GFP_KERNEL);
	mutex_lock(&s->l);
	s->x++;
	mutex_unlock(&s->l);
	kfree(s);
}

struct o { struct rcu_head r; int x; };
static noinline void mistake(void)
{
	struct o *p = kzalloc(sizeof(*p), GFP_KERNEL);
	kfree_rcu(p, r);
	msleep(500);
	say("%d", ((volatile struct o *)p)->x);
}

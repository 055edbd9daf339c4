struct st { u64 pad[10]; struct timer_list t; };
static void cb(struct timer_list *t) { struct st *s = from_timer(s, t, t); say("cb %llu", s->pad[0]); }
static noinline void mistake(void)
{
	struct st *s = kzalloc(sizeof(*s), GFP_KERNEL);
	timer_setup(&s->t, cb, 0);
	mod_timer(&s->t, jiffies + HZ / 10);
	del_timer_sync(&s->t);
	kfree(s);
	mod_timer(&s->t, jiffies + HZ / 10);
	msleep(500);
}

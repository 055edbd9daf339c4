struct st { u64 pad[10]; struct work_struct w; char *buf; };
static void fn(struct work_struct *w) { struct st *s = container_of(w, struct st, w); s->buf[0] = 1; say("work ran"); kfree(s); }
static noinline void mistake(void)
{
	struct st *s = kzalloc(sizeof(*s), GFP_KERNEL);
	s->buf = kmalloc(64, GFP_KERNEL);
	INIT_WORK(&s->w, fn);
	schedule_work(&s->w);
	kfree(s->buf);
	msleep(50);
}

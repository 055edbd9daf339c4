struct node { struct list_head l; int x; };
static LIST_HEAD(head);
static noinline void mistake(void)
{
	struct node *n = kzalloc(sizeof(*n), GFP_KERNEL);
	list_add(&n->l, &head);
	list_del(&n->l);
	list_del(&n->l);
	say("returned");
}

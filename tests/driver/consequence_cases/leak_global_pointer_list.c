struct node { struct node *next; char data[120]; };
static struct node *first;
static noinline void mistake(void)
{
	int i;
	for (i = 0; i < 4; i++) {
		struct node *n = kzalloc(sizeof(*n), GFP_KERNEL);
		n->next = first; first = n;
	}
	first = first->next->next;
}

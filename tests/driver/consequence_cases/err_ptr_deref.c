struct dev_s { int a; char b[100]; int c; };
static noinline void mistake(void)
{
	struct dev_s *d = hide((struct dev_s *)ERR_PTR(-ENOMEM));
	say("%d", d->c);
}

static int __init case_init(void)
{
	mistake();
	return 0;
}
static void __exit case_exit(void) { }
module_init(case_init);
module_exit(case_exit);
MODULE_LICENSE("GPL");

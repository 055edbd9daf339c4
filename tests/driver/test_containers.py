"""Containers of the kernel's library, used as drivers use them: what they hold, what it costs."""

from __future__ import annotations

import random

import pytest

from kmemquest.driver.build import build
from kmemquest.driver.engine import Engine
from kmemquest.driver.fault_sweep import FaultSweep
from kmemquest.driver.run import RunResult, run_driver, sweep_faults
from kmemquest.kernel.spec import MIB, MachineSpec
from tests.driver.corpus import cases
from tests.driver.kernel_module import HEAD, engine_for, machine, texts, value_of

INCLUDES = "".join(
    f"#include <linux/{name}.h>\n"
    for name in ("hashtable", "kfifo", "rbtree", "xarray", "idr", "llist", "list_sort")
)


def value(body: str, checkers: str = "debug") -> int:
    """Return what `long probe(void)` returns; nothing may be reported on the way."""
    engine = engine_for(INCLUDES + body, checkers)
    result = engine.call("probe")
    said = [line.text for line in engine.machine.log.lines]
    assert engine.stopped is None, engine.stopped
    assert engine.defect is None, repr(engine.defect)
    assert not [text for text in said if "BUG" in text or "WARNING" in text], said[-30:]
    return result


def probe(lines: str, before: str = "") -> str:
    """Return a program whose `probe` runs the lines."""
    return f"{before}\nlong probe(void);\nlong probe(void)\n{{\n{lines}\n}}\n"


def run(body: str, script: object = None, checkers: str = "debug") -> RunResult:
    """Load and unload a module."""
    return run_driver(
        HEAD + INCLUDES + body,
        "m.c",
        script=script or ["insmod", "rmmod"],
        machine=machine(checkers),
    )


def kinds(result: RunResult) -> list[str]:
    return [report.kind for report in result.reports]


def module(start: str, stop: str = "", before: str = "") -> str:
    """Return a module with these bodies of init and exit."""
    return f"""{before}
static int __init start(void)
{{
{start}
}}
static void __exit stop(void)
{{
{stop}
}}
module_init(start);
module_exit(stop);
"""


def sweep(body: str) -> FaultSweep:
    diagnostics, found = sweep_faults(HEAD + INCLUDES + body, "m.c", MachineSpec(ram=64 * MIB))
    assert found is not None, "\n".join(map(str, diagnostics))
    return found


# --- hashtable ----------------------------------------------------------------------------

TABLE = """
struct user { u32 id; int n; struct hlist_node node; };
static DEFINE_HASHTABLE(users, 4);
static struct user pool[40];
static __maybe_unused struct user *find(u32 id)
{
	struct user *u;

	hash_for_each_possible(users, u, node, id)
		if (u->id == id)
			return u;
	return NULL;
}
static __maybe_unused void fill(void)
{
	for (u32 i = 0; i < 40; i++) {
		pool[i].id = i * 7;
		hash_add(users, &pool[i].node, pool[i].id);
	}
}
"""


def test_hash_values_are_those_of_the_kernel() -> None:
    expressions = {
        "hash_32(1, 8)": 0x61C88647 >> 24,
        "hash_32(12345, 10)": (12345 * 0x61C88647 & 0xFFFFFFFF) >> 22,
        "hash_64(12345, 10)": (12345 * 0x61C8864680B583EB & (1 << 64) - 1) >> 54,
        "hash_long(7, 4)": (7 * 0x61C8864680B583EB & (1 << 64) - 1) >> 60,
        "hash_ptr((void *)0x1000, 6)": (0x1000 * 0x61C8864680B583EB & (1 << 64) - 1) >> 58,
        "hash_min((u32)5, 5)": (5 * 0x61C88647 & 0xFFFFFFFF) >> 27,
    }
    sums = "".join(f"if ({text} != {wanted}u) wrong |= {1 << n};\n" for n, (text, wanted) in
                   enumerate(expressions.items()))  # fmt: skip
    assert value(probe(f"long wrong = 0;\n{sums}return wrong;")) == 0


def test_what_is_in_a_table_is_found_and_what_was_removed_is_not() -> None:
    lines = """
	struct user *u; struct hlist_node *tmp; int bkt; long seen = 0;
	if (!hash_empty(users)) return -1;
	fill();
	for (u32 i = 0; i < 40; i++)
		if (find(i * 7) != &pool[i]) return -2;
	if (find(5)) return -3;
	hash_for_each(users, bkt, u, node) seen += u->id;
	hash_for_each_safe(users, bkt, tmp, u, node)
		if (u->id & 1) hash_del(&u->node);
	for (u32 i = 0; i < 40; i++)
		if (!find(i * 7) != (i & 1)) return -4;
	if (hash_hashed(&pool[1].node) || !hash_hashed(&pool[2].node)) return -5;
	hash_del(&pool[1].node);
	hash_for_each_safe(users, bkt, tmp, u, node) hash_del(&u->node);
	return hash_empty(users) ? seen : -6;"""
    assert value(probe(lines, TABLE)) == sum(7 * i for i in range(40))


def test_a_table_inside_a_structure_is_initialised_by_hash_init() -> None:
    lines = """
	struct box *b = kmalloc(sizeof(*b), GFP_KERNEL);
	struct user *u; int n = 0;
	hash_init(b->table);
	pool[3].id = 9;
	hash_add_rcu(b->table, &pool[3].node, 9u);
	rcu_read_lock();
	hash_for_each_possible_rcu(b->table, u, node, 9u) n += u->id;
	rcu_read_unlock();
	hash_del_rcu(&pool[3].node);
	n += 100 * hash_empty(b->table) + 1000 * HASH_SIZE(b->table);
	kfree(b);
	return n;"""
    box = "struct box { int n; DECLARE_HASHTABLE(table, 3); };\n"
    assert value(probe(lines, TABLE + box)) == 8109


def test_an_object_freed_in_the_table_is_found_there_by_kasan() -> None:
    start = """
	struct user *u = kzalloc(sizeof(*u), GFP_KERNEL);
	if (!u) return -ENOMEM;
	hash_add(users, &u->node, 3u);
	kfree(u);
	return find(3) ? 1 : 0;"""
    assert "slab-use-after-free" in kinds(run(module(start, before=TABLE)))


# --- kfifo --------------------------------------------------------------------------------


def test_a_fifo_of_its_own_holds_elements_in_order() -> None:
    before = "struct ev { u16 kind; u32 at; };\nstatic DEFINE_KFIFO(events, struct ev, 8);\n"
    lines = """
	struct ev e = { 0, 0 }; long n = 0;
	if (kfifo_size(&events) != 8 || !kfifo_is_empty(&events) || kfifo_esize(&events) != 8)
		return -1;
	for (u32 round = 0; round < 5; round++) {
		for (u32 i = 0; i < 6; i++)
			if (!kfifo_put(&events, ((struct ev) { 1, round * 10 + i }))) return -2;
		if (kfifo_len(&events) != 6 || kfifo_avail(&events) != 2) return -3;
		if (!kfifo_peek(&events, &e) || e.at != round * 10) return -4;
		for (u32 i = 0; i < 6; i++)
			if (!kfifo_get(&events, &e) || e.at != round * 10 + i) return -5;
		if (kfifo_get(&events, &e)) return -6;
	}
	while (kfifo_put(&events, e)) n++;
	if (!kfifo_is_full(&events)) return -7;
	kfifo_skip(&events);
	n = n * 10 + kfifo_len(&events);
	kfifo_reset(&events);
	return n * 10 + kfifo_len(&events);"""
    assert value(probe(lines, before)) == 870


def test_blocks_go_in_and_out_around_the_end_of_the_ring() -> None:
    before = "static DEFINE_SPINLOCK(lock);\nstatic struct { DECLARE_KFIFO(f, u8, 16); } box;\n"
    lines = """
	u8 in[16], out[16]; u8 next = 0, want = 0; long moved = 0;
	INIT_KFIFO(box.f);
	for (int round = 0; round < 40; round++) {
		unsigned int n = 1 + round % 13, got;
		for (unsigned int i = 0; i < n; i++) in[i] = next + i;
		got = kfifo_in(&box.f, in, n);
		next += got;
		if (got != n) return -1;
		if (kfifo_out_peek(&box.f, out, 1) != 1 || out[0] != want) return -2;
		got = kfifo_out_spinlocked(&box.f, out, 16, &lock);
		if (got != n) return -3;
		for (unsigned int i = 0; i < got; i++) if (out[i] != want++) return -4;
		moved += got;
	}
	if (kfifo_in_spinlocked(&box.f, in, 16, &lock) != 16) return -5;
	return kfifo_in(&box.f, in, 1) ? -6 : moved;"""
    assert value(probe(lines, before)) == sum(1 + i % 13 for i in range(40))


def test_kfifo_alloc_rounds_up_and_takes_kmalloc_memory() -> None:
    lines = """
	DECLARE_KFIFO_PTR(f, u32); struct kfifo bytes; u32 v = 0; long r;
	if (kfifo_alloc(&f, 100, GFP_KERNEL)) return -1;
	if (kfifo_alloc(&bytes, 1, GFP_KERNEL) != -EINVAL) return -2;
	r = kfifo_size(&f) * 10000 + ksize(f.kfifo.data);
	for (u32 i = 0; i < 128; i++) if (!kfifo_put(&f, i)) return -3;
	for (u32 i = 0; i < 128; i++) if (!kfifo_get(&f, &v) || v != i) return -4;
	kfifo_free(&f);
	return kfifo_initialized(&f) ? -5 : r;"""
    assert value(probe(lines), "production") == 128 * 10000 + 512


def test_kfifo_init_uses_a_buffer_rounded_down() -> None:
    lines = """
	static u8 room[100]; struct kfifo f;
	if (kfifo_init(&f, room, sizeof(room))) return -1;
	return kfifo_size(&f);"""
    assert value(probe(lines)) == 64


def test_elements_may_be_pointers() -> None:
    before = "struct job { int n; };\nstatic DEFINE_KFIFO(jobs, struct job *, 4);\n"
    lines = """
	struct job a = { 3 }, b = { 4 }, *both[2] = { &a, &b }, *j; long sum = 0;
	if (!kfifo_put(&jobs, &a) || kfifo_in(&jobs, both, 2) != 2) return -1;
	while (kfifo_get(&jobs, &j)) sum = sum * 10 + j->n;
	return sum;"""
    assert value(probe(lines, before)) == 334


def test_breaking_out_of_a_table_ends_both_loops() -> None:
    lines = """
	struct user *u; int bkt, n = 0;
	fill();
	hash_for_each(users, bkt, u, node) if (++n == 3) break;
	return n * 10 + (u != NULL);"""
    assert value(probe(lines, TABLE)) == 31


def test_a_forgotten_include_is_named() -> None:
    for call, header in (("xa_erase(p, 1)", "xarray"), ("kfifo_len(p)", "kfifo"),
                         ("idr_find(p, 1)", "idr"), ("rb_next(p)", "rbtree")):  # fmt: skip
        said = build(HEAD + f"void f(void *p);\nvoid f(void *p) {{ {call}; }}\n", "m.c").diagnostics
        assert any(f"<linux/{header}.h>" in item.hint for item in said), said


def test_a_size_that_is_no_power_of_two_does_not_build() -> None:
    result = run("static DEFINE_KFIFO(f, int, 12);\n" + module("return kfifo_len(&f);"))
    assert result.outcome == "does-not-compile"


FIFO_MODULE = """
static struct kfifo fifo;
static int __init start(void)
{
	int ret = kfifo_alloc(&fifo, 1000, GFP_KERNEL);

	if (ret)
		return ret;
	return kfifo_in(&fifo, "hello", 5) == 5 ? 0 : -EIO;
}
static void __exit stop(void)
{
	%s
}
module_init(start);
module_exit(stop);
"""


def test_a_forgotten_kfifo_free_leaks_its_buffer() -> None:
    assert kinds(run(FIFO_MODULE % "kfifo_free(&fifo);")) == []
    result = run(FIFO_MODULE % "")
    assert kinds(result) == ["leak"]
    assert "(size 1024)" in "\n".join(texts(result))


def test_a_fifo_used_after_its_free_dereferences_null() -> None:
    result = run(FIFO_MODULE % "kfifo_free(&fifo); kfifo_put(&fifo, 1);")
    assert result.outcome in ("task-killed", "panicked")


def test_kasan_names_the_kernels_copy() -> None:
    start = """
	u8 *p = kmalloc(4, GFP_KERNEL);
	if (!p) return -ENOMEM;
	kfifo_in(&f, p, 12);
	kfree(p);
	return 0;"""
    result = run(module(start, before="static DEFINE_KFIFO(f, u8, 16);"))
    assert kinds(result) == ["slab-out-of-bounds"]
    assert "in kfifo_copy_in+" in "\n".join(texts(result))


def test_programs_bytes_come_in_as_whole_elements() -> None:
    body = """
#include <linux/miscdevice.h>
static DEFINE_KFIFO(f, u16, 4);
static ssize_t feed(struct file *file, const char __user *buf, size_t count, loff_t *pos)
{
	unsigned int copied = 77;
	int ret = kfifo_from_user(&f, buf, count, &copied);

	return ret ? ret : copied * 100 + kfifo_len(&f);
}
static ssize_t drain(struct file *file, char __user *buf, size_t count, loff_t *pos)
{
	unsigned int copied = 77;

	return kfifo_to_user(&f, buf, count, &copied) ? -EIO : copied;
}
static const struct file_operations fops = { .owner = THIS_MODULE, .write = feed, .read = drain };
static struct miscdevice dev = { .minor = MISC_DYNAMIC_MINOR, .name = "pairs", .fops = &fops };
module_misc_device(dev);
"""
    script = [
        "insmod", {"open": "pairs"}, {"write": {"file": "pairs", "text": "abcde"}},
        {"write": {"file": "pairs", "text": "fghijk"}}, {"read": {"file": "pairs", "size": 100}},
        {"close": "pairs"}, "rmmod",
    ]  # fmt: skip
    result = run(body, script)
    assert [step.result for step in result.results] == [0, 0, 402, 404, 8, 0, 0]
    assert result.results[4].data == b"abcdfghi"
    assert kinds(result) == []


def test_kfifo_alloc_fails_under_faults_and_in_atomic_context() -> None:
    found = sweep(FIFO_MODULE % "kfifo_free(&fifo);")
    assert [result.result for result in found.results] == [-12]
    assert found.survives
    body = module(
        "int ret; spin_lock(&lock); ret = kfifo_alloc(&f, 64, GFP_KERNEL); spin_unlock(&lock);"
        " return ret;",
        "kfifo_free(&f);",
        "static DEFINE_SPINLOCK(lock);\nstatic struct kfifo f;",
    )
    assert kinds(run(body)) == ["sleep-in-atomic"]


# --- rbtree -------------------------------------------------------------------------------

TREE = """
struct item { u32 key; struct rb_node node; };
static struct item pool[300];
static struct rb_root root = RB_ROOT;
static bool less(struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct item, node)->key < rb_entry(b, struct item, node)->key;
}
static int by_key(const void *key, const struct rb_node *node)
{
	u32 other = rb_entry(node, struct item, node)->key;

	return *(const u32 *)key < other ? -1 : *(const u32 *)key > other;
}
long put(u32 slot, u32 key);
long put(u32 slot, u32 key)
{
	pool[slot].key = key;
	rb_add(&pool[slot].node, &root, less);
	return 0;
}
long drop(u32 slot);
long drop(u32 slot)
{
	rb_erase(&pool[slot].node, &root);
	RB_CLEAR_NODE(&pool[slot].node);
	return 0;
}
long slot_of(u32 key);
long slot_of(u32 key)
{
	struct rb_node *found = rb_find(&key, &root, by_key);

	return found ? rb_entry(found, struct item, node) - pool : -1;
}
"""
ITEM = 32


class Tree:
    """The tree of a running module, looked at from outside."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.pool = engine.globals_address("pool")
        self.root = engine.globals_address("root")

    def word(self, address: int, size: int = 8) -> int:
        return int.from_bytes(self.engine.machine.memory.peek(address, size), "little")

    def check(self) -> list[int]:
        """Assert what makes a tree red-black; return the keys in order."""
        keys: list[int] = []

        def black_height(node: int, parent: int, *, red_above: bool) -> int:
            if not node:
                return 1
            word = self.word(node)
            red = not word & 1
            assert word & ~3 == parent
            assert not (red and red_above), "a red node has a red child"
            left = black_height(self.word(node + 16), node, red_above=red)
            keys.append(self.word(node - 8, 4))
            right = black_height(self.word(node + 8), node, red_above=red)
            assert left == right, "ways with different numbers of black nodes"
            return left + (not red)

        top = self.word(self.root)
        black_height(top, 0, red_above=True)
        return keys


@pytest.mark.parametrize("seed", range(3))
def test_a_tree_stays_red_and_black_and_sorted(seed: int) -> None:
    tree = Tree(engine_for(INCLUDES + TREE))
    draw = random.Random(seed)
    free, held = list(range(300)), {}
    for turn in range(400):
        if held and (not free or draw.random() < (0.3 if turn < 200 else 0.7)):
            slot = draw.choice(list(held))
            tree.engine.call("drop", slot)
            free.append(slot)
            del held[slot]
        else:
            slot = free.pop(draw.randrange(len(free)))
            held[slot] = draw.randrange(1000)
            tree.engine.call("put", slot, held[slot])
        if turn % 5 == 0 or turn > 380:
            assert tree.check() == sorted(held.values())
    assert tree.engine.defect is None
    for key in range(0, 1000, 37):
        slot = tree.engine.call("slot_of", key)
        assert (held.get(slot) == key) if key in held.values() else slot == -1


@pytest.mark.parametrize("step", [1, -1])
def test_keys_in_order_do_not_make_a_list(step: int) -> None:
    tree = Tree(engine_for(INCLUDES + TREE))
    for slot in range(255):
        tree.engine.call("put", slot, (slot * step) & 0xFFFF)
    assert len(tree.check()) == 255

    def height(node: int) -> int:
        return 1 + max(height(tree.word(node + 16)), height(tree.word(node + 8))) if node else 0

    assert height(tree.word(tree.root)) <= 16


def test_walks_go_both_ways_and_children_before_parents() -> None:
    lines = """
	struct rb_node *n; struct item *pos, *tmp; u32 last = 0; long up = 0, down = 0, post = 0;
	for (u32 i = 0; i < 50; i++) put(i, i * 37 % 50 + 1);
	for (n = rb_first(&root); n; n = rb_next(n)) {
		u32 key = rb_entry(n, struct item, node)->key;
		if (key != last + 1) return -1;
		last = key; up++;
	}
	for (n = rb_last(&root); n; n = rb_prev(n)) {
		if (rb_entry(n, struct item, node)->key != last--) return -2;
		down++;
	}
	rbtree_postorder_for_each_entry_safe(pos, tmp, &root, node) {
		if (pos->node.rb_left || pos->node.rb_right)
			if (!post) return -3;
		memset(pos, 0x5a, sizeof(*pos));
		post++;
	}
	root = RB_ROOT;
	return RB_EMPTY_ROOT(&root) ? up * 10000 + down * 100 + post : -4;"""
    assert value(probe(lines, TREE)) == 505050


def test_a_cached_root_knows_its_first_node() -> None:
    lines = """
	struct rb_root_cached fast = RB_ROOT_CACHED; struct rb_node *n; u32 key = 7; long same = 0;
	for (u32 i = 0; i < 20; i++) {
		pool[i].key = (i * 7 + 5) % 20;
		rb_add_cached(&pool[i].node, &fast, less);
		if (rb_first_cached(&fast) != rb_first(&fast.rb_root)) return -1;
	}
	while ((n = rb_first_cached(&fast))) {
		rb_erase_cached(n, &fast);
		if (rb_first_cached(&fast) != rb_first(&fast.rb_root)) return -2;
	}
	for (u32 i = 0; i < 9; i++) put(i, i % 3 + 6);
	rb_for_each(n, &key, &root, by_key) same++;
	rb_replace_node(&pool[0].node, &pool[100].node, &root);
	pool[100].key = 6;
	RB_CLEAR_NODE(&pool[0].node);
	key = 6;
	rb_for_each(n, &key, &root, by_key) if (n == &pool[0].node) return -3;
	return RB_EMPTY_NODE(&pool[0].node) ? same : -4;"""
    assert value(probe(lines, TREE)) == 3


def test_a_node_freed_in_the_tree_is_touched_by_the_next_insertion() -> None:
    start = """
	struct item *a = kzalloc(sizeof(*a), GFP_KERNEL), *b = kzalloc(sizeof(*b), GFP_KERNEL);
	if (!a || !b) return -ENOMEM;
	a->key = 1; b->key = 2;
	rb_add(&a->node, &root, less);
	kfree(a);
	rb_add(&b->node, &root, less);
	rb_erase(&b->node, &root);
	kfree(b);
	return 0;"""
    assert "slab-use-after-free" in kinds(run(module(start, before=TREE)))


def test_a_node_put_in_twice_makes_a_circle_that_ends_the_run() -> None:
    start = """
	struct rb_node *n; int count = 0;
	put(0, 1);
	rb_link_node(&pool[0].node, &pool[0].node, &pool[0].node.rb_right);
	for (n = rb_last(&root); n; n = rb_next(n)) count++;
	return 0;"""
    result = run(module(start, before=TREE))
    assert result.outcome == "stopped"


# --- xarray -------------------------------------------------------------------------------

XA = """
static __maybe_unused DEFINE_XARRAY(xa);
static __maybe_unused DEFINE_XARRAY_ALLOC(ids);
static __maybe_unused DEFINE_XARRAY_ALLOC1(one);
"""


def nodes(engine: Engine) -> int:
    """How many nodes the driver's trees hold."""
    live = engine.machine.checks.book.live()
    return sum(item.size == 576 and item.kind == "cache-object" for item in live)


TREE_OF_WORDS = (
    XA
    + """
long set(unsigned long index, unsigned long v);
long set(unsigned long index, unsigned long v)
{
	void *old = xa_store(&xa, index, v ? xa_mk_value(v) : NULL, GFP_KERNEL);

	return xa_is_err(old) ? xa_err(old) : old ? xa_to_value(old) : 0;
}
long get(unsigned long index);
long get(unsigned long index)
{
	void *e = xa_load(&xa, index);

	return e ? xa_to_value(e) : 0;
}
long sum(void);
long sum(void)
{
	unsigned long index; void *e; long s = 0;

	xa_for_each(&xa, index, e)
		s = s * 31 + (index & 0xffff) * xa_to_value(e);
	return s;
}
long take(unsigned long index);
long take(unsigned long index)
{
	void *e = xa_erase(&xa, index);

	return e ? xa_to_value(e) : 0;
}
long end(void);
long end(void)
{
	xa_destroy(&xa);
	return xa_empty(&xa);
}
"""
)


@pytest.mark.parametrize("span", [40, 3000, 1 << 40])
def test_an_array_holds_what_a_dictionary_holds(span: int) -> None:
    engine = engine_for(INCLUDES + TREE_OF_WORDS)
    draw, model = random.Random(span), dict[int, int]()
    for _ in range(250):
        index = draw.randrange(span)
        if draw.random() < 0.4:
            index = draw.choice(list(model)) if model and draw.random() < 0.8 else index
            assert engine.call("take", index) == model.pop(index, 0)
        else:
            number = draw.randrange(1, 1000)
            assert engine.call("set", index, number) == model.get(index, 0)
            model[index] = number
    wanted = 0
    for index in sorted(model):
        wanted = (wanted * 31 + (index & 0xFFFF) * model[index]) & ((1 << 64) - 1)
    assert engine.call("sum") & ((1 << 64) - 1) == wanted
    for index in list(model):
        assert engine.call("get", index) == model[index]
    assert nodes(engine) > 0 or span == 40
    for index in list(model):
        engine.call("take", index)
    assert nodes(engine) == 0
    assert engine.defect is None


def test_how_many_nodes_an_array_takes() -> None:
    """One entry at 0 lies in the head; every level of 64 more costs one node."""
    engine = engine_for(INCLUDES + TREE_OF_WORDS)
    for index, wanted in ((0, 0), (1, 1), (63, 1), (64, 3), (4096, 6), (4095, 7)):
        engine.call("set", index, 5)
        assert nodes(engine) == wanted, index
    engine.call("take", 4096)
    assert nodes(engine) == 4
    assert engine.call("end") == 1
    assert nodes(engine) == 0


def test_numbers_from_an_array() -> None:
    lines = """
	u32 id = 77, next = 0; long r = 0;
	for (u32 i = 0; i < 130; i++)
		if (xa_alloc(&ids, &id, xa_mk_value(i), xa_limit_32b, GFP_KERNEL) || id != i) return -1;
	if (xa_alloc(&ids, &id, xa_mk_value(1), XA_LIMIT(5, 90), GFP_KERNEL) != -EBUSY) return -2;
	xa_erase(&ids, 64);
	if (xa_alloc(&ids, &id, NULL, xa_limit_16b, GFP_KERNEL) || id != 64) return -3;
	if (xa_load(&ids, 64)) return -4;
	if (xa_insert(&ids, 64, xa_mk_value(1), GFP_KERNEL) != -EBUSY) return -5;
	if (xa_alloc(&one, &id, &r, xa_limit_31b, GFP_KERNEL) || id != 1) return -6;
	for (u32 i = 0; i < 3; i++) {
		int ret = xa_alloc_cyclic(&one, &id, &r, XA_LIMIT(2, 4), &next, GFP_KERNEL);
		if (ret || id != i + 2) return -7;
	}
	xa_erase(&one, 3);
	if (xa_alloc_cyclic(&one, &id, &r, XA_LIMIT(2, 4), &next, GFP_KERNEL) != 1) return -8;
	if (id != 3 || next != 4) return -9;
	if (xa_reserve(&xa, 9, GFP_KERNEL) || xa_load(&xa, 9) || xa_empty(&xa)) return -10;
	xa_release(&xa, 9);
	if (!xa_empty(&xa)) return -11;
	if (xa_cmpxchg(&xa, 3, NULL, &r, GFP_KERNEL) || xa_cmpxchg(&xa, 3, NULL, &id, GFP_KERNEL) != &r)
		return -12;
	xa_set_mark(&xa, 3, XA_MARK_1);
	if (!xa_get_mark(&xa, 3, XA_MARK_1) || xa_get_mark(&xa, 3, XA_MARK_2)) return -13;
	if (!xa_marked(&xa, XA_MARK_1)) return -14;
	xa_erase(&xa, 3);
	xa_destroy(&ids);
	xa_destroy(&one);
	return xa_empty(&ids) && xa_empty(&xa) ? id : -15;"""
    assert value(probe(lines, XA)) == 3


FORGOTTEN = module(
    """
	void *old = xa_store(&xa, 100, &xa, GFP_KERNEL);
	return xa_err(old);""",
    "%s",
    XA,
)


def test_a_forgotten_xa_destroy_leaks_nodes() -> None:
    assert kinds(run(FORGOTTEN % "xa_destroy(&xa);")) == []
    assert kinds(run(FORGOTTEN % "xa_erase(&xa, 100);")) == []
    result = run(FORGOTTEN % "")
    assert kinds(result) == ["leak", "leak"]
    assert "(size 576)" in "\n".join(texts(result))


def test_nodes_come_from_the_kernels_cache_and_go_back_after_a_grace_period() -> None:
    booted = machine("production")
    cache = booted.slub.find("radix_tree_node")
    assert cache is not None
    assert cache.object_size == 576
    body = XA + probe(
        "xa_store(&xa, 100, &xa, GFP_KERNEL); xa_destroy(&xa); synchronize_rcu(); return 0;"
    )
    engine = engine_for(INCLUDES + body)
    before = engine.machine.slub.find("radix_tree_node")
    assert before is not None
    assert engine.call("probe") == 0
    taken = [item for item in engine.machine.slub.slabs.values() if item.cache is before]
    assert taken
    assert not any(slab.owned for slab in taken)


def test_a_store_survives_one_failure_without_sleeping() -> None:
    """The first try under the lock may fail: the second one, with the caller's flags, serves."""
    found = sweep(FORGOTTEN % "xa_destroy(&xa);")
    assert found.results
    assert {result.verdict for result in found.results} == {"absorbed"}
    atomic = FORGOTTEN.replace("GFP_KERNEL", "GFP_ATOMIC") % "xa_destroy(&xa);"
    assert sweep(atomic).survives


def test_a_store_under_a_spinlock_says_nothing_but_xa_insert_does() -> None:
    """6.12 has might_alloc() in xa_insert() and kin, not in xa_store()."""
    body = module(
        "spin_lock(&lock); ret = %s; spin_unlock(&lock); return ret;",
        "xa_destroy(&xa);",
        XA + "static DEFINE_SPINLOCK(lock);\nstatic int ret;",
    )
    assert kinds(run(body % "xa_err(xa_store(&xa, 5, &xa, GFP_KERNEL))")) == []
    assert kinds(run(body % "xa_insert(&xa, 5, &xa, GFP_KERNEL)")) == ["sleep-in-atomic"]
    assert kinds(run(body % "xa_insert(&xa, 5, &xa, GFP_ATOMIC)")) == []


def test_the_array_has_one_lock() -> None:
    start = "xa_lock(&xa); xa_store(&xa, 1, &xa, GFP_ATOMIC); xa_unlock(&xa); return 0;"
    assert "deadlock" in kinds(run(module(start, before=XA)))
    held = start.replace("xa_store", "__xa_store")
    assert kinds(run(module(held, "xa_destroy(&xa);", XA))) == []


# --- idr and ida --------------------------------------------------------------------------

IDR = "static DEFINE_IDR(idr);\n"


def test_numbers_for_objects() -> None:
    lines = """
	static int things[200]; int id, *p; long sum = 0; struct idr from;
	for (int i = 0; i < 200; i++)
		if (idr_alloc(&idr, &things[i], 0, 0, GFP_KERNEL) != i) return -1;
	if (idr_find(&idr, 150) != &things[150] || idr_find(&idr, 200)) return -2;
	if (idr_remove(&idr, 70) != &things[70] || idr_remove(&idr, 70)) return -3;
	if (idr_alloc(&idr, things, 100, 200, GFP_KERNEL) != -ENOSPC) return -4;
	if (idr_alloc(&idr, NULL, 1, 0, GFP_KERNEL) != 70 || idr_find(&idr, 70)) return -5;
	if (idr_replace(&idr, &things[7], 70) || idr_find(&idr, 70) != &things[7]) return -6;
	if (idr_replace(&idr, things, 999) != ERR_PTR(-ENOENT)) return -7;
	idr_for_each_entry(&idr, p, id) sum += id;
	for (int i = 0; i < 200; i++) idr_remove(&idr, i);
	if (!idr_is_empty(&idr)) return -8;
	idr_init_base(&from, 10);
	if (idr_alloc(&from, things, 0, 0, GFP_KERNEL) != 10 || !idr_find(&from, 10)) return -9;
	if (idr_alloc_cyclic(&from, things, 10, 13, GFP_KERNEL) != 11) return -10;
	idr_remove(&from, 11);
	if (idr_alloc_cyclic(&from, things, 10, 13, GFP_KERNEL) != 12) return -11;
	if (idr_alloc_cyclic(&from, things, 10, 13, GFP_KERNEL) != 11) return -12;
	idr_destroy(&from);
	return sum;"""
    assert value(probe(lines, IDR)) == sum(range(200))


def test_idr_for_each_ends_with_the_first_answer() -> None:
    before = (
        IDR
        + """
static int look(int id, void *p, void *data)
{
	(*(int *)data)++;
	return id == 3 ? 42 : 0;
}
"""
    )
    lines = """
	int calls = 0; long r;
	for (int i = 0; i < 9; i++) if (idr_alloc(&idr, &idr, 0, 0, GFP_KERNEL) < 0) return -1;
	r = idr_for_each(&idr, look, &calls);
	idr_destroy(&idr);
	return r * 100 + calls;"""
    assert value(probe(lines, before)) == 4204


def test_even_the_first_number_of_an_idr_takes_a_node() -> None:
    engine = engine_for(INCLUDES + IDR + probe("return idr_alloc(&idr, &idr, 0, 0, GFP_KERNEL);"))
    assert engine.call("probe") == 0
    assert nodes(engine) == 1


IDR_MODULE = """
static DEFINE_IDR(idr);
static DEFINE_SPINLOCK(lock);
static int __init start(void)
{
	int id;

	%s
	spin_lock(&lock);
	id = idr_alloc(&idr, &idr, 1, 0, %s);
	spin_unlock(&lock);
	%s
	return id < 0 ? id : 0;
}
static void __exit stop(void)
{
	idr_destroy(&idr);
}
module_init(start);
module_exit(stop);
"""


def test_idr_alloc_under_a_spinlock_must_not_sleep() -> None:
    assert kinds(run(IDR_MODULE % ("", "GFP_KERNEL", ""))) == ["sleep-in-atomic"]
    assert kinds(run(IDR_MODULE % ("", "GFP_ATOMIC", ""))) == []


def test_preloading_makes_up_for_a_failure_under_the_lock() -> None:
    bare = sweep(IDR_MODULE % ("", "GFP_NOWAIT", ""))
    assert -12 in [result.result for result in bare.results]
    body = IDR_MODULE % ("idr_preload(GFP_KERNEL);", "GFP_NOWAIT", "idr_preload_end();")
    assert kinds(run(body)) == []
    verdicts = [result.verdict for result in sweep(body).results]
    assert verdicts
    assert set(verdicts) == {"absorbed"}


def test_a_forgotten_idr_destroy_leaks_nodes() -> None:
    body = IDR_MODULE.replace("idr_destroy(&idr);", "") % ("", "GFP_ATOMIC", "")
    assert kinds(run(body)) == ["leak"]


IDA = "static DEFINE_IDA(ida);\n"


def test_numbers_alone() -> None:
    lines = """
	for (int i = 0; i < 70; i++) if (ida_alloc(&ida, GFP_KERNEL) != i) return -1;
	ida_free(&ida, 5);
	ida_free(&ida, 66);
	if (ida_alloc_min(&ida, 6, GFP_KERNEL) != 66 || ida_alloc(&ida, GFP_KERNEL) != 5) return -2;
	if (ida_alloc_max(&ida, 40, GFP_KERNEL) != -ENOSPC) return -3;
	if (ida_alloc_range(&ida, 5000, 5001, GFP_KERNEL) != 5000) return -4;
	if (ida_alloc_range(&ida, 5000, 5001, GFP_KERNEL) != 5001) return -5;
	if (ida_alloc_range(&ida, 5000, 5001, GFP_KERNEL) != -ENOSPC) return -6;
	if (ida_alloc_min(&ida, 1000, GFP_KERNEL) != 1000) return -7;
	for (int i = 0; i < 70; i++) ida_free(&ida, i);
	ida_free(&ida, 1000);
	ida_free(&ida, 5000);
	ida_free(&ida, 5001);
	return ida_is_empty(&ida);"""
    engine = engine_for(INCLUDES + IDA + probe(lines), "debug")
    assert engine.call("probe") == 1
    assert not engine.machine.checks.book.live()


def test_a_full_chunk_is_passed_over() -> None:
    lines = """
	for (int i = 0; i < 1030; i++) if (ida_alloc(&ida, GFP_KERNEL) != i) return -1;
	ida_free(&ida, 600);
	if (ida_alloc(&ida, GFP_KERNEL) != 600 || ida_alloc(&ida, GFP_KERNEL) != 1030) return -2;
	ida_destroy(&ida);
	return ida_is_empty(&ida);"""
    engine = engine_for(INCLUDES + IDA + probe(lines))
    assert engine.call("probe") == 1
    assert not engine.machine.checks.book.live()


def test_the_first_numbers_of_an_ida_take_no_memory() -> None:
    body = "for (int i = 0; i < %d; i++) if (ida_alloc(&ida, GFP_KERNEL) < 0) return -1; return 0;"
    few = engine_for(INCLUDES + IDA + probe(body % 63))
    assert few.call("probe") == 0
    assert not few.machine.checks.book.live()
    more = engine_for(INCLUDES + IDA + probe(body % 64))
    assert more.call("probe") == 0
    assert [item.size for item in more.machine.checks.book.live()] == [128]


def test_a_number_given_back_twice_is_warned_of() -> None:
    start = (
        "int id = ida_alloc(&ida, GFP_KERNEL); ida_free(&ida, id); ida_free(&ida, id); return 0;"
    )
    result = run(module(start, before=IDA))
    assert "ida_free called for id=0 which is not allocated." in "\n".join(texts(result))
    assert "WARNING" in "\n".join(texts(result))


def test_ida_under_faults() -> None:
    start = """
	int id = ida_alloc_min(&ida, 100, %s);
	return id < 0 ? id : 0;"""
    body = module(start, "ida_destroy(&ida);", IDA)
    assert sweep(body % "GFP_KERNEL").survives
    atomic = sweep(body % "GFP_ATOMIC")
    assert atomic.survives


# --- llist, list_sort ---------------------------------------------------------------------


def test_a_lockless_list_gives_the_newest_first() -> None:
    before = "struct job { int n; struct llist_node node; };\nstatic struct job pool[5];\n"
    lines = """
	LLIST_HEAD(head); struct job *j, *tmp; struct llist_node *all; long r = 0, first = 0;
	for (int i = 0; i < 5; i++) {
		pool[i].n = i + 1;
		first += llist_add(&pool[i].node, &head);
	}
	if (first != 1 || llist_empty(&head)) return -1;
	if (llist_entry(llist_del_first(&head), struct job, node)->n != 5) return -2;
	all = llist_del_all(&head);
	if (!llist_empty(&head)) return -3;
	llist_for_each_entry(j, all, node) r = r * 10 + j->n;
	all = llist_reverse_order(all);
	llist_for_each_entry_safe(j, tmp, all, node) { r = r * 10 + j->n; init_llist_node(&j->node); }
	return llist_on_list(&pool[0].node) ? -4 : r;"""
    assert value(probe(lines, before)) == 43211234


@pytest.mark.parametrize("compare", ["a->key - b->key", "a->key > b->key"])
def test_list_sort_is_stable_with_signs_and_with_booleans(compare: str) -> None:
    before = f"""
struct rec {{ int key; int was; struct list_head list; }};
static struct rec pool[60];
static LIST_HEAD(head);
static int calls;
static int cmp(void *priv, const struct list_head *x, const struct list_head *y)
{{
	const struct rec *a = list_entry(x, struct rec, list), *b = list_entry(y, struct rec, list);

	(*(int *)priv)++;
	return {compare};
}}
"""
    lines = """
	struct rec *r, *last = NULL; int n = 0;
	for (int i = 0; i < 60; i++) {
		pool[i].key = i * 17 % 10;
		pool[i].was = i;
		list_add_tail(&pool[i].list, &head);
	}
	list_sort(&calls, &head, cmp);
	list_for_each_entry(r, &head, list) {
		if (last && (last->key > r->key || (last->key == r->key && last->was > r->was))) return -1;
		last = r;
		n++;
	}
	last = NULL;
	list_for_each_entry_reverse(r, &head, list) {
		if (last && last->key < r->key) return -2;
		last = r;
	}
	return calls > 0 && calls < 400 ? n : -3;"""
    assert value(probe(lines, before)) == 60


# --- percpu_counter -----------------------------------------------------------------------

COUNTER = "#include <linux/percpu_counter.h>\nstatic struct percpu_counter c;\n"


def test_a_counter_is_exact_as_a_sum_only() -> None:
    lines = """
	long r;
	if (percpu_counter_init(&c, 100, GFP_KERNEL)) return -1;
	for (int i = 0; i < 20; i++) percpu_counter_inc(&c);
	if (percpu_counter_read(&c) != 100 || percpu_counter_sum(&c) != 120) return -2;
	percpu_counter_add(&c, 1000);
	if (percpu_counter_read(&c) != 1120) return -3;
	percpu_counter_sub(&c, 2000);
	if (percpu_counter_read_positive(&c) || percpu_counter_sum_positive(&c)) return -4;
	if (percpu_counter_compare(&c, -880) || percpu_counter_compare(&c, 5) != -1) return -5;
	percpu_counter_set(&c, 9);
	percpu_counter_dec(&c);
	r = percpu_counter_sum(&c);
	percpu_counter_destroy(&c);
	return percpu_counter_initialized(&c) ? -6 : r + 100 * sizeof(c);"""
    assert value(probe(lines, COUNTER)) == 4008


def test_a_counter_that_is_not_destroyed_leaks_per_cpu_memory() -> None:
    start = "return percpu_counter_init(&c, 0, GFP_KERNEL);"
    assert kinds(run(module(start, "percpu_counter_destroy(&c);", COUNTER))) == []
    assert kinds(run(module(start, "", COUNTER))) == ["leak"]


def test_a_counter_freed_without_destroy_is_met_by_the_next_one() -> None:
    start = """
	struct percpu_counter *p = kmalloc(sizeof(*p), GFP_KERNEL);
	if (!p) return -ENOMEM;
	if (percpu_counter_init(p, 0, GFP_KERNEL)) { kfree(p); return -ENOMEM; }
	kfree(p);
	return percpu_counter_init(&c, 0, GFP_KERNEL);"""
    assert "slab-use-after-free" in kinds(run(module(start, "", COUNTER)))


def test_layouts_are_those_of_6_12() -> None:
    sizes = {
        "struct rb_node": 24,
        "struct rb_root_cached": 16,
        "struct __kfifo": 24,
        "struct xarray": 16,
        "struct idr": 24,
        "struct ida": 16,
        "struct llist_node": 8,
    }
    tests = "".join(f"if (sizeof({name}) != {size}) wrong++;\n" for name, size in sizes.items())
    assert value_of(INCLUDES + probe(f"long wrong = 0;\n{tests}return wrong;")) == 0


@pytest.mark.parametrize("name", ["event_fifo", "session_ids", "range_tree"])
def test_drivers_of_the_corpus_survive_every_failure(name: str) -> None:
    case = next(case for case in cases() if case.name == name)
    _, found = sweep_faults(case.source, f"{name}.c", MachineSpec(ram=64 * MIB), case.script)
    assert found is not None
    assert found.results
    assert found.survives, [result.as_json() for result in found.results if not result.survived]

/* Multiplicative hashing: the high bits of a product with the golden ratio are well mixed. */
#ifndef _LINUX_HASH_H
#define _LINUX_HASH_H
#include <linux/types.h>

#define GOLDEN_RATIO_32 0x61C88647
#define GOLDEN_RATIO_64 0x61C8864680B583EBull
#define GOLDEN_RATIO_PRIME GOLDEN_RATIO_64

static inline u32 __hash_32(u32 val)
{
	return (u32)(val * GOLDEN_RATIO_32);
}

static inline u32 hash_32(u32 val, unsigned int bits)
{
	u32 mixed = __hash_32(val);

	return mixed >> (32 - bits);
}

static inline u32 hash_64(u64 val, unsigned int bits)
{
	u64 mixed = val * GOLDEN_RATIO_64;

	return (u32)(mixed >> (64 - bits));
}

#define hash_long(val, bits) hash_64(val, bits)

static inline u32 hash_ptr(const void *ptr, unsigned int bits)
{
	return hash_64((unsigned long)ptr, bits);
}

static inline u32 hash32_ptr(const void *ptr)
{
	u64 word = (unsigned long)ptr;

	return (u32)(word ^ (word >> 32));
}

#endif

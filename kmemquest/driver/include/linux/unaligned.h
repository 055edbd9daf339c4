/* Numbers at any address, in a given byte order. */
#ifndef _LINUX_UNALIGNED_H
#define _LINUX_UNALIGNED_H
#include <linux/types.h>
#include <asm/byteorder.h>

static inline u16 __kmq_at16(const void *from)
{
	const struct { u16 value; } __attribute__((packed)) *at = from;

	return at->value;
}

static inline u32 __kmq_at32(const void *from)
{
	const struct { u32 value; } __attribute__((packed)) *at = from;

	return at->value;
}

static inline u64 __kmq_at64(const void *from)
{
	const struct { u64 value; } __attribute__((packed)) *at = from;

	return at->value;
}

#define get_unaligned_le16(p) le16_to_cpu(__kmq_at16(p))
#define get_unaligned_le32(p) le32_to_cpu(__kmq_at32(p))
#define get_unaligned_le64(p) le64_to_cpu(__kmq_at64(p))
#define get_unaligned_be16(p) be16_to_cpu(__kmq_at16(p))
#define get_unaligned_be32(p) be32_to_cpu(__kmq_at32(p))
#define get_unaligned_be64(p) be64_to_cpu(__kmq_at64(p))

#endif

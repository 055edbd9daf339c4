/* Bytes in the order of the CPU (little-endian here) and of the wire. */
#ifndef _LINUX_BYTEORDER_H
#define _LINUX_BYTEORDER_H
#include <linux/types.h>

#define swab16(x) __builtin_bswap16((u16)(x))
#define cpu_to_le16(x) ((__le16)(u16)(x))
#define le16_to_cpu(x) ((u16)(__le16)(x))
#define cpu_to_be16(x) ((__be16)swab16(x))
#define be16_to_cpu(x) swab16((__be16)(x))
#define cpu_to_le16p(p) cpu_to_le16(*(p))
#define le16_to_cpup(p) le16_to_cpu(*(p))
#define cpu_to_be16p(p) cpu_to_be16(*(p))
#define be16_to_cpup(p) be16_to_cpu(*(p))

#define swab32(x) __builtin_bswap32((u32)(x))
#define cpu_to_le32(x) ((__le32)(u32)(x))
#define le32_to_cpu(x) ((u32)(__le32)(x))
#define cpu_to_be32(x) ((__be32)swab32(x))
#define be32_to_cpu(x) swab32((__be32)(x))
#define cpu_to_le32p(p) cpu_to_le32(*(p))
#define le32_to_cpup(p) le32_to_cpu(*(p))
#define cpu_to_be32p(p) cpu_to_be32(*(p))
#define be32_to_cpup(p) be32_to_cpu(*(p))

#define swab64(x) __builtin_bswap64((u64)(x))
#define cpu_to_le64(x) ((__le64)(u64)(x))
#define le64_to_cpu(x) ((u64)(__le64)(x))
#define cpu_to_be64(x) ((__be64)swab64(x))
#define be64_to_cpu(x) swab64((__be64)(x))
#define cpu_to_le64p(p) cpu_to_le64(*(p))
#define le64_to_cpup(p) le64_to_cpu(*(p))
#define cpu_to_be64p(p) cpu_to_be64(*(p))
#define be64_to_cpup(p) be64_to_cpu(*(p))

#define htons(x) cpu_to_be16(x)
#define htonl(x) cpu_to_be32(x)
#define ntohs(x) be16_to_cpu(x)
#define ntohl(x) be32_to_cpu(x)
#define le32_add_cpu(var, val) (*(var) = cpu_to_le32(le32_to_cpu(*(var)) + (val)))

#endif

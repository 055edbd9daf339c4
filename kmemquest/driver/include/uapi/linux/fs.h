#ifndef _UAPI_LINUX_FS_H
#define _UAPI_LINUX_FS_H

#define BLOCK_SIZE_BITS 10
#define BLOCK_SIZE (1 << BLOCK_SIZE_BITS)

#define SEEK_SET 0
#define SEEK_CUR 1
#define SEEK_END 2

#endif

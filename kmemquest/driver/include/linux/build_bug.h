#ifndef _LINUX_BUILD_BUG_H
#define _LINUX_BUILD_BUG_H

#define __kmq_assert(condition, text, ...) _Static_assert(condition, text)
#define static_assert(condition, ...) __kmq_assert(condition, ##__VA_ARGS__, #condition)
#define BUILD_BUG_ON_ZERO(e) ((int)sizeof(struct { int:(-!!(e)); }))
#define BUILD_BUG_ON_MSG(condition, text) _Static_assert(!(condition), text)
#define BUILD_BUG_ON(condition) _Static_assert(!(condition), "BUILD_BUG_ON failed: " #condition)

#endif

#ifndef _LINUX_BUG_H
#define _LINUX_BUG_H
#include <linux/compiler.h>
#include <linux/build_bug.h>
#include <linux/types.h>

void __kmq_bug(const char *file, int line, const char *func) __noreturn;
void __kmq_warn(const char *file, int line, const char *func);
void __kmq_warn_fmt(const char *file, int line, const char *func, const char *fmt, ...) __printf(4, 5);

#define BUG() __kmq_bug(__FILE__, __LINE__, __func__)
#define BUG_ON(condition) do { if (unlikely(condition)) BUG(); } while (0)

#define WARN_ON(condition) ({ int __warn_on = !!(condition); \
	if (unlikely(__warn_on)) \
		__kmq_warn(__FILE__, __LINE__, __func__); \
	unlikely(__warn_on); })
#define WARN(condition, fmt, ...) ({ int __warn_on = !!(condition); \
	if (unlikely(__warn_on)) __kmq_warn_fmt(__FILE__, __LINE__, __func__, fmt, ##__VA_ARGS__); \
	unlikely(__warn_on); })
#define WARN_ON_ONCE(condition) ({ static bool __warned; int __warn_on = !!(condition); \
	if (unlikely(__warn_on && !__warned)) { \
		__warned = 1; __kmq_warn(__FILE__, __LINE__, __func__); } \
	unlikely(__warn_on); })
#define WARN_ONCE(condition, fmt, ...) ({ static bool __warned; int __warn_on = !!(condition); \
	if (unlikely(__warn_on && !__warned)) { \
		__warned = 1; __kmq_warn_fmt(__FILE__, __LINE__, __func__, fmt, ##__VA_ARGS__); } \
	unlikely(__warn_on); })

#endif

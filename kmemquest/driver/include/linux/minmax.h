#ifndef _LINUX_MINMAX_H
#define _LINUX_MINMAX_H

#define min(x, y) ({ typeof(x) __min_x = (x); typeof(y) __min_y = (y); \
	__min_x < __min_y ? __min_x : __min_y; })
#define max(x, y) ({ typeof(x) __max_x = (x); typeof(y) __max_y = (y); \
	__max_x > __max_y ? __max_x : __max_y; })
#define min_t(type, x, y) ({ type __min_tx = (x); type __min_ty = (y); \
	__min_tx < __min_ty ? __min_tx : __min_ty; })
#define max_t(type, x, y) ({ type __max_tx = (x); type __max_ty = (y); \
	__max_tx > __max_ty ? __max_tx : __max_ty; })
#define min3(x, y, z) min(min(x, y), z)
#define max3(x, y, z) max(max(x, y), z)
#define clamp(val, lo, hi) min(max(val, lo), hi)
#define clamp_t(type, val, lo, hi) min_t(type, max_t(type, val, lo), hi)
#define clamp_val(val, lo, hi) clamp_t(typeof(val), val, lo, hi)
#define min_not_zero(x, y) ({ typeof(x) __nz_x = (x); typeof(y) __nz_y = (y); \
	__nz_x == 0 ? __nz_y : (__nz_y == 0 ? __nz_x : min(__nz_x, __nz_y)); })
#define swap(a, b) do { typeof(a) __swap_tmp = (a); (a) = (b); (b) = __swap_tmp; } while (0)

#endif

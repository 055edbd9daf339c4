#ifndef _LINUX_MATH_H
#define _LINUX_MATH_H
#include <linux/types.h>

#define DIV_ROUND_UP(n, d) (((n) + (d) - 1) / (d))
#define DIV_ROUND_UP_ULL(n, d) DIV_ROUND_UP((unsigned long long)(n), (d))
#define DIV_ROUND_CLOSEST(x, divisor) (((x) + (divisor) / 2) / (divisor))
#define round_up(x, y) ((((x) - 1) | ((typeof(x))((y) - 1))) + 1)
#define round_down(x, y) ((x) & ~((typeof(x))((y) - 1)))
#define roundup(x, y) ((((x) + ((y) - 1)) / (y)) * (y))
#define rounddown(x, y) ((x) - ((x) % (y)))
#define abs(x) ({ typeof(x) __abs_x = (x); __abs_x < 0 ? -__abs_x : __abs_x; })
#define mult_frac(x, n, d) ({ typeof(x) __mf_x = (x); typeof(n) __mf_n = (n); typeof(d) __mf_d = (d); \
	__mf_x / __mf_d * __mf_n + __mf_x % __mf_d * __mf_n / __mf_d; })

unsigned long int_sqrt(unsigned long x);

#endif

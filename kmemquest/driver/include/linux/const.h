#ifndef _LINUX_CONST_H
#define _LINUX_CONST_H
#define UL(x) (x##UL)
#define ULL(x) (x##ULL)
#define _AC(x, y) (x##y)
#endif

#ifndef _LINUX_MODULEPARAM_H
#define _LINUX_MODULEPARAM_H
#include <linux/init.h>

/* The variable must have the type that the word says; signs may differ, as in a kernel build. */
#define __kmq_is(variable, type) __builtin_types_compatible_p(typeof(variable), type)
#define __param_check(variable, type) \
	_Static_assert(__kmq_is(variable, type), \
		       "return from incompatible pointer type: " #variable " is no " #type);
#define __param_check_sign(variable, type) \
	_Static_assert(__kmq_is(variable, type) || __kmq_is(variable, unsigned type), \
		       "return from incompatible pointer type: " #variable " is no " #type);
#define param_check_byte(variable) __param_check(variable, unsigned char)
#define param_check_short(variable) __param_check_sign(variable, short)
#define param_check_ushort(variable) __param_check_sign(variable, short)
#define param_check_int(variable) __param_check_sign(variable, int)
#define param_check_uint(variable) __param_check_sign(variable, int)
#define param_check_hexint(variable) __param_check_sign(variable, int)
#define param_check_long(variable) __param_check_sign(variable, long)
#define param_check_ulong(variable) __param_check_sign(variable, long)
#define param_check_ullong(variable) __param_check_sign(variable, long long)
#define param_check_charp(variable) __param_check(variable, char *)
#define param_check_bool(variable) __param_check(variable, bool)
#define param_check_invbool(variable) __param_check(variable, bool)

#define module_param_named(name, variable, type, perm) \
	param_check_##type(variable) \
	__kmq_modinfo("kmq_param=" #name ":" #variable ":" #type ":" #perm)
#define module_param(name, type, perm) module_param_named(name, name, type, perm)
#define module_param_string(name, string, len, perm) \
	__kmq_modinfo("kmq_param=" #name ":" #string ":string:" #perm)
#define module_param_array_named(name, array, type, nump, perm) \
	param_check_##type((array)[0]) \
	static unsigned int *const __UNIQUE_ID(count) __attribute__((unused)) = nump; \
	__kmq_modinfo("kmq_param=" #name ":" #array ":" #type ":" #perm ":" #nump)
#define module_param_array(name, type, nump, perm) module_param_array_named(name, name, type, nump, perm)
#define MODULE_PARM_DESC(parm, text) __kmq_modinfo("parm=" #parm ":" text)

#endif

#ifndef _LINUX_MODULEPARAM_H
#define _LINUX_MODULEPARAM_H
#include <linux/init.h>

#define module_param_named(name, variable, type, perm) \
	__kmq_modinfo("kmq_param=" #name ":" #variable ":" #type ":" #perm)
#define module_param(name, type, perm) module_param_named(name, name, type, perm)
#define module_param_string(name, string, len, perm) \
	__kmq_modinfo("kmq_param=" #name ":" #string ":string:" #perm)
#define MODULE_PARM_DESC(parm, text) __kmq_modinfo("parm=" #parm ":" text)

#endif

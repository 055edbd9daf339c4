/* A file from /lib/firmware, for the device to run. */
#ifndef _LINUX_FIRMWARE_H
#define _LINUX_FIRMWARE_H
#include <linux/types.h>
#include <linux/compiler.h>
#include <linux/cleanup.h>

struct device;

struct firmware {
	size_t size;
	const u8 *data;
	void *priv;
};

int __must_check request_firmware(const struct firmware **fw, const char *name, struct device *device);
int __must_check firmware_request_nowarn(const struct firmware **fw, const char *name, struct device *device);
#define request_firmware_direct(fw, name, device) firmware_request_nowarn(fw, name, device)
void release_firmware(const struct firmware *fw);

DEFINE_FREE(firmware, struct firmware *, release_firmware(_T))

#endif

// What Swift's Glibc module leaves out.
#ifndef ROLLCALL_CLINUX_SHIM_H
#define ROLLCALL_CLINUX_SHIM_H

#include <stddef.h>
#include <sys/epoll.h>

// Declared here, since <string.h> has it for _GNU_SOURCE alone.
void *_Nullable memmem(const void *_Nonnull haystack, size_t haystack_size, const void *_Nonnull needle, size_t needle_size);

#endif

// Declarations that the Glibc module of Swift lacks.
#ifndef ROLLCALL_CLINUX_SHIM_H
#define ROLLCALL_CLINUX_SHIM_H

#include <stddef.h>
#include <sys/epoll.h>

// Declared here, because <string.h> declares it only with _GNU_SOURCE.
void *_Nullable memmem(const void *_Nonnull haystack, size_t haystack_size, const void *_Nonnull needle, size_t needle_size);

#endif

// Rollcall · CHeap

#ifndef ROLLCALL_CHEAP_SHIM_H
#define ROLLCALL_CHEAP_SHIM_H

#ifdef __linux__
// Swift's own module of glibc lacks this header.
#include <malloc.h>
#endif

#endif

// Rollcall · CAllocationCounter
//
// A library for LD_PRELOAD that counts the allocations of a process, for Linux with glibc. No module of this package
// links it, because a program that links it would count its own allocations.
#ifndef ROLLCALL_ALLOCATION_COUNTER_H
#define ROLLCALL_ALLOCATION_COUNTER_H

#include <stdint.h>

// The environment variable with the path of the file of the counts. The file must exist; without it nothing is counted.
#define ALLOCATION_COUNTS_FILE "ALLOCATION_COUNTS_FILE"

// The content of the file: the number and the bytes of the allocations since it was made, in the byte order of the
// machine. A realloc counts as an allocation; a free does not count.
struct allocation_counts {
    _Atomic uint64_t number;
    _Atomic uint64_t bytes;
};

#endif

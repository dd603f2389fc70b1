// Rollcall · CAllocationCounter
//
// A library for LD_PRELOAD that counts what a process allocates, for Linux with glibc. It links nothing of ours and
// nothing of ours links it: a program that did would be measured itself.
#ifndef ROLLCALL_ALLOCATION_COUNTER_H
#define ROLLCALL_ALLOCATION_COUNTER_H

#include <stdint.h>

// The environment variable that names the file of the counts, which must be there; without it nothing is counted.
#define ALLOCATION_COUNTS_FILE "ALLOCATION_COUNTS_FILE"

// The file: how many allocations there were since it was made, and of how many bytes, in the machine's byte order.
// A realloc counts as an allocation, a free as nothing.
struct allocation_counts {
    _Atomic uint64_t number;
    _Atomic uint64_t bytes;
};

#endif

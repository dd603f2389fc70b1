// Tells the thread sanitizer about Swift's Mutex on Linux; scripts/tsan preloads it.
//
// Mutex locks and unlocks inline, where the sanitizer sees it, unless two threads want it at once: then it calls the
// runtime library, which is not instrumented, and which leaves the hand-over to the kernel. Without this file every
// contended Mutex is reported as a data race.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>

// The mangled names of Synchronization._MutexHandle's _lockSlow(UInt32) and _unlockSlow().
#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context)) void *handle

typedef SWIFT void lock_function(uint32_t thread, SELF);
typedef SWIFT void unlock_function(SELF);

// Of the sanitizer's runtime; absent in the programs that a test starts.
extern void __tsan_acquire(void *address) __attribute__((weak));
extern void __tsan_release(void *address) __attribute__((weak));

SWIFT void lock_slow(uint32_t thread, SELF) __asm__(LOCK);
SWIFT void unlock_slow(SELF) __asm__(UNLOCK);

SWIFT void lock_slow(uint32_t thread, SELF) {
    lock_function *original = (lock_function *)dlsym(RTLD_NEXT, LOCK);
    original(thread, handle);
    if (__tsan_acquire) {
        __tsan_acquire(handle);
    }
}

SWIFT void unlock_slow(SELF) {
    unlock_function *original = (unlock_function *)dlsym(RTLD_NEXT, UNLOCK);
    if (__tsan_release) {
        __tsan_release(handle);
    }
    original(handle);
}

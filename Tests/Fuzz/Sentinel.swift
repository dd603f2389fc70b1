// Rollcall · fuzz

import Foundation

/// Says which round was under way when the program crashes, or stands still for a minute.
enum Sentinel {
    private static let capacity = 256
    /// How to repeat the round, ready to be written by a signal's handler, which must not allocate.
    nonisolated(unsafe) private static let text = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
    nonisolated(unsafe) private static var length = 0  // because: one thread runs rounds, and the handlers run on it

    static func watch() {
        for number in [SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGALRM] {
            signal(number) { number in
                _ = write(STDERR_FILENO, Sentinel.text, Sentinel.length)
                signal(number, SIG_DFL)
                raise(number)
            }
        }
    }

    /// Notes that a round begins.
    static func begin(_ subject: Subject, seed: UInt64) {
        length = 0
        for byte in "A crash, or a minute's standstill. \(repetition(subject, seed: seed))\n".utf8.prefix(capacity) {
            text[length] = byte
            length += 1
        }
        alarm(60)
    }

    /// The command that makes the same round again.
    static func repetition(_ subject: Subject, seed: UInt64) -> String {
        "Repeat it with: fuzz \(subject.name) --seed \(seed) --count 1"
    }
}
